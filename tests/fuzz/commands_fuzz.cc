// libFuzzer target: GEO commands, BITFIELD, SORT and HyperLogLogs through the table of commands,
// with arguments that are right, nearly right, or anything. Whatever they are, there is one whole
// reply, nothing is read or written beside its memory, and the store can be flushed to nothing.
//
//   python3 tests/runner.py --only fuzz
//
// The input is a program of bytes: each command is a byte for its name and one for the number of
// its arguments; each argument a byte for a word of the dictionary, or for raw bytes with their
// length.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "src/commands/test_store.h"

namespace {

using namespace pollux;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

constexpr std::string_view kNames[] = {
    "geoadd", "geoadd", "geopos", "geodist", "geohash", "geosearch", "geosearchstore",
    "georadius", "georadiusbymember", "georadius_ro", "georadiusbymember_ro", "zadd",
    "bitfield", "bitfield_ro", "bitop", "increx", "msetex", "delex", "setrange",
    "set", "get", "del",
    "pfadd", "pfcount", "pfmerge", "pfdebug", "append",
    "sort", "sort_ro", "rpush", "sadd", "hset", "zunionstore", "zrange",
};
constexpr std::string_view kWords[] = {
    "g", "h", "l", "s", "z", "{h}1", "a", "b", "c",
    "NX", "XX", "CH", "ASC", "DESC", "COUNT", "ANY", "WITHDIST", "WITHCOORD", "WITHHASH", "STORE",
    "STOREDIST", "FROMMEMBER", "FROMLONLAT", "BYRADIUS", "BYBOX", "m", "km", "ft", "mi",
    "0", "1", "-1", "2", "13.361389", "38.115556", "-180", "180", "85.05112878", "-85.05112878",
    "179.999999", "1e-320", "1e308", "inf", "-inf", "nan", "20037726.37", "500", "12000",
    "GET", "SET", "INCRBY", "OVERFLOW", "WRAP", "SAT", "FAIL", "u1", "u8", "u63", "i64", "i5",
    "u64", "#0", "#100", "#9223372036854775807", "63", "4294967295", "-9223372036854775808",
    "9223372036854775807", "BY", "LIMIT", "ALPHA", "#", "*", "h*->a", "nosort", "*->", "->*",
    "DECODE", "GETREG", "TODENSE", "ENCODING", "HYLL", "WEIGHTS", "AGGREGATE", "MIN",
    "DIFF", "DIFF1", "ONE",
    "BYINT", "BYFLOAT", "LBOUND", "UBOUND", "SATURATE", "EX", "ENX", "IFEQ", "IFDNE",
    std::string_view("HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", 18),
};

class Program {
 public:
  Program(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  bool done() const { return at_ == end_; }
  uint8_t byte() { return done() ? uint8_t{0} : *at_++; }
  std::string argument() {
    const uint8_t kind = byte();
    if (kind < std::size(kWords)) {
      return std::string(kWords[kind]);
    }
    const auto size = static_cast<size_t>(kind - std::size(kWords));
    std::string text;
    while (text.size() < size && !done()) {
      text += static_cast<char>(byte());
    }
    return text;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// The end of the reply that begins at `at`; aborts if it is none.
size_t reply_end(std::string_view reply, size_t at) {
  const size_t line_end = reply.find("\r\n", at);
  require(line_end != std::string_view::npos);
  const std::string number(reply.substr(at + 1, line_end - at - 1));
  const size_t next = line_end + 2;
  switch (reply[at]) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '_':
      return next;
    case '$': {
      const long long size = std::atoll(number.c_str());
      require(size >= -1);
      const size_t end = size < 0 ? next : next + static_cast<size_t>(size) + 2;
      require(end <= reply.size());
      return end;
    }
    case '*':
    case '~': {
      size_t end = next;
      for (long long i = std::atoll(number.c_str()); i > 0; --i) {
        require(end < reply.size());
        end = reply_end(reply, end);
      }
      return end;
    }
    default:
      std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Program program(data, size);
  TestStore store(2);
  store.set_protocol(program.byte() % 2 == 0 ? 2 : 3);
  store.config().bulk_bytes_max = 1 << 20;
  store.config().encoding.zset_listpack_entries = program.byte() % 8;
  while (!program.done()) {
    std::vector<std::string> words = {std::string(kNames[program.byte() % std::size(kNames)])};
    for (size_t count = program.byte() % 16; count > 0 && !program.done(); --count) {
      words.push_back(program.argument());
    }
    const std::string reply =
        store.run_args(std::vector<std::string_view>(words.begin(), words.end()));
    require(reply_end(reply, 0) == reply.size());
  }
  require(store.run("flushall") == "+OK\r\n");
  return 0;
}
