// The members of one large sorted set in their order, with ranks: a B+-tree whose leaves hold only
// 32-bit handles. What a member is ordered by stands in its block, and a block is a cache miss; so
// the tree is built to look at few of them, and to ask for several at once where it must.
//
// The order has two parts. First goes an int64, the key (of a sorted set the score, by score_key);
// members with the same key are told apart by their blocks. Nodes know the key as far as they can:
//
//   inner  of each child: its first member with the whole key, and how many members it has, 24
//          bytes. So descent looks at a block only where keys are the same.
//   leaf   of each member 8 bits of the key (rank_tree_node.h), which leave 1 or 2 blocks of 198
//          to look at, if the leaf's keys are spread and not all the same.
//
// Where many blocks are left (many members with one score), each step asks for 7 of them at once
// and cuts the rest to an eighth.
//
// A node that is full shares with its neighbours, up to 5 of them together, and only when these
// are nearly full is there one node more; nodes are joined when 5 fit into 4 with room to spare.
// This takes moving bytes, but none of the members' blocks, except for the first of each leaf. At
// the tree's ends nodes are left full, so a log in the order of time fills them completely.
//
// All is O(log n) in the number of members; a step that shares 5 nodes moves 5 KiB. Figures are in
// README.md. Belongs to the holder of the shard.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/prefetch.h"
#include "src/data/entry_heap.h"
#include "src/data/rank_tree_node.h"

namespace pollux {

// A score as a key: in the same order, and the same for 0 and -0. Requires that it is not NaN.
inline int64_t score_key(double score) {
  const int64_t bits = std::bit_cast<int64_t>(score);
  return bits >= 0 ? bits : std::numeric_limits<int64_t>::min() - bits;
}

// A point in the order, between two members or at an end. Members with keys below first_key are
// before it, those with keys above last_key behind it, and of others before(handle) says whether
// they are before it. Requires last_key >= first_key - 1. (This one: nobody needs be asked.)
struct RankBound {
  int64_t first_key;
  int64_t last_key;
  bool before(Handle) const { return false; }

  // Before all members with this key or a greater one / behind all with this key or a smaller one.
  // Requires a key that is not the least / not the greatest int64; no score has these.
  static RankBound at_least(int64_t key) { return {key, key - 1}; }
  static RankBound above(int64_t key) { return {key + 1, key}; }
};
// The point among members with one key that `before` tells.
template <typename Before>
struct RankTieBound {
  RankTieBound(int64_t key, Before before) : first_key(key), last_key(key), before(before) {}
  int64_t first_key;
  int64_t last_key;
  Before before;
};
// The point that `before` tells, whatever the keys are: it must be true up to some member and false
// from there on.
template <typename Before>
struct RankAnyBound {
  explicit RankAnyBound(Before before) : before(before) {}
  int64_t first_key = std::numeric_limits<int64_t>::min();
  int64_t last_key = std::numeric_limits<int64_t>::max();
  Before before;
};

// All that does not depend on how members are compared.
class RankTreeCore {
 public:
  RankTreeCore(const RankTreeCore&) = delete;
  RankTreeCore& operator=(const RankTreeCore&) = delete;

  uint64_t size() const { return size_; }
  // What the nodes take, as the arena rounds them.
  size_t bytes() const { return bytes_; }

  // Frees at most this many nodes; false when nothing is left, and the tree is a new one. Until
  // then nothing else may be called. Members are the caller's.
  bool drain(size_t nodes_max);

 protected:
  // A level has at least some 12 times the nodes of the one above it.
  static constexpr uint32_t kInnerLevelsMax = 10;

  // The order, for what is too rare to be worth a template.
  struct Order {
    const void* self;
    int64_t (*key)(const void* self, Handle handle);
    bool (*before)(const void* self, Handle left, Handle right);
    void (*prefetch)(const void* self, Handle handle);
  };
  // The way from the root to a place in a leaf.
  struct Path {
    struct Step {
      RankInner* node;
      uint32_t place;
    };
    Step steps[kInnerLevelsMax];  // steps[0] is the root, if there are inner nodes
    RankLeaf* leaf;
    uint32_t place;
  };
  // As many neighbours as may share, and what they hold.
  struct Window {
    uint32_t first;
    uint32_t n;
    uint32_t items;
  };

  // The end at which the tree grows, and where to part a node for that; 0: not to be parted.
  enum class End { kNone, kFirst, kLast };
  struct Growth {
    End end;
    uint32_t cut;
  };

  explicit RankTreeCore(Arena& arena) : arena_(arena) {}
  ~RankTreeCore() { drain(std::numeric_limits<size_t>::max()); }

  // Requires rank < size().
  void path_to(uint64_t rank, Path& path) const;
  // Requires a leaf with room.
  void insert_at(const Path& path, Handle handle, int64_t key);
  // A step towards room at the end of the path, which is void then.
  void make_room(const Path& path, const Order& order);
  void make_first_leaf();
  // Of the path's leaf, `n` members from its place on.
  void erase_at(const Path& path, uint32_t n, const Order& order);
  void erase_ranks(uint64_t rank, uint64_t n, const Order& order);
  void append(Handle handle, const Order& order);
  static void replace_at(const Path& path, uint32_t levels, Handle handle);
  void check(const Order& order) const;

  Arena& arena_;
  void* root_ = nullptr;  // a leaf if inner_levels_ is 0
  RankLeaf* first_leaf_ = nullptr;
  RankLeaf* last_leaf_ = nullptr;
  uint32_t inner_levels_ = 0;
  uint64_t size_ = 0;
  size_t bytes_ = 0;

 private:
  RankLeaf* new_leaf(size_t bytes);
  void free_leaf(RankLeaf* leaf);
  RankInner* new_inner();
  void free_inner(RankInner* node);
  void link_behind(RankLeaf* left, RankLeaf* leaf);
  void unlink(RankLeaf* leaf);

  bool is_leaf(uint32_t level) const { return level == inner_levels_; }
  uint32_t items_of(const RankInner* parent, uint32_t place, uint32_t level) const;
  uint32_t items_max(uint32_t level) const {
    return is_leaf(level) ? RankLeaf::capacity_of(RankLeaf::kBytes) : RankInner::kCapacity;
  }
  Window window(const RankInner* parent, uint32_t place, uint32_t level) const;
  static void set_entry(RankInner* parent, uint32_t place, RankLeaf* leaf, const Order& order);
  static void set_entry(RankInner* parent, uint32_t place, RankInner* node);
  void renew_firsts(const Path& path, uint32_t level, const Order& order);

  Growth growth_at(const Path& path, uint32_t level) const;
  void resize_root_leaf(size_t bytes);
  void add_root(const Order& order);
  void cut(const Path& path, uint32_t level, uint32_t at, const Order& order);
  void share(RankInner* parent, Window window, uint32_t n, uint32_t level, End growing,
             const Order& order);
  void share_leaves(RankInner* parent, Window window, std::span<const uint32_t> shares,
                    const Order& order);
  void share_inner(RankInner* parent, Window window, std::span<const uint32_t> shares);
  static void sharpen(RankLeaf* leaf, const Order& order);
  uint32_t remove_empty(const Path& path);
  void join_thin(const Path& path, uint32_t level, const Order& order);
  void lower_root();

  uint64_t check_node(const void* node, uint32_t level, const Order& order, size_t* bytes) const;
};

// How members are compared:
//   int64_t key(Handle) const;               goes first
//   bool before(Handle, Handle) const;       the whole order; asked only if keys are the same
//   void prefetch(Handle) const;             the block will be asked for soon
// A member's place in the order must not change while it is in a tree.
template <typename OrderOf>
class RankTree : public RankTreeCore {
 public:
  // A member. Lives until the tree changes.
  class Cursor {
   public:
    Cursor() = default;
    // False behind the last member and before the first.
    explicit operator bool() const { return leaf_ != nullptr; }
    Handle handle() const { return leaf_->handles()[place_]; }
    // Requires a member. Asks for the block that is kAhead further.
    void next();
    void prev();
    // Requires a member. Asks for the blocks of this member and those that next / prev will come to
    // (a few of `count`); worth it before a range is read.
    void prefetch_next(uint64_t count) const;
    void prefetch_prev(uint64_t count) const;

   private:
    friend class RankTree;
    static constexpr uint32_t kAhead = 8;
    Cursor(const OrderOf* order, const RankLeaf* leaf, uint32_t place)
        : order_(order), leaf_(leaf), place_(place) {}

    const OrderOf* order_ = nullptr;
    const RankLeaf* leaf_ = nullptr;
    uint32_t place_ = 0;
  };
  struct Position {
    uint64_t rank;  // how many members are before
    Cursor cursor;  // the first that is not; none at the end
  };

  RankTree(Arena& arena, OrderOf order) : RankTreeCore(arena), order_(order) {}

  // --- reading ---

  Handle first() const { return size_ == 0 ? kNoHandle : first_leaf_->handles()[0]; }
  Handle last() const {
    return size_ == 0 ? kNoHandle : last_leaf_->handles()[last_leaf_->count - 1];
  }
  // The member with so many before it; none if rank >= size().
  Cursor at(uint64_t rank) const;
  // For example with RankBound, or what before(handle) tells (RankTieBound, RankAnyBound).
  template <typename Bound>
  Position find(const Bound& bound) const;
  // Requires that the member is there.
  uint64_t rank_of(Handle handle) const;

  // --- changing ---

  // Returns its rank. Requires that no member is equal in the order.
  uint64_t insert(Handle handle);
  // Of a member that comes behind all that are there. O(1) but for the sums on the way.
  void append(Handle handle) { RankTreeCore::append(handle, type_erased()); }
  // Requires that the member is there and that its block still says so. Returns its rank.
  uint64_t erase(Handle handle);
  // The members from this rank on; requires rank + count <= size(). O(count / 198 log n): callers
  // who can't bound it go in slices.
  void erase_ranks(uint64_t rank, uint64_t count) {
    RankTreeCore::erase_ranks(rank, count, type_erased());
  }
  // The member stands in another block now; the old one is still as it was.
  void replace(Handle from, Handle to);

  // Checks everything, the order of all members too; for tests. Asserts.
  void check() const { RankTreeCore::check(type_erased()); }

 private:
  // How many blocks are asked for at once.
  static constexpr uint32_t kPivots = 7;

  // Behind the member itself, and before what follows it.
  auto behind(Handle handle) const {
    return RankTieBound(order_.key(handle), [this, handle](Handle other) {
      return other == handle || order_.before(other, handle);
    });
  }

  template <typename Before>
  uint32_t partition(const Handle* handles, RankSpan span, Before before) const;
  // How many of the leaf's members are before the bound.
  template <typename Bound>
  uint32_t count_before(const RankLeaf* leaf, const Bound& bound) const;
  // Down to the leaf of the last member before the bound (of the first member, if there is none).
  // Returns how many members are before this leaf. Requires that the tree isn't empty.
  template <typename Bound>
  uint64_t descend(const Bound& bound, Path& path) const;
  // The same, to the member's place.
  uint64_t descend_to(Handle handle, Path& path) const;

  Order type_erased() const {
    return {&order_,
            [](const void* self, Handle handle) {
              return static_cast<const OrderOf*>(self)->key(handle);
            },
            [](const void* self, Handle left, Handle right) {
              return static_cast<const OrderOf*>(self)->before(left, right);
            },
            [](const void* self, Handle handle) {
              static_cast<const OrderOf*>(self)->prefetch(handle);
            }};
  }

  OrderOf order_;
};

// The first place in the span for which before(handle) is false; places for which it is true come
// first.
template <typename OrderOf>
template <typename Before>
uint32_t RankTree<OrderOf>::partition(const Handle* handles, RankSpan span, Before before) const {
  while (span.first < span.last) {
    const uint32_t size = span.last - span.first;
    const uint32_t pivots = std::min(size, kPivots);
    const auto pivot = [&](uint32_t i) { return span.first + (i + 1) * size / (pivots + 1); };
    for (uint32_t i = 0; i < pivots; ++i) {
      order_.prefetch(handles[pivot(i)]);
    }
    uint32_t low = 0;  // pivots below are before the bound, those from `high` on are not
    uint32_t high = pivots;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (before(handles[pivot(middle)])) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const RankSpan rest{low == 0 ? span.first : pivot(low - 1) + 1,
                        low == pivots ? span.last : pivot(low)};
    span = rest;
  }
  return span.first;
}

template <typename OrderOf>
template <typename Bound>
uint32_t RankTree<OrderOf>::count_before(const RankLeaf* leaf, const Bound& bound) const {
  // Whose bands are the same may have different keys.
  const RankSpan span = leaf->around(bound.first_key, bound.last_key);
  return partition(leaf->handles(), span, [&](Handle handle) {
    const int64_t key = order_.key(handle);
    return key < bound.first_key || (key <= bound.last_key && bound.before(handle));
  });
}

template <typename OrderOf>
template <typename Bound>
uint64_t RankTree<OrderOf>::descend(const Bound& bound, Path& path) const {
  uint64_t rank = 0;
  void* node = root_;
  for (uint32_t level = 0; level < inner_levels_; ++level) {
    RankInner* inner = static_cast<RankInner*>(node);
    const RankSpan span = inner->around(bound.first_key, bound.last_key);
    const uint32_t behind_first =
        partition(inner->firsts, span, [&](Handle handle) { return bound.before(handle); });
    const uint32_t place = std::max(behind_first, 1U) - 1;
    path.steps[level] = {inner, place};
    node = inner->children[place];
    prefetch_node(node);
    rank += inner->size_before(place);
  }
  path.leaf = static_cast<RankLeaf*>(node);
  return rank;
}

template <typename OrderOf>
uint64_t RankTree<OrderOf>::descend_to(Handle handle, Path& path) const {
  const auto bound = behind(handle);
  const uint64_t rank = descend(bound, path);
  const RankSpan span = path.leaf->around(bound.first_key, bound.last_key);
  path.place = path.leaf->find(handle, span);
  POLLUX_ASSERT(path.place < span.last);
  return rank + path.place;
}

template <typename OrderOf>
typename RankTree<OrderOf>::Cursor RankTree<OrderOf>::at(uint64_t rank) const {
  if (rank >= size_) {
    return {};
  }
  Path path;
  path_to(rank, path);
  return {&order_, path.leaf, path.place};
}

template <typename OrderOf>
template <typename Bound>
typename RankTree<OrderOf>::Position RankTree<OrderOf>::find(const Bound& bound) const {
  if (size_ == 0) {
    return {0, {}};
  }
  Path path;
  const uint64_t rank = descend(bound, path);
  const uint32_t place = count_before(path.leaf, bound);
  const Cursor cursor = place < path.leaf->count ? Cursor(&order_, path.leaf, place)
                                                 : Cursor(&order_, path.leaf->next, 0);
  return {rank + place, cursor};
}

template <typename OrderOf>
uint64_t RankTree<OrderOf>::rank_of(Handle handle) const {
  Path path;
  return descend_to(handle, path);
}

template <typename OrderOf>
uint64_t RankTree<OrderOf>::insert(Handle handle) {
  if (root_ == nullptr) {
    make_first_leaf();
  }
  const RankTieBound bound(order_.key(handle),
                           [this, handle](Handle other) { return order_.before(other, handle); });
  for (;;) {
    Path path;
    const uint64_t rank = descend(bound, path);
    path.place = count_before(path.leaf, bound);
    if (path.leaf->count < path.leaf->capacity) [[likely]] {
      insert_at(path, handle, bound.first_key);
      return rank + path.place;
    }
    make_room(path, type_erased());
  }
}

template <typename OrderOf>
uint64_t RankTree<OrderOf>::erase(Handle handle) {
  Path path;
  const uint64_t rank = descend_to(handle, path);
  erase_at(path, 1, type_erased());
  return rank;
}

template <typename OrderOf>
void RankTree<OrderOf>::replace(Handle from, Handle to) {
  Path path;
  descend_to(from, path);
  replace_at(path, inner_levels_, to);
}

template <typename OrderOf>
void RankTree<OrderOf>::Cursor::next() {
  if (++place_ == leaf_->count) {
    leaf_ = leaf_->next;
    place_ = 0;
    if (leaf_ == nullptr) {
      return;
    }
  }
  const uint32_t ahead = place_ + kAhead - 1;
  if (ahead < leaf_->count) {
    order_->prefetch(leaf_->handles()[ahead]);
    if (ahead + kAhead == leaf_->count && leaf_->next != nullptr) {
      prefetch_node(leaf_->next);
    }
  } else if (leaf_->next != nullptr && ahead - leaf_->count < leaf_->next->count) {
    order_->prefetch(leaf_->next->handles()[ahead - leaf_->count]);
  }
}

template <typename OrderOf>
void RankTree<OrderOf>::Cursor::prev() {
  if (place_ == 0) {
    leaf_ = leaf_->prev;
    if (leaf_ == nullptr) {
      return;
    }
    place_ = leaf_->count;
  }
  --place_;
  if (place_ + 1 >= kAhead) {
    order_->prefetch(leaf_->handles()[place_ + 1 - kAhead]);
    if (place_ == 2 * kAhead && leaf_->prev != nullptr) {
      prefetch_node(leaf_->prev);
    }
  } else if (leaf_->prev != nullptr && leaf_->prev->count >= kAhead) {
    order_->prefetch(leaf_->prev->handles()[leaf_->prev->count + place_ + 1 - kAhead]);
  }
}

template <typename OrderOf>
void RankTree<OrderOf>::Cursor::prefetch_next(uint64_t count) const {
  const uint32_t last = static_cast<uint32_t>(
      std::min<uint64_t>(place_ + std::min<uint64_t>(count, kAhead), leaf_->count));
  for (uint32_t i = place_; i < last; ++i) {
    order_->prefetch(leaf_->handles()[i]);
  }
}

template <typename OrderOf>
void RankTree<OrderOf>::Cursor::prefetch_prev(uint64_t count) const {
  const uint32_t n = static_cast<uint32_t>(std::min<uint64_t>({count, kAhead, place_ + 1U}));
  for (uint32_t i = 0; i < n; ++i) {
    order_->prefetch(leaf_->handles()[place_ - i]);
  }
}

}  // namespace pollux
