#include "src/rdb/dump_payload.h"

#include <algorithm>
#include <cstring>

#include "src/data/crc64.h"
#include "src/rdb/rdb_format.h"
#include "src/rdb/rdb_writer.h"
#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kSumBytes = 8;

class CountingSink final : public ByteSink {
 public:
  CountingSink() { refill(0); }
  size_t count() const { return count_ + static_cast<size_t>(cursor_ - window_); }

 private:
  size_t refill(size_t bytes) override {
    count_ += cursor_ == nullptr ? 0 : static_cast<size_t>(cursor_ - window_);
    cursor_ = window_;
    limit_ = window_ + sizeof window_;
    if (bytes <= kReserveMax) {
      return 0;
    }
    count_ += bytes;  // as if they had been written
    return bytes;
  }

  char window_[kReserveMax];
  size_t count_ = 0;
};

}  // namespace

DumpPayload::DumpPayload(const Entry& entry, bool compress) {
  open_window(first_, kFirstBytes);
  RdbWriter out(*this, compress);
  const RdbType type = rdb_type_of(entry);
  out.byte(static_cast<uint8_t>(type));
  write_rdb_value(entry, out);
  seal(rdb_version_of(type));
}

void DumpPayload::seal(uint16_t version) {
  std::memcpy(reserve(kVersionBytes), &version, kVersionBytes);
  commit(kVersionBytes);
  settle();
  uint64_t sum = crc64(first());
  for (const Piece& piece : pieces_) {
    sum = crc64({piece.bytes.get(), piece.used}, sum);
  }
  std::memcpy(reserve(kSumBytes), &sum, kSumBytes);
  commit(kSumBytes);
  settle();
}

void DumpPayload::open_window(char* bytes, size_t capacity) {
  cursor_ = bytes;
  limit_ = bytes + capacity;
}

void DumpPayload::settle() {
  if (pieces_.empty()) {
    first_used_ = static_cast<size_t>(cursor_ - first_);
  } else {
    pieces_.back().used = static_cast<size_t>(cursor_ - pieces_.back().bytes.get());
  }
}

size_t DumpPayload::refill(size_t) {
  settle();
  const size_t before = pieces_.empty() ? kFirstBytes : pieces_.back().capacity;
  const size_t capacity = std::min(2 * before, kPieceBytesMax);
  pieces_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity, 0});
  open_window(pieces_.back().bytes.get(), capacity);
  return 0;
}

size_t DumpPayload::size() const {
  size_t size = first_used_;
  for (const Piece& piece : pieces_) {
    size += piece.used;
  }
  return size;
}

void DumpPayload::write_to(ByteSink& sink) {
  sink.append(first());
  for (Piece& piece : pieces_) {
    sink.append({piece.bytes.get(), piece.used});
    piece.bytes.reset();
  }
}

std::optional<std::string_view> open_dump_payload(std::string_view payload, bool check_sum) {
  constexpr size_t kFooterBytes = kVersionBytes + kSumBytes;
  if (payload.size() < kFooterBytes) {
    return std::nullopt;
  }
  const std::string_view summed = payload.substr(0, payload.size() - kSumBytes);
  uint16_t version = 0;
  uint64_t sum = 0;
  std::memcpy(&version, summed.data() + summed.size() - kVersionBytes, kVersionBytes);
  std::memcpy(&sum, payload.data() + summed.size(), kSumBytes);
  if (version > kRdbVersionMax || (check_sum && sum != crc64(summed))) {
    return std::nullopt;
  }
  return summed.substr(0, summed.size() - kVersionBytes);
}

size_t rdb_value_bytes(const Entry& entry, bool compress) {
  CountingSink sink;
  RdbWriter out(sink, compress);
  write_rdb_value(entry, out);
  return sink.count();
}

}  // namespace pollux
