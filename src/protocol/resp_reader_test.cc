#include "src/protocol/resp_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

using namespace std::string_literals;

// What a stream of bytes comes to: requests, then the sentence of an error if there was one, then
// how many bytes were used up.
struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  size_t used = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const auto& request : outcome.requests) {
    out << '[';
    for (const std::string& arg : request) {
      out << arg.substr(0, 40) << '|';
    }
    out << "] ";
  }
  return out << "error: " << outcome.error << " used: " << outcome.used;
}

// A session in small: keeps what isn't consumed and reads until the reader needs more. Every call
// sees the bytes at a fresh address in a buffer of their exact size.
class Feeder {
 public:
  explicit Feeder(const ReadLimits& limits) : limits_(limits) {}

  void feed(std::string_view chunk) {
    pending_ += chunk;
    while (outcome_.error.empty()) {
      if (obey_wanted_ && pending_.size() < wanted_) {
        return;
      }
      const auto copy = std::make_unique<char[]>(pending_.size());
      std::copy(pending_.begin(), pending_.end(), copy.get());
      size_t consumed = 0;
      switch (reader_.read({copy.get(), pending_.size()}, limits_, args_, consumed)) {
        case ReadStatus::kRequest:
          EXPECT_FALSE(args_.empty());
          outcome_.requests.emplace_back(args_.begin(), args_.end());
          break;
        case ReadStatus::kEmpty:
          break;
        case ReadStatus::kNeedMore:
          EXPECT_GT(reader_.bytes_wanted(), pending_.size());
          wanted_ = reader_.bytes_wanted();
          return;
        case ReadStatus::kError:
          outcome_.error = reader_.error();
          return;
      }
      EXPECT_GT(consumed, 0U);
      EXPECT_LE(consumed, pending_.size());
      pending_.erase(0, consumed);
      outcome_.used += consumed;
      wanted_ = 0;
    }
  }
  void obey_bytes_wanted() { obey_wanted_ = true; }
  const Outcome& outcome() const { return outcome_; }

 private:
  ReadLimits limits_;
  RespReader reader_;
  std::vector<std::string_view> args_;
  std::string pending_;
  Outcome outcome_;
  bool obey_wanted_ = false;
  size_t wanted_ = 0;
};

Outcome read_whole(std::string_view bytes, const ReadLimits& limits = {}) {
  Feeder feeder(limits);
  feeder.feed(bytes);
  return feeder.outcome();
}

// The obvious model, on a whole stream. Knows nothing of buffers or of half requests.
class Model {
 public:
  Model(std::string bytes, const ReadLimits& limits) : bytes_(std::move(bytes)), limits_(limits) {}

  Outcome run() {
    while (at_ < bytes_.size() && step()) {
      outcome_.used = at_;
    }
    return outcome_;
  }

 private:
  bool fail(const std::string& what) {
    outcome_.error = "ERR Protocol error: " + what;
    return false;
  }

  // The line at at_ up to `ending`; false if there is none (yet), with an error if never.
  bool line(char ending, const char* what, std::string& out) {
    const size_t end = bytes_.find(ending, at_);
    const size_t nul = bytes_.find('\0', at_);
    if (end == std::string::npos || nul < end || end - at_ > limits_.inline_bytes_max) {
      if (bytes_.size() - at_ > limits_.inline_bytes_max) {
        fail(what);
      }
      return false;
    }
    out = bytes_.substr(at_, end - at_);
    return true;
  }

  static bool number(const std::string& text, int64_t& value) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && !text.empty() && std::to_string(value) == text;
  }

  bool header(const char* what, std::string& out) {
    if (!line('\r', what, out) || at_ + out.size() + 2 > bytes_.size()) {
      return false;
    }
    at_ += out.size() + 2;
    return true;
  }

  bool step() { return bytes_[at_] == '*' ? array() : inline_command(); }

  bool array() {
    std::string text;
    int64_t count = 0;
    if (!header("too big mbulk count string", text)) {
      return false;
    }
    if (!number(text.substr(1), count) || count > limits_.multibulk_max) {
      return fail("invalid multibulk length");
    }
    if (count > 10 && !limits_.authenticated) {
      return fail("unauthenticated multibulk length");
    }
    std::vector<std::string> args;
    for (int64_t i = 0; i < count; ++i) {
      int64_t size = 0;
      if (!header("too big bulk count string", text)) {
        return false;
      }
      if (text.empty() || text[0] != '$') {
        const char got = text.empty() || text[0] == '\n' ? ' ' : text[0];
        return fail("expected '$', got '"s + got + "'");
      }
      if (!number(text.substr(1), size) || size < 0 || size > limits_.bulk_bytes_max) {
        return fail("invalid bulk length");
      }
      if (size > 16384 && !limits_.authenticated) {
        return fail("unauthenticated bulk length");
      }
      if (bytes_.size() - at_ < static_cast<size_t>(size) + 2) {
        return false;
      }
      args.push_back(bytes_.substr(at_, static_cast<size_t>(size)));
      at_ += static_cast<size_t>(size) + 2;
    }
    if (count > 0) {
      outcome_.requests.push_back(args);
    }
    return true;
  }

  bool inline_command() {
    std::string text;
    if (!line('\n', "too big inline request", text)) {
      return false;
    }
    at_ += text.size() + 1;
    if (text.ends_with('\r')) {
      text.pop_back();
    }
    text += '\0';
    std::vector<std::string> args;
    for (size_t i = 0;;) {
      while (std::strchr(" \t\n\v\f\r", text[i]) != nullptr && text[i] != '\0') {
        ++i;
      }
      if (text[i] == '\0') {
        break;
      }
      std::string word;
      for (char quote = '\0';; ++i) {
        const char c = text[i];
        if (quote == '\0') {
          if (std::strchr(" \n\r\t", c) != nullptr) {  // the final NUL too
            break;
          }
          if (c == '"' || c == '\'') {
            quote = c;
          } else {
            word += c;
          }
          continue;
        }
        if (c == '\0') {
          return fail("unbalanced quotes in request");
        }
        if (c == quote) {
          ++i;
          if (std::strchr(" \t\n\v\f\r", text[i]) == nullptr) {
            return fail("unbalanced quotes in request");
          }
          break;
        }
        if (c == '\\' && quote == '"' && text[i + 1] == 'x' && isxdigit(text[i + 2]) != 0 &&
            isxdigit(text[i + 3]) != 0) {
          word += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
          i += 3;
        } else if (c == '\\' && quote == '"' && text[i + 1] != '\0') {
          const std::string names = "nrtba";
          const size_t name = names.find(text[++i]);
          word += name == std::string::npos ? text[i] : "\n\r\t\b\a"[name];
        } else if (c == '\\' && quote == '\'' && text[i + 1] == '\'') {
          word += text[++i];
        } else {
          word += c;
        }
      }
      args.push_back(word);
    }
    if (!args.empty()) {
      outcome_.requests.push_back(args);
    }
    return true;
  }

  std::string bytes_;
  ReadLimits limits_;
  size_t at_ = 0;
  Outcome outcome_;
};

std::string request(const std::vector<std::string>& args) {
  std::string out = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    out += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return out;
}

using Requests = std::vector<std::vector<std::string>>;

TEST(RespReaderTest, ReadsAnArrayOfBulks) {
  const Outcome outcome = read_whole(request({"SET", "key", "a\r\nb\0c"s}));
  EXPECT_EQ(outcome.requests, Requests({{"SET", "key", "a\r\nb\0c"s}}));
}

TEST(RespReaderTest, ReadsAPipeline) {
  const Outcome outcome = read_whole(request({"GET", "a"}) + "PING\r\n" + request({"GET", ""}));
  EXPECT_EQ(outcome.requests, Requests({{"GET", "a"}, {"PING"}, {"GET", ""}}));
}

TEST(RespReaderTest, EmptyRequestsAreSkipped) {
  const Outcome outcome = read_whole("*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n  \t\r\nPING\n");
  EXPECT_EQ(outcome.requests, Requests({{"PING"}}));
  EXPECT_EQ(outcome.error, "");
}

TEST(RespReaderTest, AFewLettersOfInline) {
  const auto one = [](const std::string& line) {
    const Outcome outcome = read_whole(line + "\r\n");
    return outcome.requests.empty() ? std::vector<std::string>{outcome.error} : outcome.requests[0];
  };
  const std::vector<std::string> unbalanced = {"ERR Protocol error: unbalanced quotes in request"};
  EXPECT_EQ(one("  SET\tkey  value "), (std::vector<std::string>{"SET", "key", "value"}));
  EXPECT_EQ(one(R"(E "a\x41\n\t\r\b\a\q\"'")"),
            (std::vector<std::string>{"E", "aA\n\t\r\b\aq\"'"}));
  EXPECT_EQ(one(R"(E "\x4g\x")"), (std::vector<std::string>{"E", "x4gx"}));
  EXPECT_EQ(one(R"(E 'a\'b\n')"), (std::vector<std::string>{"E", "a'b\\n"}));
  EXPECT_EQ(one(R"(E "")"), (std::vector<std::string>{"E", ""}));
  EXPECT_EQ(one(R"(E a"b c")"), (std::vector<std::string>{"E", "ab c"}));
  EXPECT_EQ(one("E \"a\"\vb"), (std::vector<std::string>{"E", "a", "b"}));
  EXPECT_EQ(one("E a\vb"), (std::vector<std::string>{"E", "a\vb"}));
  EXPECT_EQ(one("E a\rb"), (std::vector<std::string>{"E", "a", "b"}));
  EXPECT_EQ(one(R"(E "abc)"), unbalanced);
  EXPECT_EQ(one(R"(E "abc"d)"), unbalanced);
  EXPECT_EQ(one(R"(E 'abc'd)"), unbalanced);
  EXPECT_EQ(one(R"(E "a\)"), unbalanced);
}

TEST(RespReaderTest, LineEndsAreSkippedUnseen) {
  const Outcome outcome = read_whole("*1\rX$4\rXPINGXX*1\r\n$4\r\nPINGxx");
  EXPECT_EQ(outcome.requests, Requests({{"PING"}, {"PING"}}));
  EXPECT_EQ(read_whole("*1\n$4\nPING\n"), Outcome());
}

TEST(RespReaderTest, MalformedNumbers) {
  for (const char* text : {"*+1", "*01", "*-0", "*", "*a", "*1 ", "*2147483648",
                           "*-9223372036854775809", "*99999999999999999999"}) {
    EXPECT_EQ(read_whole(text + "\r\n"s).error, "ERR Protocol error: invalid multibulk length")
        << text;
  }
  for (const char* text : {"$+4", "$04", "$-0", "$-1", "$", "$ 4", "$536870913"}) {
    EXPECT_EQ(read_whole("*1\r\n"s + text + "\r\n").error,
              "ERR Protocol error: invalid bulk length")
        << text;
  }
  EXPECT_EQ(read_whole("*2147483647\r\n*1\r\n$536870912\r\n").error,
            "ERR Protocol error: expected '$', got '*'");
  EXPECT_EQ(read_whole("*1\r\n$536870912\r\n").error, "");
}

TEST(RespReaderTest, AnArgumentBeginsWithADollar) {
  EXPECT_EQ(read_whole("*1\r\nx4\r\n").error, "ERR Protocol error: expected '$', got 'x'");
  EXPECT_EQ(read_whole("*1\r\n\xff\r\n").error, "ERR Protocol error: expected '$', got '\xff'");
  EXPECT_EQ(read_whole("*1\r\n\r\n").error, "ERR Protocol error: expected '$', got ' '");
  EXPECT_EQ(read_whole("*1\r\n\n4\r\n").error, "ERR Protocol error: expected '$', got ' '");
  EXPECT_EQ(read_whole("*1\r\nx").error, "");
}

TEST(RespReaderTest, BeforeAuthenticationLittleIsTaken) {
  ReadLimits limits;
  limits.authenticated = false;
  EXPECT_EQ(read_whole("*10\r\n$16384\r\n", limits).error, "");
  EXPECT_EQ(read_whole("*11\r\n", limits).error,
            "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(read_whole("*1\r\n$16385\r\n", limits).error,
            "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(read_whole("*99999999999\r\n", limits).error,
            "ERR Protocol error: invalid multibulk length");
  const std::string big(20'000, 'x');
  EXPECT_EQ(read_whole(request({"SET", "k", big}), limits).error,
            "ERR Protocol error: unauthenticated bulk length");
}

TEST(RespReaderTest, LinesHaveALimit) {
  const std::string most(65536, '1');
  EXPECT_EQ(read_whole(most).error, "");
  EXPECT_EQ(read_whole(most + "1").error, "ERR Protocol error: too big inline request");
  EXPECT_EQ(read_whole("*" + most.substr(1)).error, "");
  EXPECT_EQ(read_whole("*" + most).error, "ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(read_whole("*1\r\n$" + most.substr(1)).error, "");
  EXPECT_EQ(read_whole("*1\r\n$" + most).error, "ERR Protocol error: too big bulk count string");
  EXPECT_EQ(read_whole(most + "\n").requests, Requests({{most}}));
  EXPECT_EQ(read_whole(most + "1\n").error, "ERR Protocol error: too big inline request");
}

TEST(RespReaderTest, ANulHidesTheRestOfALine) {
  EXPECT_EQ(read_whole("ECHO a\0b\r\nPING\r\n"s), Outcome());
  EXPECT_EQ(read_whole("*1\r\n\0004\r\nPING\r\n"s), Outcome());
  EXPECT_EQ(read_whole("\0\n"s + std::string(70'000, 'x')).error,
            "ERR Protocol error: too big inline request");
}

TEST(RespReaderTest, ResetForgetsAHalfRequest) {
  RespReader reader;
  std::vector<std::string_view> args;
  size_t consumed = 0;
  const std::string half = "*2\r\n$1000\r\n" + std::string(900, 'x');
  EXPECT_EQ(reader.read(half, {}, args, consumed), ReadStatus::kNeedMore);
  EXPECT_EQ(reader.bytes_wanted(), 4 + 7 + 1000 + 2U);
  reader.reset();
  EXPECT_EQ(reader.read("PING\r\n", {}, args, consumed), ReadStatus::kRequest);
  EXPECT_EQ(args, std::vector<std::string_view>({"PING"}));
}

TEST(RespReaderTest, AnIdleReaderIsSmall) {
  EXPECT_LE(sizeof(RespReader), 40U);
}

TEST(RespReaderTest, WhatAHalfRequestHoldsIsTold) {
  std::string half = "*100000\r\n";
  for (int i = 0; i < 50'000; ++i) {
    half += "$0\r\n\r\n";
  }
  RespReader reader;
  std::vector<std::string_view> args;
  size_t consumed = 0;
  EXPECT_EQ(reader.held_bytes(), 0U);
  EXPECT_EQ(reader.read(half, ReadLimits{}, args, consumed), ReadStatus::kNeedMore);
  EXPECT_GE(reader.held_bytes(), 50'000U * 16);
  reader.reset();
  EXPECT_EQ(reader.held_bytes(), 0U);
}

TEST(RespReaderTest, ManyArgumentsByteByByteAreLinear) {
  // At quadratic cost this would take minutes: 20,000 arguments in 140,000 calls.
  const std::string bytes = request(std::vector<std::string>(20'000, "x"));
  RespReader reader;
  std::vector<std::string_view> args;
  size_t consumed = 0;
  for (size_t size = 1; size < bytes.size(); ++size) {
    ASSERT_EQ(reader.read(std::string_view(bytes).substr(0, size), {}, args, consumed),
              ReadStatus::kNeedMore);
  }
  ASSERT_EQ(reader.read(bytes, {}, args, consumed), ReadStatus::kRequest);
  EXPECT_EQ(args.size(), 20'000U);
  EXPECT_EQ(consumed, bytes.size());
}

TEST(RespReaderTest, EverySplitGivesTheSame) {
  const std::vector<std::string> streams = {
      request({"GET", "0123456789abcdef"}) + request({"SET", "k", std::string(64, 'v')}),
      request({"SET", "k", std::string(1500, 'v')}) + "PING\r\n",
      request(std::vector<std::string>(200, "ab")) + request({"", ""}),
      "SET \"a b\" 'c d'\r\nGET x\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n*-1\r\nPING\r\n",
      "ECHO " + std::string(700, 'a') + " \"b c\"\r\n" + request({"PING"}),
      std::string(600, ' ') + "\"" + std::string(600, 'b') + "\"x\r\n",
      request(std::vector<std::string>(150, "ab")) + "*2\r\n$3\r\nGET\r\nx\r\n",
      "*150\r\n" + request(std::vector<std::string>(149, "ab")).substr(6) + "$-1\r\n",
  };
  for (const std::string& bytes : streams) {
    const Outcome whole = read_whole(bytes);
    EXPECT_EQ(whole, Model(bytes, {}).run());
    for (size_t split = 0; split <= bytes.size(); ++split) {
      Feeder feeder({});
      feeder.feed(std::string_view(bytes).substr(0, split));
      feeder.feed(std::string_view(bytes).substr(split));
      ASSERT_EQ(feeder.outcome(), whole) << "split at " << split;
    }
    Feeder feeder({});
    for (const char byte : bytes) {
      feeder.feed({&byte, 1});
    }
    ASSERT_EQ(feeder.outcome(), whole) << "byte by byte";
  }
}

// A stream of valid requests, odd ones and garbage.
std::string random_stream(Rng& rng) {
  const std::vector<std::string> scraps = {
      "*",           "$",      "\r\n",    "\r",      "\n",        "*1\r\n", "*2\r\n", "$0\r\n\r\n",
      "$1\r\nx\r\n", "*0\r\n", "\"",      "'",       "\\",        "\\x4",   " ",      "PING\r\n",
      "-1",          "+1",     "00",      "1",       "12",        "\0"s,    "\t",     "\v",
      "a",           "x",      "*-1\r\n", "$-1\r\n", "$3\r\nabc", "\xff"};
  std::string out;
  const uint64_t pieces = 1 + rng.below(6);
  for (uint64_t i = 0; i < pieces; ++i) {
    if (rng.below(3) != 0) {
      std::vector<std::string> args(1 + rng.below(12));
      for (std::string& arg : args) {
        arg.resize(rng.below(10) == 0 ? rng.below(900) : rng.below(12));
        std::generate(arg.begin(), arg.end(), [&rng] { return static_cast<char>(rng.below(256)); });
      }
      out += request(args);
      if (rng.below(10) == 0) {
        out[out.size() - 1 - rng.below(std::min<size_t>(out.size(), 40))] =
            static_cast<char>(rng.below(256));
      }
    } else {
      const uint64_t count = 1 + rng.below(8);
      for (uint64_t k = 0; k < count; ++k) {
        out += scraps[rng.below(scraps.size())];
      }
    }
  }
  return out;
}

TEST(RespReaderTest, RandomStreamsInRandomSplitsEqualTheModel) {
  Rng rng(2024);
  for (int round = 0; round < 15'000; ++round) {
    const std::string bytes = random_stream(rng);
    ReadLimits limits;
    limits.authenticated = rng.below(4) != 0;
    limits.inline_bytes_max = rng.below(2) == 0 ? 64 * 1024 : 16 + rng.below(600);
    limits.bulk_bytes_max = rng.below(4) == 0 ? 500 : limits.bulk_bytes_max;
    limits.multibulk_max = rng.below(4) == 0 ? 8 : limits.multibulk_max;
    const Outcome expected = Model(bytes, limits).run();
    ASSERT_EQ(read_whole(bytes, limits), expected) << ::testing::PrintToString(bytes);
    Feeder feeder(limits);
    Feeder lazy(limits);
    lazy.obey_bytes_wanted();
    for (size_t at = 0; at < bytes.size();) {
      const size_t size =
          std::min<size_t>(bytes.size() - at, 1 + rng.below(rng.below(2) == 0 ? 5 : 400));
      feeder.feed(std::string_view(bytes).substr(at, size));
      lazy.feed(std::string_view(bytes).substr(at, size));
      ASSERT_EQ(lazy.outcome(), feeder.outcome());
      at += size;
    }
    ASSERT_EQ(feeder.outcome(), expected) << ::testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace pollux
