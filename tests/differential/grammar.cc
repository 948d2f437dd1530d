#include "tests/differential/grammar.h"

#include <strings.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/differential/payloads.h"

namespace pollux {
namespace {

// With a family, one command in so many is any.
constexpr uint64_t kOthersOneIn = 5;

// Limits of the types that servers parse into, and one beyond each. None lies between a million
// and 2^32: as an offset such a number is valid and costs half a gigabyte.
constexpr const char* kEdgeIntegers[] = {
    "0",
    "-1",
    "-2",
    "-128",
    "-2147483648",
    "-2147483649",
    "4294967296",
    "1099511627776",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
};
constexpr const char* kNoIntegers[] = {
    "",   " ",    " 1",  "1 ", "+1", "01",   "-0",   "1.0", "0x10",
    "1e3", "abc", "--1", "-",  "+",  "nan",  "inf",  "1,0", "\xff\xfe",
};
constexpr const char* kFloats[] = {
    "0",       "1",      "-1",     "0.1",       "-0.1",     "3.0e3",   "1e17",     "1e18",
    "1e-7",    "1.5",    "2.50",   "10000.001", "1e308",    "-1e308",  "1e-320",   "5e-324",
    "1e4000",  "-1e4000", "1e4932", "1e4933",   "0.00001",  "1e21",    "123456789.987654321",
    "1.7976931348623157e308", "0.30000000000000004", "99999999999999999", "-0", "-0.0",
    "inf",     "-inf",   "+inf",   "Infinity",  "nan",      "-nan",    "0x1p3",    "0x10",
    "1.",      ".5",     "1e",     "e5",        "1.2.3",    "",        " 1.5",     "1.5 ",
    "+1.25",   "1_000",  "abc",
};
constexpr const char* kPatterns[] = {
    "*",     "k*",     "k[0-4]", "{a}*",  "*1",    "k?",      "k[^1]",  "nomatch", "[",
    "\\*",   "k[1-",   "*[ab]*", "",      "***",   "k[3-1]",  "\\",     "k1",      "?*?*?*",
    "[a-c]*", "{[ab]}[0-9]",
};
constexpr const char* kSortPatterns[] = {
    "k*", "h*->f1", "h*->1", "#", "s*", "*", "nosort", "k*->", "h*->*", "w_*", "p*q", "l*->x",
};
constexpr const char* kUnits[] = {"m", "km", "ft", "mi", "KM", "km", "km", "km", "mm"};
constexpr const char* kBitfieldTypes[] = {
    "i8", "u8", "i16", "u16", "i5", "u7", "i64", "u63", "i1", "u1", "i32", "u32",
    "u64", "i65", "i0", "u0", "x8", "i", "8", "", "I8", "u-1", "i08",
};
constexpr const char* kWords[] = {
    "foo", "BAR", "get", "set", "ping", "nosuch", "a b", "x\ty", "", "0", "\r\n", "\\", "'",
    "\"q\"", "EX", "NX", "\x01\x02", "client", "id",
};
constexpr const char* kNames[] = {
    "worker", "a", "", "with space", "new\nline", "caf\xc3\xa9", "x:1", "!~", "default",
};
constexpr const char* kCommandNames[] = {
    "get", "SET", "MSet", "bitfield", "lcs", "object", "OBJECT|ENCODING", "client|id", "nosuch",
    "expire", "del", "copy", "ping", "config|get", "append", "getex", "scan", "command",
};

// Options that change nothing that another command's reply shows; nor `hz`, with 1 of which a round
// of waits takes redis-server a minute.
constexpr const char* kOptions[] = {
    "slowlog-log-slower-than", "SLOWLOG-max-len", "latency-tracking", "save",
    "latency-tracking-info-percentiles", "shutdown-on-sigterm", "oom-score-adj-values",
    "active-expire-effort", "activerehashing", "repl-timeout", "hll-sparse-max-bytes", "masteruser",
    "set-max-intset-entries", "zset-max-ziplist-value", "list-max-listpack-size", "tcp-keepalive",
    "replica-announce-port", "repl-diskless-load", "acllog-max-len",
    "cluster-announce-hostname", "cluster-link-sendbuf-limit", "maxmemory-eviction-tenacity",
    "rdbchecksum", "daemonize", "dbfilename", "no-appendfsync-on-rewrite", "sanitize-dump-payload",
};
constexpr const char* kSettings[] = {
    "yes", "no", "YES", "maybe", "0", "1", "7", "100", "3mb", "1k", "2GB", "1tb", "-2", "5%", "",
    "a b",
    "0 200 800", "-2001 0 0", "3600 1 60 5", "3600", "50 99.9", "101", "50 x", "default", "nosave",
    "save nosave", "swapdb", "clients", "host-1.example", "host_1", "a/b",
};

std::string small_integer(Rng& rng) { return std::to_string(rng.below(21)); }

// Those that are lists more often than not, so that lists grow.
const std::vector<std::string>& list_keys() {
  static const std::vector<std::string> keys = {"l0", "l1", "l2", "{a}l", "x{b}l", "{}l"};
  return keys;
}

// The key universe: small, so that commands meet, and with {tags}, so that it spreads over shards
// in groups. The first ones are the most common.
const std::vector<std::string>& all_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> out;
    for (int i = 0; i < 22; i++) {
      out.push_back("k" + std::to_string(i));
    }
    for (int i = 0; i < 9; i++) {
      out.push_back((i < 5 ? "{a}" : "x{b}") + std::to_string(i));
    }
    for (int i = 0; i < 6; i++) {
      out.push_back("h" + std::to_string(i));
      out.push_back("s" + std::to_string(i));
      out.push_back("t" + std::to_string(i));
      out.push_back("z" + std::to_string(i));
    }
    for (int i = 0; i < 4; i++) {
      out.push_back("g" + std::to_string(i));
      out.push_back("p" + std::to_string(i));
    }
    out.insert(out.end(), {"", std::string("bin\0\r\n", 6), "{}0", "{}1"});
    out.push_back("long:" + std::string(300, 'k'));
    out.insert(out.end(), list_keys().begin(), list_keys().end());
    return out;
  }();
  return keys;
}

std::string key(Rng& rng) {
  return all_keys()[rng.below(rng.chance(2) ? 8 : all_keys().size())];
}

// A key that mostly is of one type: its first letter and a digit.
std::string key_of_type(char letter, Rng& rng) {
  return rng.chance(5) ? key(rng) : letter + std::to_string(rng.below(6));
}

std::string list_key(Rng& rng) {
  return rng.chance(12) ? key(rng) : list_keys()[rng.below(list_keys().size())];
}

std::string integer(Rng& rng) {
  switch (rng.below(10)) {
    case 0:
    case 1:
      return rng.pick(kEdgeIntegers);
    case 2:
      return rng.chance(2) ? std::string(rng.pick(kNoIntegers)) : "-" + small_integer(rng);
    default:
      return small_integer(rng);
  }
}

std::string text(Rng& rng, size_t length, bool binary) {
  std::string out(length, ' ');
  for (char& c : out) {
    c = binary ? static_cast<char>(rng.bits() >> 40) : static_cast<char>('a' + rng.below(6));
  }
  return out;
}

std::string any_value(Rng& rng) {
  switch (rng.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return small_integer(rng);
    case 4:
      return std::to_string(10000 + rng.below(20) - 10);  // around the shared integers
    case 5:
      return rng.pick(kEdgeIntegers);
    case 6:
      return rng.pick(kNoIntegers);
    case 7:
      return rng.pick(kFloats);
    case 8:
      return text(rng, 42 + rng.below(5), false);  // embstr ends at 44
    case 9:
      return text(rng, rng.below(40), true);
    case 10:
      return text(rng, 60 + rng.below(10), true);
    case 11:
      return rng.chance(40) ? text(rng, 70000, true) : text(rng, rng.below(300), false);
    case 12:
      return rng.chance(8) ? text(rng, 1000 + rng.below(4000), false) : "";
    default:
      return text(rng, rng.below(12), false);
  }
}

// A field of a hash or a member of a set: few, so that they meet.
std::string element(char letter, Rng& rng) {
  switch (rng.below(8)) {
    case 0:
      return any_value(rng);
    case 1:
    case 2:
    case 3:
      return letter + std::to_string(rng.below(20));
    default:
      return std::to_string(rng.below(30));
  }
}

// Of a list: few different ones, so that searches find some.
std::string list_element(Rng& rng) {
  static constexpr const char* kFew[] = {"a", "b", "1", "-1", "", "300", "01"};
  return rng.chance(3) ? any_value(rng) : rng.pick(kFew);
}

// Not -0, whose sign redis-server loses on some ways.
std::string score(Rng& rng) {
  switch (rng.below(6)) {
    case 0: {
      const std::string text = rng.pick(kFloats);
      return text.starts_with("-0") && !text.starts_with("-0.1") ? "1" : text;
    }
    case 1:
      return "-" + std::to_string(1 + rng.below(9)) + ".25";
    default:
      return small_integer(rng);
  }
}

std::string score_bound(Rng& rng) {
  switch (rng.below(8)) {
    case 0:
      return "-inf";
    case 1:
      return "+inf";
    case 2:
      return rng.pick(kNoIntegers);
    case 3:
    case 4:
      return "(" + score(rng);
    default:
      return score(rng);
  }
}

std::string lex_bound(Rng& rng) {
  static constexpr const char* kEnds[] = {"-", "+", "", "[", "(", "m", "-x", "++"};
  return rng.chance(3) ? rng.pick(kEnds) : (rng.chance(2) ? "[" : "(") + element('m', rng);
}

// A key of places. What stands at other scores lies at the map's corner, where redis-server misses
// some; so sorted sets are seldom searched for places, nor is what a search has stored.
std::string geo_key(Rng& rng) {
  static constexpr const char* kOthers[] = {"k0", "s1", "l0", "h1", "g9"};
  return rng.chance(15) ? rng.pick(kOthers) : "g" + std::to_string(rng.below(4));
}

// Degrees with so many digits that no two places have the same distance to a third by chance. The
// places are within some thousand kilometres, far from the poles and from 180 degrees.
std::string degrees(uint64_t range, Rng& rng) {
  static constexpr const char* kNowhere[] = {"180.5", "-181", "nan", "inf", "abc", "", "1e400"};
  if (rng.chance(40)) {
    return rng.pick(kNowhere);
  }
  return (rng.chance(2) ? "-" : "") + std::to_string(rng.below(range)) + "." +
         std::to_string(100000 + rng.below(900000));
}

std::string distance(Rng& rng) {
  static constexpr const char* kBad[] = {"-1", "abc", "nan", "", "0", "1e400"};
  if (rng.chance(20)) {
    return rng.pick(kBad);
  }
  return std::to_string(rng.below(rng.chance(4) ? 2000 : 500)) + (rng.chance(2) ? ".5" : "");
}

// An id for XADD: most often behind all that a stream has, else in the midst of it. None is of the
// clock.
std::string new_id(Rng& rng) {
  switch (rng.below(8)) {
    case 0:
      return std::to_string(rng.below(60)) + "-*";
    case 1:
      return std::to_string(rng.below(60)) + "-" + small_integer(rng);
    case 2:
      return rng.chance(6) ? rng.pick(kEdgeIntegers) : small_integer(rng);
    default:
      return "50-*";
  }
}

// An id that an entry may have.
std::string known_id(Rng& rng) {
  switch (rng.below(12)) {
    case 0:
      return rng.pick(kNoIntegers);
    case 1:
      return rng.pick(kEdgeIntegers);
    case 2:
      return std::to_string(rng.below(60));
    case 3:
      return "50-" + integer(rng);
    default:
      return "50-" + std::to_string(rng.below(150));
  }
}

std::string id_bound(Rng& rng) {
  switch (rng.below(6)) {
    case 0:
      return "-";
    case 1:
      return "+";
    case 2:
      return "(" + known_id(rng);
    default:
      return known_id(rng);
  }
}

// Far enough away for the whole test, and so spread that two are never a second apart by chance.
std::string far_seconds(Rng& rng) { return std::to_string(100000 + rng.below(900000000)); }
std::string far_ms(Rng& rng) { return std::to_string(100000000 + rng.below(900000000000)); }

std::string time_edge(Rng& rng) {
  switch (rng.below(4)) {
    case 0:
      return rng.pick(kNoIntegers);
    case 1:
      return "9223372036854775";
    default: {
      return rng.pick(kEdgeIntegers);
    }
  }
}

std::string bit_offset(Rng& rng) {
  switch (rng.below(16)) {
    case 0:
      return rng.pick(kEdgeIntegers);
    case 1:
      return rng.pick(kNoIntegers);
    case 2:
      return std::to_string(rng.below(20000));
    case 3:
      return rng.chance(8) ? std::to_string(rng.below(600000)) : "7";
    default:
      return std::to_string(rng.below(130));
  }
}

std::string byte_offset(Rng& rng) {
  switch (rng.below(16)) {
    case 0:
      return rng.pick(kEdgeIntegers);
    case 1:
      return rng.pick(kNoIntegers);
    case 2:
      return rng.chance(8) ? std::to_string(rng.below(70000)) : "536870912";
    default:
      return std::to_string(rng.below(60));
  }
}

std::string index(Rng& rng) {
  switch (rng.below(12)) {
    case 0:
      return rng.pick(kEdgeIntegers);
    case 1:
      return rng.chance(3) ? rng.pick(kNoIntegers) : "-100";
    case 2:
    case 3:
    case 4:
      return "-" + std::to_string(1 + rng.below(20));
    default:
      return std::to_string(rng.below(60));
  }
}

std::string database(Rng& rng) {
  switch (rng.below(20)) {
    case 0:
      return "15";
    case 1:
      return rng.chance(2) ? "16" : "-1";
    case 2:
      return rng.chance(2) ? rng.pick(kNoIntegers) : rng.pick(kEdgeIntegers);
    default:
      return std::to_string(rng.below(4));
  }
}

std::string any_case(const std::string& word, Rng& rng) {
  std::string out = word;
  uint64_t style = rng.below(10);
  for (char& c : out) {
    bool lower = style < 4 || (style == 4 && rng.chance(2));
    c = lower ? static_cast<char>(std::tolower(c)) : c;
  }
  return out;
}

void skip_blanks(std::string_view text, size_t* at) {
  while (*at < text.size() && text[*at] == ' ') {
    ++*at;
  }
}

// What stands for a <kind>. `edge` is below 12: 0 asks for a value at the edge; `now_ms` is when
// the test began.
using Maker = std::string (*)(Rng& rng, uint64_t edge, uint64_t now_ms);
const std::map<std::string_view, Maker> kMakers = {
    {"key", [](Rng& rng, uint64_t, uint64_t) { return key(rng); }},
    {"hash", [](Rng& rng, uint64_t, uint64_t) { return key_of_type('h', rng); }},
    {"set", [](Rng& rng, uint64_t, uint64_t) { return key_of_type('s', rng); }},
    {"zset", [](Rng& rng, uint64_t, uint64_t) { return key_of_type('z', rng); }},
    {"hll",
     [](Rng& rng, uint64_t, uint64_t) {
       return rng.chance(15) ? key(rng) : "p" + std::to_string(rng.below(4));
     }},
    // of one score; no other command knows these keys
    {"lexset", [](Rng& rng, uint64_t, uint64_t) { return "x" + std::to_string(rng.below(3)); }},
    // a list for ever, as a table's order is nobody's
    {"sortlist", [](Rng& rng, uint64_t, uint64_t) { return "y" + std::to_string(rng.below(3)); }},
    {"score", [](Rng& rng, uint64_t, uint64_t) { return score(rng); }},
    {"scorebound", [](Rng& rng, uint64_t, uint64_t) { return score_bound(rng); }},
    {"lex", [](Rng& rng, uint64_t, uint64_t) { return lex_bound(rng); }},
    {"geo", [](Rng& rng, uint64_t, uint64_t) { return geo_key(rng); }},
    {"place", [](Rng& rng, uint64_t, uint64_t) { return "q" + std::to_string(rng.below(30)); }},
    {"lon", [](Rng& rng, uint64_t, uint64_t) { return degrees(20, rng); }},
    {"lat", [](Rng& rng, uint64_t, uint64_t) { return degrees(40, rng); }},
    {"distance", [](Rng& rng, uint64_t, uint64_t) { return distance(rng); }},
    {"unit", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kUnits)); }},
    {"sortpattern",
     [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kSortPatterns)); }},
    {"field", [](Rng& rng, uint64_t, uint64_t) { return element('f', rng); }},
    {"member", [](Rng& rng, uint64_t, uint64_t) { return element('m', rng); }},
    {"stream", [](Rng& rng, uint64_t, uint64_t) { return key_of_type('t', rng); }},
    {"newid", [](Rng& rng, uint64_t, uint64_t) { return new_id(rng); }},
    {"id", [](Rng& rng, uint64_t, uint64_t) { return known_id(rng); }},
    {"bound", [](Rng& rng, uint64_t, uint64_t) { return id_bound(rng); }},
    {"group",
     [](Rng& rng, uint64_t edge, uint64_t) {
       return edge == 0 ? any_value(rng) : "g" + std::to_string(rng.below(2));
     }},
    {"consumer",
     [](Rng& rng, uint64_t edge, uint64_t) {
       return edge == 0 ? any_value(rng) : "c" + std::to_string(rng.below(3));
     }},
    {"lkey", [](Rng& rng, uint64_t, uint64_t) { return list_key(rng); }},
    {"element", [](Rng& rng, uint64_t, uint64_t) { return list_element(rng); }},
    {"value", [](Rng& rng, uint64_t, uint64_t) { return any_value(rng); }},
    {"int", [](Rng& rng, uint64_t, uint64_t) { return integer(rng); }},
    {"float",
     [](Rng& rng, uint64_t, uint64_t) {
       return rng.chance(3) ? small_integer(rng) + "." + small_integer(rng) : rng.pick(kFloats);
     }},
    {"ttl",
     [](Rng& rng, uint64_t edge, uint64_t) {
       return edge == 0 ? time_edge(rng) : edge == 1 ? "-5" : far_seconds(rng);
     }},
    {"pttl",
     [](Rng& rng, uint64_t edge, uint64_t) {
       return edge == 0 ? time_edge(rng) : edge == 1 ? "-5" : far_ms(rng);
     }},
    {"farttl", [](Rng& rng, uint64_t, uint64_t) { return far_seconds(rng); }},
    {"farpttl", [](Rng& rng, uint64_t, uint64_t) { return far_ms(rng); }},
    {"at",
     [](Rng& rng, uint64_t edge, uint64_t now_ms) {
       uint64_t now_s = now_ms / 1000;
       return edge == 0   ? time_edge(rng)
              : edge == 1 ? std::to_string(now_s - rng.below(1000))
                          : std::to_string(now_s + 100000 + rng.below(900000000));
     }},
    {"pat",
     [](Rng& rng, uint64_t edge, uint64_t now_ms) {
       return edge == 0   ? time_edge(rng)
              : edge == 1 ? std::to_string(now_ms - rng.below(1000000))
                          : std::to_string(now_ms + 100000000 + rng.below(900000000000));
     }},
    {"pattern", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kPatterns)); }},
    {"bit",
     [](Rng& rng, uint64_t edge, uint64_t) {
       return edge == 0 ? integer(rng) : std::to_string(rng.below(2));
     }},
    {"bitoffset", [](Rng& rng, uint64_t, uint64_t) { return bit_offset(rng); }},
    {"fieldoffset",
     [](Rng& rng, uint64_t, uint64_t) {
       return rng.chance(3) ? "#" + std::to_string(rng.below(30)) : bit_offset(rng);
     }},
    {"fieldtype",
     [](Rng& rng, uint64_t, uint64_t) {
       return rng.chance(3) ? (rng.chance(2) ? "i" : "u") + std::to_string(1 + rng.below(63))
                            : rng.pick(kBitfieldTypes);
     }},
    {"offset", [](Rng& rng, uint64_t, uint64_t) { return byte_offset(rng); }},
    {"index", [](Rng& rng, uint64_t, uint64_t) { return index(rng); }},
    {"db", [](Rng& rng, uint64_t, uint64_t) { return database(rng); }},
    {"option", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kOptions)); }},
    {"setting",
     [](Rng& rng, uint64_t, uint64_t) {
       return rng.chance(4) ? integer(rng) : rng.pick(kSettings);
     }},
    {"word", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kWords)); }},
    {"payload", [](Rng& rng, uint64_t, uint64_t) { return some_payload(rng); }},
    {"name", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kNames)); }},
    {"command", [](Rng& rng, uint64_t, uint64_t) { return std::string(rng.pick(kCommandNames)); }},
};

}  // namespace

const Request& exists_all_keys() {
  static const Request request = [] {
    Request out = all_keys();
    // A mutilated command may have made one of these a key.
    out.insert(out.end(), std::begin(kEdgeIntegers), std::end(kEdgeIntegers));
    out.insert(out.end(), std::begin(kNoIntegers), std::end(kNoIntegers));
    out.insert(out.begin(), "EXISTS");
    return out;
  }();
  return request;
}

Grammar::Grammar(std::string_view family, uint64_t base_time_ms) : base_time_ms_(base_time_ms) {
  for (const CommandFamily& one : command_families()) {
    for (const CommandSpec& spec : one.rows) {
      add(spec, family == one.name);
    }
  }
}

void Grammar::add(const CommandSpec& spec, bool in_family) {
  size_t at = 0;
  const auto number = static_cast<uint16_t>(rows_.size());
  rows_.push_back({&spec, parse_sequence(spec.text, &at), in_family});
  if (at != spec.text.size()) {
    std::fprintf(stderr, "differ: bad row: %s\n", std::string(spec.text).c_str());
    std::abort();
  }
  const auto weight = static_cast<size_t>(spec.weight);
  wheel_.insert(wheel_.end(), weight, number);
  if (in_family) {
    family_wheel_.insert(family_wheel_.end(), weight, number);
  }
}

Grammar::Node Grammar::parse_sequence(std::string_view text, size_t* at) {
  Node sequence;
  for (skip_blanks(text, at); *at < text.size(); skip_blanks(text, at)) {
    char c = text[*at];
    if (c == '|' || c == ')' || c == ']') {
      break;
    }
    if (c == '(' || c == '[') {
      sequence.children.push_back(parse_choice(text, at));
      continue;
    }
    size_t end = text.find_first_of(" |()[]", *at);
    end = end == std::string_view::npos ? text.size() : end;
    std::string word(text.substr(*at, end - *at));
    *at = end;
    Node leaf;
    bool kind = word.front() == '<';
    leaf.type = kind ? Node::Type::kKind : Node::Type::kWord;
    leaf.text = kind ? word.substr(1, word.size() - 2) : word;
    sequence.children.push_back(leaf);
  }
  return sequence;
}

Grammar::Node Grammar::parse_choice(std::string_view text, size_t* at) {
  Node choice;
  choice.type = Node::Type::kChoice;
  choice.optional = text[*at] == '[';
  do {
    ++*at;
    choice.children.push_back(parse_sequence(text, at));
  } while (*at < text.size() && text[*at] == '|');
  ++*at;
  if (*at < text.size() && text[*at] == '*') {
    choice.repeats = true;
    ++*at;
  }
  return choice;
}

void Grammar::expand(const Node& node, Rng& rng, Request& out) const {
  switch (node.type) {
    case Node::Type::kWord:
      out.push_back(any_case(node.text, rng));
      return;
    case Node::Type::kKind:
      out.push_back(value(node.text, rng));
      return;
    case Node::Type::kSequence:
      for (const Node& child : node.children) {
        expand(child, rng, out);
      }
      return;
    case Node::Type::kChoice: {
      uint64_t times = node.optional ? rng.below(2) : 1;
      if (node.repeats && times > 0) {
        times += rng.chance(2) ? rng.below(4) : 0;
      }
      for (uint64_t i = 0; i < times; i++) {
        expand(node.children[rng.below(node.children.size())], rng, out);
      }
      return;
    }
  }
}

std::string Grammar::value(std::string_view kind, Rng& rng) const {
  const uint64_t edge = rng.below(12);
  const auto maker = kMakers.find(kind);
  if (maker == kMakers.end()) {
    std::fprintf(stderr, "differ: no kind <%s>\n", std::string(kind).c_str());
    std::abort();
  }
  return maker->second(rng, edge, base_time_ms_);
}

void Grammar::mutilate(Request& request, bool may_swap, Rng& rng) const {
  size_t at = rng.below(request.size());
  switch (rng.below(6)) {
    case 0:
      if (request.size() > 1) {
        request.pop_back();
      }
      return;
    case 1:
      if (at > 0) {
        request.erase(request.begin() + static_cast<std::ptrdiff_t>(at));
      }
      return;
    case 2:
      request.push_back(rng.chance(2) ? rng.pick(kWords) : rng.pick(kEdgeIntegers));
      return;
    case 3:
      if (at > 0) {
        request[at] = rng.chance(2) ? rng.pick(kEdgeIntegers) : rng.pick(kNoIntegers);
      }
      return;
    case 4:
      if (at > 0 && may_swap) {
        size_t other = 1 + rng.below(request.size() - 1);
        std::swap(request[at], request[other]);
      }
      return;
    default:
      if (at > 0) {
        request.insert(request.begin() + static_cast<std::ptrdiff_t>(at), request[at]);
      }
      return;
  }
}

// A mutilated CLIENT GETNAME may end up as CLIENT ID, whose reply is each server's own.
static bool asks_for_client_id(const Request& request) {
  return request.size() == 2 && strcasecmp(request[0].c_str(), "client") == 0 &&
         strcasecmp(request[1].c_str(), "id") == 0;
}

// "+" is no id of XREAD and XREADGROUP in 7.0, and one in 7.4 (known.md).
static void keep_from_last_entries(Request& request) {
  if (strncasecmp(request[0].c_str(), "xread", 5) == 0) {
    std::replace(request.begin(), request.end(), std::string("+"), std::string("-"));
  }
}

Grammar::Generated Grammar::generate(Rng& rng) const {
  const bool any = family_wheel_.empty() || rng.chance(kOthersOneIn);
  const std::vector<uint16_t>& wheel = any ? wheel_ : family_wheel_;
  const Row& row = rows_[wheel[rng.below(wheel.size())]];
  Generated out{{}, row.spec->rule, false, row.in_family};
  expand(row.node, rng, out.request);
  if (row.spec->mutilate != Mutilate::kNever && rng.chance(15)) {
    mutilate(out.request, row.spec->mutilate == Mutilate::kAny, rng);
    out.mutilated = true;
    if (asks_for_client_id(out.request)) {
      out.rule = Rule::kType;
    }
  }
  keep_from_last_entries(out.request);
  return out;
}

}  // namespace pollux
