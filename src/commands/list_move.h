// Moves from list to list, and pops from the first of several: what the commands that wait
// (list_block.cc) have in common with those that don't (list_move.cc).
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/commands/list_args.h"

namespace pollux {

// What moves from where to where.
struct ListMove {
  ListEnd from = ListEnd::kFront;
  ListEnd to = ListEnd::kFront;
  uint64_t count = 1;
  bool exactly = false;
  bool one_by_one = true;
  bool many = false;  // an array is answered

  // Of the block at the destination, against the source.
  bool turned() const { return one_by_one && from == to; }
};

// From the key in argument 1 to that in argument 2. False, with nothing done and nothing answered,
// if the source has not got enough.
bool move_elements(Context& ctx, ListMove move);
// LMOVEM's block of options, which is argument `first` and all behind it, or nothing.
bool read_how_many(Context& ctx, size_t first, ListMove& move);
inline void reply_not_moved(Context& ctx, const ListMove& move) {
  move.many ? ctx.reply.null_array() : ctx.reply.null();
}

// LMPOP's arguments: keys `first` and behind.
struct ListPop {
  size_t first = 0;
  size_t keys = 0;
  ListEnd end = ListEnd::kFront;
  uint64_t count = 1;
};

bool read_list_pop(Context& ctx, size_t numkeys_at, ListPop& pop);
// False, with nothing answered, if none of the keys is there.
bool pop_first_list(Context& ctx, const ListPop& pop);

}  // namespace pollux
