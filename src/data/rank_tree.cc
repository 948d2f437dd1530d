#include "src/data/rank_tree.h"

#include <algorithm>

namespace pollux {

namespace {

// How many neighbours share. 5 full nodes become 6, so nodes are 5/6 full at the least while only
// inserts happen.
constexpr uint32_t kWindow = 5;
// Full nodes share if a sixteenth of their window is free: so each time is paid for by 60 inserts.
constexpr uint32_t kFreeShareMin = 16;
// A node is thin below 3/4, and joins its window if that fits in one node less filled to 7/8.
constexpr bool is_thin(uint32_t items, uint32_t items_max) {
  return items < items_max * 3 / 4;
}
constexpr uint32_t joined_max(uint32_t nodes, uint32_t items_max) {
  return nodes * items_max * 7 / 8;
}
// What is inserted into this part of the first or last node counts as going on at that end, and
// nodes near it are filled but for this part.
constexpr uint32_t kEndShare = 8;
constexpr uint32_t kEndSlackShare = 32;
static_assert(RankInner::kCapacity >= kEndSlackShare, "or sharing leaves no room");

constexpr uint32_t kLeafItemsMax = RankLeaf::capacity_of(RankLeaf::kBytes);
// Bands that spread over less than this are made anew, with a smaller shift; fresh ones spread
// over 128 at least, if keys differ enough.
constexpr uint64_t kBandSpreadMin = 48;
constexpr uint32_t kSharpenItemsMin = 32;

// The root, as a leaf: 64, 96, 128, 192 ... 1024, each a size class.
constexpr size_t next_leaf_bytes(size_t bytes) {
  return (bytes & (bytes - 1)) == 0 ? bytes * 3 / 2 : bytes * 4 / 3;
}

}  // namespace

// --- nodes ---

RankLeaf* RankTreeCore::new_leaf(size_t bytes) {
  RankLeaf* leaf = static_cast<RankLeaf*>(arena_.allocate(bytes));
  leaf->format(bytes);
  bytes_ += Arena::usable(bytes);
  return leaf;
}

void RankTreeCore::free_leaf(RankLeaf* leaf) {
  const size_t bytes = leaf->bytes;
  bytes_ -= Arena::usable(bytes);
  arena_.free(leaf, bytes);
}

RankInner* RankTreeCore::new_inner() {
  RankInner* node = static_cast<RankInner*>(arena_.allocate(sizeof(RankInner)));
  node->count = 0;
  bytes_ += Arena::usable(sizeof(RankInner));
  return node;
}

void RankTreeCore::free_inner(RankInner* node) {
  bytes_ -= Arena::usable(sizeof(RankInner));
  arena_.free(node, sizeof(RankInner));
}

void RankTreeCore::link_behind(RankLeaf* left, RankLeaf* leaf) {
  leaf->prev = left;
  leaf->next = left->next;
  left->next = leaf;
  (leaf->next != nullptr ? leaf->next->prev : last_leaf_) = leaf;
}

void RankTreeCore::unlink(RankLeaf* leaf) {
  (leaf->prev != nullptr ? leaf->prev->next : first_leaf_) = leaf->next;
  (leaf->next != nullptr ? leaf->next->prev : last_leaf_) = leaf->prev;
}

// How many items a node at `level`, a child of `parent`, has.
uint32_t RankTreeCore::items_of(const RankInner* parent, uint32_t place, uint32_t level) const {
  return is_leaf(level) ? parent->sizes[place] : parent->inner(place)->count;
}

RankTreeCore::Window RankTreeCore::window(const RankInner* parent, uint32_t place,
                                          uint32_t level) const {
  Window window;
  window.n = std::min(kWindow, parent->count);
  window.first = std::min(std::max(place, kWindow / 2) - kWindow / 2, parent->count - window.n);
  window.items = 0;
  for (uint32_t i = 0; i < window.n; ++i) {
    window.items += items_of(parent, window.first + i, level);
  }
  return window;
}

void RankTreeCore::set_entry(RankInner* parent, uint32_t place, RankLeaf* leaf,
                             const Order& order) {
  const Handle first = leaf->handles()[0];
  parent->set(place, leaf, order.key(order.self, first), first, leaf->count);
}

void RankTreeCore::set_entry(RankInner* parent, uint32_t place, RankInner* node) {
  parent->set(place, node, node->keys[0], node->firsts[0], node->size());
}

// The node at `level` has another first member than before.
void RankTreeCore::renew_firsts(const Path& path, uint32_t level, const Order& order) {
  const Handle first = is_leaf(level) ? path.leaf->handles()[0] : path.steps[level].node->firsts[0];
  const int64_t key =
      is_leaf(level) ? order.key(order.self, first) : path.steps[level].node->keys[0];
  for (; level > 0; --level) {
    const Path::Step& up = path.steps[level - 1];
    up.node->keys[up.place] = key;
    up.node->firsts[up.place] = first;
    if (up.place > 0) {
      return;
    }
  }
}

// --- insert ---

void RankTreeCore::make_first_leaf() {
  first_leaf_ = last_leaf_ = new_leaf(RankLeaf::kBytesMin);
  root_ = first_leaf_;
}

void RankTreeCore::insert_at(const Path& path, Handle handle, int64_t key) {
  path.leaf->insert(path.place, handle, key);
  ++size_;
  bool is_first = path.place == 0;
  for (uint32_t level = inner_levels_; level > 0; --level) {
    const Path::Step& up = path.steps[level - 1];
    ++up.node->sizes[up.place];
    if (is_first) {
      up.node->keys[up.place] = key;
      up.node->firsts[up.place] = handle;
      is_first = up.place == 0;
    }
  }
}

// Goes up while nodes are full, for as long as a node is needed that the parent has no room for.
// The first that can be helped is; then the caller comes again, at most once for each level.
void RankTreeCore::make_room(const Path& path, const Order& order) {
  if (inner_levels_ == 0 && path.leaf->bytes < RankLeaf::kBytes) {
    resize_root_leaf(next_leaf_bytes(path.leaf->bytes));
    return;
  }
  for (uint32_t level = inner_levels_; level > 0; --level) {
    const Path::Step& up = path.steps[level - 1];
    const Growth growth = growth_at(path, level);
    const Window near = window(up.node, up.place, level);
    const uint32_t room = near.n * items_max(level);
    if (growth.cut == 0 && room - near.items >= room / kFreeShareMin) {
      share(up.node, near, near.n, level, growth.end, order);
      return;
    }
    if (up.node->count < RankInner::kCapacity) {
      if (growth.cut != 0) {
        cut(path, level, growth.cut, order);
      } else {
        share(up.node, near, near.n + 1, level, growth.end, order);
      }
      return;
    }
  }
  add_root(order);
}

// Whether the tree seems to grow at an end, as a log does. If the path goes to the last (first)
// node at `level`, or the one beside it, its neighbours inside will hardly get more: they are left
// nearly full. If it goes to the last (first) items of the very last node, neighbours needn't be
// looked at: the node is parted there, and the smaller part will grow. The node is full.
RankTreeCore::Growth RankTreeCore::growth_at(const Path& path, uint32_t level) const {
  bool first = true;
  bool last = true;
  for (uint32_t i = 0; i + 1 < level; ++i) {
    first = first && path.steps[i].place == 0;
    last = last && path.steps[i].place == path.steps[i].node->count - 1;
  }
  const Path::Step& up = path.steps[level - 1];
  const uint32_t items = items_max(level);
  const uint32_t place = is_leaf(level) ? path.place : path.steps[level].place;
  if (last && up.place + 2 >= up.node->count) {
    const bool cut = up.place + 1 == up.node->count && place >= items - items / kEndShare;
    return {End::kLast, cut ? std::min(place, items - 1) : 0};
  }
  if (first && up.place <= 1) {
    const bool cut = up.place == 0 && place <= items / kEndShare;
    return {End::kFirst, cut ? std::max(place, 1U) : 0};
  }
  return {End::kNone, 0};
}

void RankTreeCore::resize_root_leaf(size_t bytes) {
  RankLeaf* old = static_cast<RankLeaf*>(root_);
  RankLeaf* leaf = new_leaf(bytes);
  uint64_t floors[kLeafItemsMax];
  for (uint32_t i = 0; i < old->count; ++i) {
    floors[i] = old->floor(i);
  }
  leaf->assign(old->handles(), floors, old->count, old->shift);
  free_leaf(old);
  root_ = first_leaf_ = last_leaf_ = leaf;
}

void RankTreeCore::add_root(const Order& order) {
  POLLUX_ASSERT(inner_levels_ < kInnerLevelsMax);
  RankInner* root = new_inner();
  if (inner_levels_ == 0) {
    set_entry(root, 0, static_cast<RankLeaf*>(root_), order);
  } else {
    set_entry(root, 0, static_cast<RankInner*>(root_));
  }
  root->count = 1;
  root_ = root;
  ++inner_levels_;
}

// The items from `at` on go to a new node.
void RankTreeCore::cut(const Path& path, uint32_t level, uint32_t at, const Order& order) {
  const auto [parent, place] = path.steps[level - 1];
  parent->shift_entries(place + 1, place + 2);
  if (is_leaf(level)) {
    RankLeaf* left = parent->leaf(place);
    RankLeaf* right = new_leaf(RankLeaf::kBytes);
    const uint32_t n = left->count - at;
    uint64_t floors[kLeafItemsMax];
    for (uint32_t i = 0; i < n; ++i) {
      floors[i] = left->floor(at + i);
    }
    right->assign(left->handles() + at, floors, n, left->shift);
    left->count = static_cast<uint16_t>(at);
    link_behind(left, right);
    set_entry(parent, place, left, order);
    set_entry(parent, place + 1, right, order);
  } else {
    RankInner* left = parent->inner(place);
    RankInner* right = new_inner();
    right->count = left->count - at;
    right->copy(0, *left, at, right->count);
    left->count = at;
    set_entry(parent, place, left);
    set_entry(parent, place + 1, right);
  }
}

// Deals what the nodes of the window hold to `n` nodes: one more than they are (the parent must
// have room), one less, or as many. Each gets as many, but for the one that is to grow.
void RankTreeCore::share(RankInner* parent, Window window, uint32_t n, uint32_t level, End growing,
                         const Order& order) {
  uint32_t shares[kWindow + 1];
  const uint32_t full = items_max(level) - items_max(level) / kEndSlackShare;
  for (uint32_t i = 0; i < n; ++i) {
    shares[i] = window.items / n + (i < window.items % n ? 1 : 0);
  }
  if (growing != End::kNone && n > 1) {
    const uint32_t each = std::min(full, (window.items - 1) / (n - 1));
    std::fill_n(shares, n, each);
    shares[growing == End::kLast ? n - 1 : 0] = window.items - (n - 1) * each;
  }
  if (is_leaf(level)) {
    share_leaves(parent, window, {shares, n}, order);
  } else {
    share_inner(parent, window, {shares, n});
  }
}

void RankTreeCore::share_leaves(RankInner* parent, Window window, std::span<const uint32_t> shares,
                                const Order& order) {
  const uint32_t n = static_cast<uint32_t>(shares.size());
  Handle handles[kWindow * kLeafItemsMax];
  uint64_t floors[kWindow * kLeafItemsMax];
  uint32_t ends[kWindow];
  uint8_t shifts[kWindow];
  uint32_t items = 0;
  for (uint32_t i = 0; i < window.n; ++i) {
    const RankLeaf* leaf = parent->leaf(window.first + i);
    std::memcpy(handles + items, leaf->handles(), leaf->count * sizeof(Handle));
    for (uint32_t j = 0; j < leaf->count; ++j) {
      floors[items + j] = leaf->floor(j);
    }
    items += leaf->count;
    ends[i] = items;
    shifts[i] = leaf->shift;
  }
  const uint32_t end = window.first + window.n;
  RankLeaf* last = parent->leaf(end - 1);
  if (n < window.n) {
    unlink(last);
    free_leaf(last);
    parent->shift_entries(end, end - 1);
  } else if (n > window.n) {
    parent->shift_entries(end, end + 1);
    RankLeaf* leaf = new_leaf(RankLeaf::kBytes);
    parent->children[end] = leaf;
    link_behind(last, leaf);
  }
  uint32_t at = 0;
  uint32_t source = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t share = shares[i];
    order.prefetch(order.self, handles[at]);
    uint8_t shift = shifts[source];
    while (ends[source] < at + share) {
      shift = std::max(shift, shifts[++source]);
    }
    parent->leaf(window.first + i)->assign(handles + at, floors + at, share, shift);
    at += share;
    if (at == ends[source] && i + 1 < n) {
      ++source;
    }
  }
  for (uint32_t i = window.first; i < window.first + n; ++i) {
    set_entry(parent, i, parent->leaf(i), order);
    sharpen(parent->leaf(i), order);
  }
}

void RankTreeCore::share_inner(RankInner* parent, Window window, std::span<const uint32_t> shares) {
  const uint32_t n = static_cast<uint32_t>(shares.size());
  RankInner all[kWindow];  // one after the other
  uint32_t sizes[kWindow];
  for (uint32_t i = 0; i < window.n; ++i) {
    const RankInner* node = parent->inner(window.first + i);
    sizes[i] = node->count;
    all[i].copy(0, *node, 0, node->count);
  }
  const uint32_t end = window.first + window.n;
  if (n < window.n) {
    free_inner(parent->inner(end - 1));
    parent->shift_entries(end, end - 1);
  } else if (n > window.n) {
    parent->shift_entries(end, end + 1);
    parent->children[end] = new_inner();
  }
  uint32_t source = 0;
  uint32_t from = 0;
  for (uint32_t i = 0; i < n; ++i) {
    RankInner* node = parent->inner(window.first + i);
    for (node->count = 0; node->count < shares[i];) {
      const uint32_t some = std::min(shares[i] - node->count, sizes[source] - from);
      node->copy(node->count, all[source], from, some);
      node->count += some;
      from += some;
      if (from == sizes[source]) {
        ++source;
        from = 0;
      }
    }
    set_entry(parent, window.first + i, node);
  }
}

// Makes bands that no longer tell much from the keys again.
void RankTreeCore::sharpen(RankLeaf* leaf, const Order& order) {
  const uint32_t n = leaf->count;
  if (n < kSharpenItemsMin || leaf->shift == 0 ||
      leaf->band(n - 1) - leaf->band(0) >= kBandSpreadMin) {
    return;
  }
  constexpr uint32_t kAhead = 16;
  const Handle* handles = leaf->handles();
  uint64_t keys[kLeafItemsMax];
  for (uint32_t i = 0; i < n + kAhead; ++i) {
    if (i < n) {
      order.prefetch(order.self, handles[i]);
    }
    if (i >= kAhead) {
      keys[i - kAhead] = RankLeaf::unsigned_key(order.key(order.self, handles[i - kAhead]));
    }
  }
  leaf->set_bands(keys, 0);
}

void RankTreeCore::append(Handle handle, const Order& order) {
  if (root_ == nullptr) {
    make_first_leaf();
  }
  for (;;) {
    Path path;
    void* node = root_;
    for (uint32_t level = 0; level < inner_levels_; ++level) {
      RankInner* inner = static_cast<RankInner*>(node);
      path.steps[level] = {inner, inner->count - 1};
      node = inner->children[inner->count - 1];
    }
    path.leaf = last_leaf_;
    path.place = last_leaf_->count;
    if (path.leaf->count < path.leaf->capacity) {
      insert_at(path, handle, order.key(order.self, handle));
      return;
    }
    make_room(path, order);
  }
}

// --- erase ---

void RankTreeCore::path_to(uint64_t rank, Path& path) const {
  void* node = root_;
  for (uint32_t level = 0; level < inner_levels_; ++level) {
    RankInner* inner = static_cast<RankInner*>(node);
    uint32_t place = 0;
    while (rank >= inner->sizes[place]) {
      rank -= inner->sizes[place++];
    }
    path.steps[level] = {inner, place};
    node = inner->children[place];
    prefetch_node(node);
  }
  path.leaf = static_cast<RankLeaf*>(node);
  path.place = static_cast<uint32_t>(rank);
}

void RankTreeCore::erase_at(const Path& path, uint32_t n, const Order& order) {
  path.leaf->erase(path.place, n);
  size_ -= n;
  for (uint32_t level = 0; level < inner_levels_; ++level) {
    path.steps[level].node->sizes[path.steps[level].place] -= n;
  }
  uint32_t level = inner_levels_;
  bool first_gone = path.place == 0;
  if (path.leaf->count == 0) {
    level = remove_empty(path);
    if (root_ == nullptr) {
      return;
    }
    first_gone = path.steps[level].place == 0;
  }
  if (first_gone) {
    renew_firsts(path, level, order);
  }
  join_thin(path, level, order);
  lower_root();
}

void RankTreeCore::erase_ranks(uint64_t rank, uint64_t n, const Order& order) {
  POLLUX_ASSERT(rank <= size_ && n <= size_ - rank);
  while (n > 0) {
    Path path;
    path_to(rank, path);
    const uint32_t some =
        static_cast<uint32_t>(std::min<uint64_t>(n, path.leaf->count - path.place));
    erase_at(path, some, order);
    n -= some;
  }
}

// Frees the path's leaf, which is empty, and what is empty without it. Returns the level of the
// node that lost its child at the step's place.
uint32_t RankTreeCore::remove_empty(const Path& path) {
  unlink(path.leaf);
  free_leaf(path.leaf);
  uint32_t level = inner_levels_;
  while (level > 0) {
    const auto [node, place] = path.steps[--level];
    if (node->count > 1) {
      node->shift_entries(place + 1, place);
      return level;
    }
    free_inner(node);
  }
  root_ = nullptr;
  inner_levels_ = 0;
  return 0;
}

// The node at `level` may have become thin, and if it is joined with others, so may its parent.
void RankTreeCore::join_thin(const Path& path, uint32_t level, const Order& order) {
  for (; level > 0; --level) {
    const Path::Step& up = path.steps[level - 1];
    if (!is_thin(items_of(up.node, up.place, level), items_max(level))) {
      return;
    }
    const Window near = window(up.node, up.place, level);
    if (near.n < 2 || near.items > joined_max(near.n - 1, items_max(level))) {
      return;
    }
    share(up.node, near, near.n - 1, level, End::kNone, order);
  }
}

void RankTreeCore::lower_root() {
  while (inner_levels_ > 0) {
    RankInner* root = static_cast<RankInner*>(root_);
    if (root->count > 1) {
      return;
    }
    root_ = root->children[0];
    --inner_levels_;
    free_inner(root);
  }
  const RankLeaf* leaf = static_cast<RankLeaf*>(root_);
  if (leaf->count <= leaf->capacity / 4 && leaf->bytes / 2 >= RankLeaf::kBytesMin) {
    resize_root_leaf(leaf->bytes / 2);
  }
}

// --- the rest ---

void RankTreeCore::replace_at(const Path& path, uint32_t levels, Handle handle) {
  path.leaf->handles()[path.place] = handle;
  if (path.place > 0) {
    return;
  }
  while (levels > 0) {
    const auto [node, place] = path.steps[--levels];
    node->firsts[place] = handle;
    if (place > 0) {
      return;
    }
  }
}

// Takes the last child of the last node away, again and again; how far it came is in the counts.
bool RankTreeCore::drain(size_t nodes_max) {
  for (; nodes_max > 0 && root_ != nullptr; --nodes_max) {
    RankInner* parent = nullptr;
    void* node = root_;
    uint32_t level = 0;
    while (!is_leaf(level) && static_cast<RankInner*>(node)->count > 0) {
      parent = static_cast<RankInner*>(node);
      node = parent->children[parent->count - 1];
      ++level;
    }
    if (is_leaf(level)) {
      free_leaf(static_cast<RankLeaf*>(node));
    } else {
      free_inner(static_cast<RankInner*>(node));
    }
    if (parent != nullptr) {
      --parent->count;
    } else {
      root_ = nullptr;
    }
  }
  if (root_ != nullptr) {
    return true;
  }
  first_leaf_ = last_leaf_ = nullptr;
  inner_levels_ = 0;
  size_ = 0;
  return false;
}

void RankTreeCore::check(const Order& order) const {
  if (root_ == nullptr) {
    POLLUX_ASSERT(size_ == 0 && bytes_ == 0 && inner_levels_ == 0);
    POLLUX_ASSERT(first_leaf_ == nullptr && last_leaf_ == nullptr);
    return;
  }
  size_t bytes = 0;
  POLLUX_ASSERT(check_node(root_, 0, order, &bytes) == size_);
  POLLUX_ASSERT(bytes == bytes_);
  uint64_t size = 0;
  const RankLeaf* prev = nullptr;
  Handle last = kNoHandle;
  for (const RankLeaf* leaf = first_leaf_; leaf != nullptr; leaf = leaf->next) {
    POLLUX_ASSERT(leaf->prev == prev);
    for (uint32_t i = 0; i < leaf->count; ++i) {
      const Handle handle = leaf->handles()[i];
      POLLUX_ASSERT(last == kNoHandle || order.before(order.self, last, handle));
      last = handle;
    }
    size += leaf->count;
    prev = leaf;
  }
  POLLUX_ASSERT(prev == last_leaf_);
  POLLUX_ASSERT(size == size_);
}

// Returns how many members it has; adds what it and its children take.
uint64_t RankTreeCore::check_node(const void* node, uint32_t level, const Order& order,
                                  size_t* bytes) const {
  if (is_leaf(level)) {
    const RankLeaf* leaf = static_cast<const RankLeaf*>(node);
    *bytes += Arena::usable(leaf->bytes);
    POLLUX_ASSERT(level == 0 || leaf->bytes == RankLeaf::kBytes);
    POLLUX_ASSERT(leaf->count > 0 && leaf->count <= leaf->capacity);
    POLLUX_ASSERT(leaf->capacity == RankLeaf::capacity_of(leaf->bytes));
    for (uint32_t i = 0; i < leaf->count; ++i) {
      const int64_t key = order.key(order.self, leaf->handles()[i]);
      POLLUX_ASSERT(leaf->band(i) == RankLeaf::unsigned_key(key) >> leaf->shift);
    }
    return leaf->count;
  }
  const RankInner* inner = static_cast<const RankInner*>(node);
  *bytes += Arena::usable(sizeof(RankInner));
  POLLUX_ASSERT(inner->count > (level == 0 ? 1 : 0) && inner->count <= RankInner::kCapacity);
  for (uint32_t i = 0; i < inner->count; ++i) {
    const Handle first =
        is_leaf(level + 1) ? inner->leaf(i)->handles()[0] : inner->inner(i)->firsts[0];
    POLLUX_ASSERT(inner->firsts[i] == first);
    POLLUX_ASSERT(inner->keys[i] == order.key(order.self, first));
    POLLUX_ASSERT(inner->sizes[i] == check_node(inner->children[i], level + 1, order, bytes));
  }
  return inner->size();
}

}  // namespace pollux
