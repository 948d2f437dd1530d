#include "perf/load/reply_skipper.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

struct Sample {
  std::string bytes;
  bool error = false;
  bool null = false;
  bool push = false;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"+OK\r\n"},
      {"+\r\n"},
      {"-ERR no\r\n", true},
      {":-12\r\n"},
      {"$0\r\n\r\n"},
      {"$5\r\n\r\n$1\r\r\n"},
      {"$-1\r\n", false, true},
      {"*-1\r\n", false, true},
      {"_\r\n", false, true},
      {"*0\r\n"},
      {"*2\r\n$3\r\nfoo\r\n$-1\r\n"},
      {"*1\r\n_\r\n"},
      {"*3\r\n*2\r\n:1\r\n*0\r\n+x\r\n-WRONGTYPE x\r\n", true},
      {"%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n#t\r\n"},
      {"~1\r\n,3.5\r\n"},
      {"=7\r\ntxt:abc\r\n"},
      {"(12345678901234567890\r\n"},
      {"!5\r\nERR x\r\n", true},
      {">2\r\n+message\r\n$1\r\nx\r\n", false, false, true},
      {"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n"},
  };
  return all;
}

TEST(ReplySkipperTest, EveryReplyEndsWhereItEndsHoweverItIsCut) {
  for (const Sample& sample : samples()) {
    for (size_t cut = 0; cut <= sample.bytes.size(); ++cut) {
      ReplySkipper skipper;
      std::string_view head = std::string_view(sample.bytes).substr(0, cut);
      if (cut < sample.bytes.size()) {
        ASSERT_EQ(skipper.next(head), Framed::kNeedMore) << sample.bytes << cut;
        ASSERT_TRUE(head.empty());
        head = std::string_view(sample.bytes).substr(cut);
      }
      const Framed expected = sample.push ? Framed::kPush : Framed::kReply;
      ASSERT_EQ(skipper.next(head), expected) << sample.bytes << cut;
      EXPECT_TRUE(head.empty());
      EXPECT_EQ(skipper.is_error(), sample.error) << sample.bytes;
      EXPECT_EQ(skipper.is_null(), sample.null) << sample.bytes;
    }
  }
}

TEST(ReplySkipperTest, StreamsInPiecesHaveAsManyRepliesAsWereWritten) {
  Rng rng(11);
  for (int round = 0; round < 200; ++round) {
    std::string stream;
    std::vector<const Sample*> written;
    for (int i = 0; i < 50; ++i) {
      written.push_back(&samples()[rng.below(samples().size())]);
      stream += written.back()->bytes;
    }
    ReplySkipper skipper;
    size_t seen = 0;
    for (size_t at = 0; at < stream.size();) {
      const size_t piece = 1 + rng.below(9);
      std::string_view bytes = std::string_view(stream).substr(at, piece);
      at += piece;
      while (!bytes.empty()) {
        const Framed framed = skipper.next(bytes);
        ASSERT_NE(framed, Framed::kBroken);
        if (framed == Framed::kNeedMore) {
          break;
        }
        ASSERT_LT(seen, written.size());
        EXPECT_EQ(framed == Framed::kPush, written[seen]->push);
        EXPECT_EQ(skipper.is_error(), written[seen]->error);
        EXPECT_EQ(skipper.is_null(), written[seen]->null);
        ++seen;
      }
    }
    EXPECT_EQ(seen, written.size());
  }
}

TEST(ReplySkipperTest, WhatIsNoRespIsBroken) {
  for (const char* text : {"HTTP/1.1 400\r\n", "\r\n", "$x\r\n", "$-2\r\n", "%-1\r\n", "$--1\r\n",
                           "*99999999999999999999\r\n"}) {
    ReplySkipper skipper;
    std::string_view bytes = text;
    EXPECT_EQ(skipper.next(bytes), Framed::kBroken) << text;
  }
}

TEST(ReplySkipperTest, AnyBytesAreTakenWithoutHarm) {
  Rng rng(12);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (uint64_t i = rng.below(40); i > 0; --i) {
      text += "$*-+:0123456789\r\n_%~>|!="[rng.below(25)];
    }
    ReplySkipper skipper;
    std::string_view bytes = text;
    while (!bytes.empty()) {
      const size_t before = bytes.size();
      const Framed framed = skipper.next(bytes);
      if (framed == Framed::kBroken || framed == Framed::kNeedMore) {
        break;
      }
      ASSERT_LT(bytes.size(), before);
    }
  }
}

TEST(ReplySkipperTest, TheTextOfAnErrorIsKept) {
  ReplySkipper skipper;
  std::string_view bytes = "-NOAUTH Authentication required.\r\n+OK\r\n";
  EXPECT_EQ(skipper.next(bytes), Framed::kReply);
  EXPECT_EQ(skipper.error_text(), "NOAUTH Authentication required.");
  EXPECT_EQ(skipper.next(bytes), Framed::kReply);
  EXPECT_FALSE(skipper.is_error());
}

// Each piece is gone when the next comes, as the buffer of a receive is.
TEST(ReplySkipperTest, TheTextOfAnErrorIsKeptHoweverItIsCut) {
  struct Told {
    std::string bytes;
    std::string text;
  };
  for (const Told& told : {Told{"-ERR some long error\r\n", "ERR some long error"},
                           Told{"!9\r\nERR a\r\nbc\r\n", "ERR a??bc"},
                           Told{"-ERR \x1b]0;x\x07\x7f\xc2\x9b\r\n", "ERR ?]0;x????"},
                           Told{"*3\r\n$1\r\nx\r\n-ERR 1\r\n-ERR 2\r\n", "ERR 1"},
                           Told{"-\r\n", ""}, Told{"!0\r\n\r\n", ""},
                           Told{"-" + std::string(1000, 'x') + "\r\n", std::string(200, 'x')}}) {
    for (size_t piece = 1; piece <= told.bytes.size(); ++piece) {
      ReplySkipper skipper;
      Framed framed = Framed::kNeedMore;
      for (size_t at = 0; at < told.bytes.size(); at += piece) {
        std::string part = told.bytes.substr(at, piece);
        std::string_view bytes = part;
        framed = skipper.next(bytes);
        part.assign(part.size(), '?');
      }
      EXPECT_EQ(framed, Framed::kReply);
      EXPECT_TRUE(skipper.is_error());
      EXPECT_EQ(skipper.error_text(), told.text) << piece;
    }
  }
}

}  // namespace
}  // namespace pollux
