// Bytes of a snapshot on their way from a shard to the storage thread: whole records of keys in the
// format of RDB files, or a part of one that is longer. Belongs to the shard's worker, which fills
// it, then to the storage thread until that gives it back. By one thread at a time.
//
// A shard writes into two lanes: one for records that are made in one go, one for big values, which
// are made in slices while records of other keys go on. In a file a record stands whole: once a
// batch that ends in the middle of one was taken, the next that counts is the next of its lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace pollux {

class SaveBatch {
 public:
  static constexpr size_t kBytes = 64 << 10;

  explicit SaveBatch(size_t bytes = kBytes) : room_(bytes), memory_(new char[bytes]) {}
  SaveBatch(const SaveBatch&) = delete;
  SaveBatch& operator=(const SaveBatch&) = delete;

  char* memory() { return memory_.get(); }
  size_t room() const { return room_; }
  std::string_view bytes() const { return {memory_.get(), size}; }

  size_t size = 0;           // bytes that are filled
  uint32_t lane = 0;         // two for each shard, numbered through
  // The databases of its first and of its last record; between records of two stands SELECTDB.
  uint32_t first_db = 0;
  uint32_t last_db = 0;
  uint64_t keys = 0;         // records that end in it
  bool ends_record = true;   // its last byte is the last of a record
  bool is_extra = false;     // beside the usual number of batches: freed when it comes back
  SaveBatch* next_batch = nullptr;  // in a chain of whoever has it

 private:
  const size_t room_;
  const std::unique_ptr<char[]> memory_;
};

}  // namespace pollux
