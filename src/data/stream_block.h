// One block of a stream: a run of entries in one framed listpack, in the format of Redis' files, so
// that DUMP and RDB of it is a copy. All elements are integers or texts of a listpack (listpack.h):
//
//   live | deleted | fields | field name ... | 0          the master entry
//   flags | ms | seq | value ... | elements               an entry with the master's fields
//   flags | ms | seq | fields | name value ... | elements     any other
//
// ms and seq are differences to the block's id, which is that of its first entry and stands in the
// index. An entry says at its end of how many elements it consists, itself not counted, so that a
// walk can go backwards. Entries are only appended; what is deleted gets a flag, until the whole
// block goes. So an entry keeps its distance from the end of the master entry all its life.
//
// Nothing here owns memory: BlockView reads, the functions write where somebody else got the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/data/listpack.h"
#include "src/data/stream_id.h"

namespace pollux {

// Field, value, field, value, ... as they come from a client.
using StreamFields = std::span<const std::string_view>;

// An entry as it stands in its block; points into it.
class StreamEntry {
 public:
  StreamId id;
  bool deleted = false;
  size_t fields = 0;

  // visit(PackedValue name, PackedValue value) for each field.
  template <typename Visit>
  void for_each(Visit visit) const {
    Listpack::Position names = names_;
    Listpack::Position at = first_;
    for (size_t i = 0; i < fields; ++i) {
      const PackedValue name = pack_.take(same_fields_ ? names : at);
      visit(name, pack_.take(at));
    }
  }

 private:
  friend class BlockView;
  Listpack pack_;  // the block
  bool same_fields_ = false;
  Listpack::Position names_ = 0;  // the master's
  Listpack::Position first_ = 0;  // its first value, or name
};

class BlockView {
 public:
  using Position = Listpack::Position;

  // Requires a listpack that valid() has accepted or that was made here.
  BlockView(StreamId id, const char* listpack);

  // Whether these bytes, from wherever, are a block of this id as redis-server writes them: counts
  // that are true, an entry at least, live ones in ascending order. Reads each byte a bounded
  // number of times and none outside; takes no memory.
  static bool valid(StreamId id, std::string_view bytes);

  StreamId id() const { return id_; }
  uint64_t live() const { return live_; }
  uint64_t deleted() const { return deleted_; }
  Listpack pack() const { return pack_; }

  // Positions of entries; end() is none.
  Position first() const { return first_; }
  Position end() const { return pack_.end(); }

  // The entry at `at`, which moves to the next one.
  StreamEntry take(Position& at) const;
  // The entry before `at`, which moves there. Requires at > first().
  StreamEntry take_back(Position& at) const;
  // Marks the entry at `at`; the caller sets the counts.
  static void flag_deleted(char* listpack, Position at);

  // --- appending ---
  // The bytes of a block of one entry, and its making.
  static size_t bytes_of_first(StreamFields fields);
  static void write_first(StreamFields fields, char* out);
  // The bytes of the block with another entry behind the last one; and the same carried out in a
  // buffer that has room for them.
  struct Append {
    size_t total;
    bool same_fields;
  };
  Append plan_append(StreamId id, StreamFields fields) const;
  void append(const Append& plan, StreamId id, StreamFields fields, char* listpack) const;

  // --- counts ---
  // The bytes of the block with other counts, and the same carried out in a buffer that has room
  // for them.
  size_t bytes_with_counts(uint64_t live, uint64_t deleted) const;
  void set_counts(uint64_t live, uint64_t deleted, char* listpack) const;

 private:
  // An entry's flags.
  static constexpr int64_t kDeleted = 1;
  static constexpr int64_t kSameFields = 2;

  StreamEntry decode(Position at, Position& values) const;
  Position skip_fields(const StreamEntry& entry) const;
  bool has_fields(StreamFields fields) const;

  StreamId id_;
  Listpack pack_;
  uint64_t live_;
  uint64_t deleted_;
  size_t fields_;     // of the master entry
  Position counts_;   // behind the two counts
  Position names_;
  Position first_;
};

}  // namespace pollux
