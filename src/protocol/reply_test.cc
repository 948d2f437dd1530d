#include "src/protocol/reply.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

// Hands out windows of random length, so that every reply is cut everywhere.
class TestSink final : public ByteSink {
 public:
  explicit TestSink(uint64_t seed) : rng_(seed) {}

  std::string take() {
    collect();
    cursor_ = limit_ = nullptr;
    std::string out;
    out.swap(bytes_);
    return out;
  }

 private:
  size_t refill(size_t bytes) override {
    collect();
    const size_t least = std::min(bytes, kReserveMax);
    cursor_ = window_;
    limit_ = window_ + least + rng_.below(sizeof(window_) - least + 1);
    return 0;
  }
  void collect() {
    if (cursor_ != nullptr) {
      bytes_.append(window_, static_cast<size_t>(cursor_ - window_));
    }
  }

  Rng rng_;
  std::string bytes_;
  char window_[300];
};

class ReplyTest : public ::testing::Test {
 protected:
  // What `write` gives in RESP2 and in RESP3, with many ways to cut the output.
  template <typename Fn>
  void expect(Fn write, std::string_view resp2, std::string_view resp3) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      TestSink sink(seed);
      Reply two(sink, 2);
      write(two);
      EXPECT_EQ(sink.take(), resp2);
      Reply three(sink, 3);
      write(three);
      EXPECT_EQ(sink.take(), resp3);
    }
  }
  template <typename Fn>
  void expect(Fn write, std::string_view both) {
    expect(write, both, both);
  }
};

TEST_F(ReplyTest, Simple) {
  expect([](Reply& r) { r.ok(); }, "+OK\r\n");
  expect([](Reply& r) { r.queued(); }, "+QUEUED\r\n");
  expect([](Reply& r) { r.simple("PONG"); }, "+PONG\r\n");
  expect([](Reply& r) { r.simple("\r\na\r\nb\r\n"); }, "+  a  b  \r\n");
}

TEST_F(ReplyTest, Integer) {
  expect([](Reply& r) { r.integer(0); }, ":0\r\n");
  expect([](Reply& r) { r.integer(-1); }, ":-1\r\n");
  expect([](Reply& r) { r.integer(12345); }, ":12345\r\n");
  expect([](Reply& r) { r.integer(std::numeric_limits<int64_t>::min()); },
         ":-9223372036854775808\r\n");
}

TEST_F(ReplyTest, BulkOfEveryLength) {
  for (const size_t size : {0U, 1U, 9U, 10U, 64U, 98U, 99U, 100U, 101U, 128U, 299U, 5000U}) {
    const std::string bytes(size, 'x');
    expect([&bytes](Reply& r) { r.bulk(bytes); },
           "$" + std::to_string(size) + "\r\n" + bytes + "\r\n");
  }
}

TEST_F(ReplyTest, BulkInt64) {
  expect([](Reply& r) { r.bulk_int64(-42); }, "$3\r\n-42\r\n");
}

TEST_F(ReplyTest, Nulls) {
  expect([](Reply& r) { r.null(); }, "$-1\r\n", "_\r\n");
  expect([](Reply& r) { r.null_array(); }, "*-1\r\n", "_\r\n");
}

TEST_F(ReplyTest, Aggregates) {
  expect([](Reply& r) { r.array(0); }, "*0\r\n");
  expect([](Reply& r) { r.array(1000000); }, "*1000000\r\n");
  expect([](Reply& r) { r.map(7); }, "*14\r\n", "%7\r\n");
  expect([](Reply& r) { r.set(3); }, "*3\r\n", "~3\r\n");
  expect([](Reply& r) { r.push(2); }, "*2\r\n", ">2\r\n");
}

TEST_F(ReplyTest, Doubles) {
  expect([](Reply& r) { r.real(3.141); }, "$5\r\n3.141\r\n", ",3.141\r\n");
  expect([](Reply& r) { r.real(0.1); }, "$19\r\n0.10000000000000001\r\n",
         ",0.10000000000000001\r\n");
  expect([](Reply& r) { r.real(-0.0); }, "$2\r\n-0\r\n", ",-0\r\n");
  expect([](Reply& r) { r.real(HUGE_VAL); }, "$3\r\ninf\r\n", ",inf\r\n");
  expect([](Reply& r) { r.real(-HUGE_VAL); }, "$4\r\n-inf\r\n", ",-inf\r\n");
  expect([](Reply& r) { r.real_text("0.50"); }, "$4\r\n0.50\r\n", ",0.50\r\n");
}

TEST_F(ReplyTest, Booleans) {
  expect([](Reply& r) { r.boolean(true); }, ":1\r\n", "#t\r\n");
  expect([](Reply& r) { r.boolean(false); }, ":0\r\n", "#f\r\n");
}

TEST_F(ReplyTest, VerbatimAndBignum) {
  expect([](Reply& r) { r.verbatim("This is a verbatim\nstring", "txt"); },
         "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n");
  expect([](Reply& r) { r.bignum("1234567999999999999999999999999999999"); },
         "$37\r\n1234567999999999999999999999999999999\r\n",
         "(1234567999999999999999999999999999999\r\n");
}

TEST_F(ReplyTest, ErrorsCannotInjectReplies) {
  expect([](Reply& r) { r.error("ERR no\r\n+OK\r\n"); }, "-ERR no  +OK\r\n");
  expect([](Reply& r) { r.error("\r\nA b\r\nc\r\n"); }, "-  A b  c\r\n");
  expect([](Reply& r) { r.error_format("ERR '%s' %d", "a\nb", 7); }, "-ERR 'a b' 7\r\n");
}

TEST_F(ReplyTest, FormattedErrorsAreCut) {
  const std::string text(600, 'x');
  expect([&text](Reply& r) { r.error_format("ERR %s", text.c_str()); },
         "-ERR " + text.substr(0, 508) + "\r\n");
}

TEST_F(ReplyTest, ErrorCodeIsTheFirstWord) {
  auto code = [](std::string_view text) {
    TestSink sink(1);
    Reply reply(sink, 2);
    EXPECT_FALSE(reply.failed());
    reply.error(text);
    EXPECT_TRUE(reply.failed());
    reply.error("SECOND error");
    return std::string(reply.error_code());
  };
  EXPECT_EQ(code("WRONGTYPE Operation"), "WRONGTYPE");
  EXPECT_EQ(code("ERR x"), "ERR");
  EXPECT_EQ(code("FOO"), "ERR");
  EXPECT_EQ(code(std::string(30, 'B') + " x"), std::string(30, 'B'));
  EXPECT_EQ(code(std::string(31, 'C') + " x"), "ERR");
}

}  // namespace
}  // namespace pollux
