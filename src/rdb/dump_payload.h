// What DUMP answers and RESTORE takes: type, value, version, CRC-64 (rdb_format.h). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "src/base/byte_sink.h"
#include "src/data/entry.h"

namespace pollux {

// The payload of one value, in pieces: one of 64 KiB is at most half idle, and none is copied when
// it grows.
class DumpPayload final : public ByteSink {
 public:
  // `compress`: the option rdbcompression.
  DumpPayload(const Entry& entry, bool compress);

  size_t size() const;
  // Hands over all pieces, each of which is freed at once. Only once.
  void write_to(ByteSink& sink);

 private:
  static constexpr size_t kFirstBytes = 512;
  static constexpr size_t kPieceBytesMax = 64 << 10;

  struct Piece {
    std::unique_ptr<char[]> bytes;
    size_t capacity;
    size_t used;
  };
  size_t refill(size_t bytes) override;
  void open_window(char* bytes, size_t capacity);
  // Writes down how far the present window was used.
  void settle();
  void seal(uint16_t version);
  std::string_view first() const { return {first_, first_used_}; }

  char first_[kFirstBytes];  // most payloads are short
  size_t first_used_ = 0;
  std::vector<Piece> pieces_;
};

// Of a payload, type and value; nothing if it is none, its sum is wrong (unless that is not to be
// checked), or its version is one that we do not know.
std::optional<std::string_view> open_dump_payload(std::string_view payload, bool check_sum = true);

// Bytes that the value would take in RDB format, without its type.
size_t rdb_value_bytes(const Entry& entry, bool compress);

}  // namespace pollux
