// Keys of an RDB file, or commands of an append-only file, on their way to the shard that they
// belong to: one block of bytes with a record for each, so that a core gets hundreds of them with
// one message and no allocation of its own. A batch has the ones or the others. Belongs to the
// loader, which fills it and has it back when it is done with, and in between to who builds the
// keys or runs the commands. By one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/assert.h"
#include "src/base/prefetch.h"
#include "src/rdb/key_meta.h"
#include "src/rdb/rdb_format.h"

namespace pollux {

// A key and its value, not yet built. The views are into the batch.
struct LoadRecord {
  std::string_view name;
  uint64_t hash = 0;  // key_hash of the name
  uint32_t db = 0;
  RdbType type = RdbType::kString;
  RdbKeyMeta meta;
  std::string_view value;
  uint64_t offset = 0;  // in the file, of the key's type
};

struct CommandRow;

// A command that was done once, to be done again. The views, and the array of them, are in the
// batch.
struct LoadCommand {
  const CommandRow* row = nullptr;  // who runs it knows what that is
  uint64_t hash = 0;                // key_hash of its first key; 0: it has none
  uint32_t db = 0;
  uint64_t offset = 0;  // in the file, of the command
  std::span<const std::string_view> args;
};

class LoadBatch {
 public:
  static constexpr size_t kBytes = 64 << 10;

  explicit LoadBatch(size_t bytes = kBytes) : usual_bytes_(bytes) { make_room(bytes); }
  LoadBatch(const LoadBatch&) = delete;
  LoadBatch& operator=(const LoadBatch&) = delete;

  // --- the loader ---
  // False if there is no room. Only an empty batch is made larger, by make_room.
  bool add(const LoadRecord& record);
  bool add(const LoadCommand& command);
  static size_t bytes_of(const LoadRecord& record);
  static size_t bytes_of(const LoadCommand& command);
  void make_room(size_t bytes);
  bool is_large() const { return room_bytes_ > usual_bytes_; }
  bool empty() const { return used_bytes_ == 0; }
  // Back as it was made.
  void clear();
  // How many keys their shard is to have in the end in a database, if anybody knows: those of the
  // batch are among them.
  struct Expected {
    uint32_t db = 0;
    uint64_t keys = 0;
  };
  void expect(const Expected& expected) { expected_ = expected; }

  // --- who builds or runs ---
  bool has_commands() const { return has_commands_; }
  const Expected& expected() const { return expected_; }
  // The next one, from the first on; false at the end.
  bool next(LoadRecord& record);
  bool next(LoadCommand& command);
  void rewind() { read_bytes_ = 0; }

  // Why a record can't become a key; the records behind it were not looked at.
  enum class Refusal : uint8_t { kNone, kDamaged, kTwice };
  void refuse(Refusal why, const LoadRecord& record) {
    refusal_ = why;
    refused_ = record;
  }
  Refusal refusal() const { return refusal_; }
  const LoadRecord& refused() const { return refused_; }

  // A command was answered with an error; the first one's is kept.
  void count_error(uint64_t offset, std::string sentence) {
    if (errors_++ == 0) {
      first_error_offset_ = offset;
      first_error_ = std::move(sentence);
    }
  }
  uint64_t errors() const { return errors_; }
  uint64_t first_error_offset() const { return first_error_offset_; }
  const std::string& first_error() const { return first_error_; }

  LoadBatch* next_batch = nullptr;  // in a chain of whoever has it

 private:
  // What stands before each record's name and value; the next one begins at a multiple of 8.
  struct Head {
    uint64_t hash;
    uint64_t offset;
    uint64_t name_bytes;
    uint64_t value_bytes;
    int64_t expire_ms;
    uint64_t idle_s;
    uint32_t db;
    uint8_t type;
    uint8_t frequency;
    uint8_t has;  // kHas bits
    uint8_t unused;
  };
  static constexpr uint8_t kHasExpiry = 1;
  static constexpr uint8_t kHasIdle = 2;
  static constexpr uint8_t kHasFrequency = 4;
  // What stands before the views of a command's arguments, behind which the arguments stand.
  struct CommandHead {
    const CommandRow* row;
    uint64_t hash;
    uint64_t offset;
    uint64_t arg_count;
    uint64_t bytes;  // with this
    uint32_t db;
    uint32_t unused;
  };
  static constexpr size_t kAhead = 1024;
  static constexpr size_t kAlign = alignof(Head);
  static_assert(alignof(CommandHead) == kAlign && alignof(std::string_view) == kAlign &&
                sizeof(CommandHead) % kAlign == 0);
  static size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

  const size_t usual_bytes_;
  std::unique_ptr<char[]> bytes_;
  size_t room_bytes_ = 0;
  size_t used_bytes_ = 0;
  size_t read_bytes_ = 0;
  Refusal refusal_ = Refusal::kNone;
  LoadRecord refused_;
  bool has_commands_ = false;
  Expected expected_;
  uint64_t errors_ = 0;
  uint64_t first_error_offset_ = 0;
  std::string first_error_;
};

inline size_t LoadBatch::bytes_of(const LoadRecord& record) {
  return aligned(sizeof(Head) + record.name.size() + record.value.size());
}

inline size_t LoadBatch::bytes_of(const LoadCommand& command) {
  size_t bytes = sizeof(CommandHead);
  for (const std::string_view arg : command.args) {
    bytes += sizeof arg + arg.size();
  }
  return aligned(bytes);
}

inline bool LoadBatch::add(const LoadRecord& record) {
  const size_t bytes = bytes_of(record);
  if (bytes > room_bytes_ - used_bytes_) {
    return false;
  }
  const RdbKeyMeta& meta = record.meta;
  const unsigned has = (meta.expire_ms ? kHasExpiry : 0U) | (meta.idle_s ? kHasIdle : 0U) |
                       (meta.frequency ? kHasFrequency : 0U);
  const Head head = {.hash = record.hash,
                     .offset = record.offset,
                     .name_bytes = record.name.size(),
                     .value_bytes = record.value.size(),
                     .expire_ms = meta.expire_ms.value_or(0),
                     .idle_s = meta.idle_s.value_or(0),
                     .db = record.db,
                     .type = static_cast<uint8_t>(record.type),
                     .frequency = meta.frequency.value_or(0),
                     .has = static_cast<uint8_t>(has),
                     .unused = 0};
  char* at = bytes_.get() + used_bytes_;
  std::memcpy(at, &head, sizeof head);
  at += sizeof head;
  at += record.name.copy(at, record.name.size());
  record.value.copy(at, record.value.size());
  used_bytes_ += bytes;
  return true;
}

inline bool LoadBatch::add(const LoadCommand& command) {
  POLLUX_ASSERT(empty() || has_commands_);
  const size_t bytes = bytes_of(command);
  if (bytes > room_bytes_ - used_bytes_) {
    return false;
  }
  has_commands_ = true;
  const CommandHead head = {.row = command.row,
                            .hash = command.hash,
                            .offset = command.offset,
                            .arg_count = command.args.size(),
                            .bytes = bytes,
                            .db = command.db,
                            .unused = 0};
  char* view_at = bytes_.get() + used_bytes_;
  std::memcpy(view_at, &head, sizeof head);
  view_at += sizeof head;
  char* at = view_at + command.args.size() * sizeof(std::string_view);
  for (const std::string_view arg : command.args) {
    const std::string_view copy = {at, arg.size()};
    std::memcpy(view_at, &copy, sizeof copy);
    view_at += sizeof copy;
    at += arg.copy(at, arg.size());
  }
  used_bytes_ += bytes;
  return true;
}

inline bool LoadBatch::next(LoadCommand& command) {
  if (read_bytes_ == used_bytes_) {
    return false;
  }
  const char* const at = bytes_.get() + read_bytes_;
  CommandHead head;
  std::memcpy(&head, at, sizeof head);
  command.row = head.row;
  command.hash = head.hash;
  command.offset = head.offset;
  command.db = head.db;
  command.args = {reinterpret_cast<const std::string_view*>(at + sizeof head),
                  static_cast<size_t>(head.arg_count)};
  read_bytes_ += head.bytes;
  return true;
}

inline bool LoadBatch::next(LoadRecord& record) {
  if (read_bytes_ == used_bytes_) {
    return false;
  }
  const char* at = bytes_.get() + read_bytes_;
  // It stands in the cache of the core that wrote it.
  prefetch(at + kAhead);
  prefetch(at + kAhead + 64);
  Head head;
  std::memcpy(&head, at, sizeof head);
  at += sizeof head;
  record.hash = head.hash;
  record.offset = head.offset;
  record.name = {at, head.name_bytes};
  record.value = {at + head.name_bytes, head.value_bytes};
  record.db = head.db;
  record.type = static_cast<RdbType>(head.type);
  record.meta = {};
  if (head.has != 0) {
    const auto if_has = [&head](uint8_t what, auto value) {
      return (head.has & what) != 0 ? std::optional(value) : std::nullopt;
    };
    record.meta = {.expire_ms = if_has(kHasExpiry, head.expire_ms),
                   .idle_s = if_has(kHasIdle, head.idle_s),
                   .frequency = if_has(kHasFrequency, head.frequency)};
  }
  read_bytes_ += bytes_of(record);
  return true;
}

inline void LoadBatch::make_room(size_t bytes) {
  POLLUX_ASSERT(empty());
  if (bytes > room_bytes_) {
    bytes_.reset(new char[bytes]);
    room_bytes_ = bytes;
  }
}

inline void LoadBatch::clear() {
  if (is_large()) {
    bytes_.reset(new char[usual_bytes_]);
    room_bytes_ = usual_bytes_;
  }
  used_bytes_ = 0;
  read_bytes_ = 0;
  refusal_ = Refusal::kNone;
  has_commands_ = false;
  errors_ = 0;
}

}  // namespace pollux
