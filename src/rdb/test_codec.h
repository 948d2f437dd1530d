// For tests: values through their bytes and back, in a store of their own.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/data/keyspace.h"
#include "src/rdb/test_sink.h"
#include "src/rdb/value_codec.h"

namespace pollux {

class CodecTest : public testing::Test {
 protected:
  CodecTest() { keys_.bind(ShardId{0}, 0, now_); }
  ~CodecTest() override {
    store_.flush(0);
    store_.tick(now_, INT64_MAX);
  }

  static std::string bytes_of(const Entry& entry, bool compress) {
    TestSink sink;
    RdbWriter out(sink, compress);
    write_rdb_value(entry, out);
    return sink.take();
  }

  // Reads a value from a block of its exact size into the key "read"; null if it is refused.
  const Entry* read(RdbType type, const std::string& bytes, const EncodingLimits& limits) {
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const std::string_view view(exact.data(), exact.size());
    RdbReader frame(view);
    RdbReader in(view);
    Edit edit(keys_, Key::of("read"));
    LooseValue value(edit.memory());
    const bool framed = skip_rdb_value(type, frame) && frame.at_end();
    const bool right = read_rdb_value(type, in, limits, value) && in.at_end();
    EXPECT_TRUE(framed || !right);
    if (!right) {
      return nullptr;
    }
    value.give_to(edit);
    edit.notify(KeyEvent::kRestore);
    return edit.entry();
  }
  const Entry* read(RdbType type, const std::string& bytes) { return read(type, bytes, limits_); }

  EncodingLimits limits_;
  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
};

}  // namespace pollux
