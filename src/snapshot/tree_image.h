// An OrderedTree as it was at the cut, while it changes and is walked in its order.
//
// What it says is the tree itself, but for the keys that are noted: those that have changed since,
// before the walk came to them, with what they were. Of keys behind the last one at the cut nothing
// need be noted: all of them are new. So a log that grows costs nothing here.
//
// Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/slice_time.h"
#include "src/data/counted_arena.h"
#include "src/data/ordered_tree.h"

namespace pollux {

template <typename Key, typename Value, typename Was>
class TreeImage {
 public:
  using Tree = OrderedTree<Key, Value>;

  // The cut. `arena`: for what is noted.
  TreeImage(CountedArena& arena, const Tree& tree)
      : arena_(arena),
        noted_(arena),
        size_(tree.size()),
        last_(tree.empty() ? Key() : tree.last().key()),
        over_(tree.empty()) {}

  size_t size() const { return size_; }  // at the cut
  // Whether a change of this key is to be noted: it is the first, and the walk is not behind it.
  bool wants(const Key& key) const {
    return !over_ && !dropped_ && !(last_ < key) && !is_passed(key) && noted_.find(key) == nullptr;
  }
  // These require wants(key).
  void note(const Key& key, const Was& was) { noted_.insert(key, {was, true}); }
  void note_absent(const Key& key) { noted_.insert(key, {Was(), false}); }

  // write(Key, Was, bool noted) for all of it in order, until the time is over (false); if it says
  // false, it wants the same again. was_of(Value) says what an unchanged one is. `tree` may be null
  // if it is gone, with all keys noted. The time is looked at every `steps`.
  template <typename WasOf, typename Write>
  bool walk(const Tree* tree, WasOf was_of, Write write, size_t steps, uint64_t until) {
    if (over_) {
      return true;
    }
    const Tree none(arena_);
    auto live = rest_of(tree == nullptr ? none : *tree);
    auto noted = rest_of(noted_);
    for (size_t n = 1;; ++n) {
      const bool has_live = !live.at_end() && !(last_ < live.key());
      if (noted.at_end() && !has_live) {
        over_ = true;
        return true;
      }
      bool done = true;
      if (noted.at_end() || (has_live && live.key() < noted.key())) {
        done = write(live.key(), was_of(live.value()), false);
        if (done) {
          pass(live.key());
          live.next();
        }
      } else {
        const Noted& value = noted.value();
        done = !value.there || write(noted.key(), value.was, true);
        if (done) {
          pass(noted.key());
          if (has_live && live.key() == noted.key()) {
            live.next();
          }
          noted.next();
        }
      }
      if (n % steps == 0 && out_of_time(until)) {
        return false;
      }
    }
  }

  // Nobody walks on, and nothing is noted any more. Frees what was, until the time is over (false);
  // visit(Was) for that which the walk has not come to.
  template <typename Visit>
  bool clear(Visit visit, uint64_t until) {
    dropped_ = true;
    const auto show = [&](const Key& key, Noted& value) {
      if (value.there && !over_ && !is_passed(key)) {
        visit(value.was);
      }
    };
    while (noted_.drop_leaf(show)) {
      if (out_of_time(until)) {
        return noted_.empty();
      }
    }
    return true;
  }

 private:
  struct Noted {
    Was was;
    bool there;
  };
  using NotedTree = OrderedTree<Key, Noted>;

  bool is_passed(const Key& key) const { return begun_ && !(here_ < key); }
  void pass(const Key& key) {
    here_ = key;
    begun_ = true;
  }

  template <typename Of>
  typename Of::Cursor rest_of(const Of& tree) const {
    if (!begun_) {
      return tree.first();
    }
    auto at = tree.from(here_);
    if (!at.at_end() && at.key() == here_) {
      at.next();
    }
    return at;
  }

  CountedArena& arena_;
  NotedTree noted_;
  const size_t size_;
  const Key last_;  // at the cut
  Key here_{};      // the walk is behind it
  bool begun_ = false;
  bool over_;
  bool dropped_ = false;
};

}  // namespace pollux
