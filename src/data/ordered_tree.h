// A B+-tree: values by key, in the order of keys. Streams find their blocks in one, groups their
// entries that are pending, and names.
//
//   inner   [ child | key child | key child ... ]      a key is the smallest one below its child
//   leaf    [ keys ][ values ] and the leaves before and behind
//
// What is appended in order, as a log is, costs no search and leaves the leaves full; else a full
// leaf is split in half. A leaf of a tree with only one starts with 64 bytes and doubles up to
// kNodeBytes. A leaf that is a quarter full is merged with a neighbour below the same node if
// that leaves room; a node goes when it is empty. So memory follows what is in the tree, but for a
// leaf that stands alone below its node.
//
// Keys and values move by their bytes; a key may be a view of memory that lives as long as the key
// is in the tree, and no longer. Pointers to values live until the next change. Belongs to the
// holder of the shard.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "src/base/assert.h"
#include "src/data/counted_arena.h"

namespace pollux {

// The value of a tree that is a set.
struct Nothing {};

template <typename Key, typename Value>
class OrderedTree {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

  struct Leaf;

 public:
  // Not owned; all memory comes from it.
  explicit OrderedTree(CountedArena& arena) : arena_(arena) {}
  ~OrderedTree() { clear(); }
  OrderedTree(const OrderedTree&) = delete;
  OrderedTree& operator=(const OrderedTree&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // A place in the tree, until its next change.
  class Cursor {
   public:
    bool at_end() const { return leaf_ == nullptr; }
    // These require !at_end().
    const Key& key() const { return leaf_->key(index_); }
    Value& value() const { return leaf_->value(index_); }
    void next() {
      if (++index_ == leaf_->count) {
        leaf_ = leaf_->next;
        index_ = 0;
      }
    }
    // Before the first one is the end, too.
    void prev() {
      if (index_-- == 0) {
        leaf_ = leaf_->prev;
        index_ = leaf_ == nullptr ? 0 : leaf_->count - 1U;
      }
    }

   private:
    friend class OrderedTree;
    Cursor(Leaf* leaf, size_t index) : leaf_(leaf), index_(static_cast<uint32_t>(index)) {}
    Leaf* leaf_;
    uint32_t index_;
  };

  Cursor first() const { return {first_, 0}; }
  Cursor last() const { return {last_, last_ == nullptr ? 0 : last_->count - 1U}; }
  // The first one whose key is not before `key`.
  Cursor from(const Key& key) const {
    Leaf* const leaf = leaf_for(key);
    const size_t at = leaf == nullptr ? 0 : leaf->lower_bound(key);
    return leaf == nullptr || at < leaf->count ? Cursor(leaf, at) : Cursor(leaf->next, 0);
  }
  // The last one whose key is not behind `key`.
  Cursor up_to(const Key& key) const {
    Leaf* const leaf = leaf_for(key);
    if (leaf == nullptr) {
      return {nullptr, 0};
    }
    const size_t at = leaf->upper_bound(key);
    if (at > 0) {
      return {leaf, at - 1};
    }
    return {leaf->prev, leaf->prev == nullptr ? 0 : leaf->prev->count - 1U};
  }
  // Null if there is none.
  Value* find(const Key& key) const {
    Leaf* const leaf = leaf_for(key);
    const size_t at = leaf == nullptr ? 0 : leaf->lower_bound(key);
    return leaf != nullptr && at < leaf->count && leaf->key(at) == key ? &leaf->value(at) : nullptr;
  }

  // Whether it would come to stand at the end.
  bool behind_all(const Key& key) const {
    return last_ == nullptr || last_->key(last_->count - 1U) < key;
  }

  // Where the value stands now. Requires that the key is not there.
  Value& insert(const Key& key, const Value& value) {
    if (last_ != nullptr && last_->count < last_->capacity && behind_all(key)) [[likely]] {
      ++size_;
      return last_->put(last_->count, key, value);
    }
    return insert_slow(key, value);
  }
  // False if it is not there.
  bool erase(const Key& key);
  void clear() {
    while (drop_leaf([](const Key&, Value&) {})) {
    }
  }
  // Frees the last leaf, whose pairs are shown to visit(key, value) first. False if there was none.
  template <typename Visit>
  bool drop_leaf(Visit visit);

 private:
  static constexpr size_t kNodeBytes = 1024;
  static constexpr size_t kFirstLeafBytes = 64;
  static constexpr size_t kValueBytes = std::is_empty_v<Value> ? 0 : sizeof(Value);

  struct Leaf {
    uint16_t count;
    uint16_t capacity;
    uint32_t block_bytes;
    Leaf* prev;
    Leaf* next;

    char* area() { return reinterpret_cast<char*>(this) + sizeof(Leaf); }
    Key* keys() { return reinterpret_cast<Key*>(area()); }
    Value* values() { return reinterpret_cast<Value*>(area() + capacity * sizeof(Key)); }
    Key& key(size_t i) { return keys()[i]; }
    Value& value(size_t i) { return kValueBytes == 0 ? values()[0] : values()[i]; }

    size_t lower_bound(const Key& wanted) {
      return static_cast<size_t>(std::lower_bound(keys(), keys() + count, wanted) - keys());
    }
    size_t upper_bound(const Key& wanted) {
      return static_cast<size_t>(std::upper_bound(keys(), keys() + count, wanted) - keys());
    }
    // Moves the pairs from `at` on to `to` in `leaf`.
    void move_to(Leaf* leaf, size_t to, size_t at) {
      const size_t moved = count - at;
      std::memmove(static_cast<void*>(leaf->keys() + to), keys() + at, moved * sizeof(Key));
      std::memmove(static_cast<void*>(reinterpret_cast<char*>(leaf->values()) + to * kValueBytes),
                   reinterpret_cast<char*>(values()) + at * kValueBytes, moved * kValueBytes);
    }
    Value& put(size_t at, const Key& new_key, const Value& new_value) {
      move_to(this, at + 1, at);
      ++count;
      std::memcpy(static_cast<void*>(keys() + at), &new_key, sizeof(Key));
      std::memcpy(reinterpret_cast<char*>(values()) + at * kValueBytes, &new_value, kValueBytes);
      return value(at);
    }
    void take(size_t at) {
      move_to(this, at, at + 1);
      --count;
    }
  };
  static_assert(sizeof(Leaf) % alignof(Key) == 0 && alignof(Value) <= alignof(Key));
  static constexpr size_t leaf_capacity(size_t bytes) {
    return (bytes - sizeof(Leaf)) / (sizeof(Key) + kValueBytes);
  }
  static constexpr size_t kLeafMax = leaf_capacity(kNodeBytes);

  struct Link {
    Key key;  // of the first link not looked at
    void* child;
  };
  static constexpr size_t kLinksMax = (kNodeBytes - sizeof(uint64_t)) / sizeof(Link);
  struct Inner {
    uint64_t count;
    Link links[kLinksMax];

    size_t child_for(const Key& key) const {
      return static_cast<size_t>(
          std::upper_bound(links + 1, links + count, key,
                           [](const Key& a, const Link& b) { return a < b.key; }) -
          links - 1);
    }
    void put(size_t at, const Key& key, void* child) {
      std::memmove(static_cast<void*>(links + at + 1), links + at, (count - at) * sizeof(Link));
      std::memcpy(static_cast<void*>(&links[at].key), &key, sizeof(Key));
      links[at].child = child;
      ++count;
    }
    void take(size_t at) {
      --count;
      std::memmove(static_cast<void*>(links + at), links + at + 1, (count - at) * sizeof(Link));
    }
  };

  // Levels above the leaves: each is a split of 42 full nodes below, so 2^64 keys have fewer.
  static constexpr unsigned kHeightMax = 16;
  struct Path {
    Inner* node[kHeightMax];  // from the root on
    size_t index[kHeightMax];
    Leaf* leaf;
  };

  Leaf* leaf_for(const Key& key) const {
    void* node = root_;
    for (unsigned level = 0; level < height_; ++level) {
      const Inner* inner = static_cast<Inner*>(node);
      node = inner->links[inner->child_for(key)].child;
    }
    return static_cast<Leaf*>(node);
  }
  Value& insert_slow(const Key& key, const Value& value);
  void find_path(const Key& key, Path& path) const;
  Leaf* new_leaf(size_t bytes, Leaf* behind);
  void free_leaf(Leaf* leaf);
  void grow_root_leaf();
  void insert_child(Path& path, unsigned level, const Key& key, void* child);
  void erase_child(Path& path, unsigned level);
  void set_first_key(Path& path, unsigned level, const Key& key);
  void merge_neighbours(Path& path);

  CountedArena& arena_;
  void* root_ = nullptr;  // a leaf if height_ is 0
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  size_t size_ = 0;
  unsigned height_ = 0;
};

// --- changes ---

template <typename Key, typename Value>
Value& OrderedTree<Key, Value>::insert_slow(const Key& key, const Value& value) {
  ++size_;
  if (root_ == nullptr) {
    root_ = new_leaf(kFirstLeafBytes, nullptr);
  }
  Path path;
  find_path(key, path);
  if (path.leaf->count == path.leaf->capacity && path.leaf->capacity < kLeafMax) {
    grow_root_leaf();
    path.leaf = static_cast<Leaf*>(root_);
  }
  Leaf* leaf = path.leaf;
  size_t at = leaf->lower_bound(key);
  if (leaf->count == kLeafMax) {
    const bool behind_all = leaf == last_ && at == leaf->count;
    const size_t stay = behind_all ? leaf->count : kLeafMax / 2;
    Leaf* const right = new_leaf(kNodeBytes, leaf);
    leaf->move_to(right, 0, stay);
    right->count = static_cast<uint16_t>(leaf->count - stay);
    leaf->count = static_cast<uint16_t>(stay);
    const Key right_key = behind_all ? key : right->key(0);
    if (at > stay || behind_all) {
      leaf = right;
      at -= stay;
    }
    insert_child(path, height_, right_key, right);
  }
  return leaf->put(at, key, value);
}

template <typename Key, typename Value>
bool OrderedTree<Key, Value>::erase(const Key& key) {
  if (root_ == nullptr) {
    return false;
  }
  Path path;
  find_path(key, path);
  Leaf* const leaf = path.leaf;
  const size_t at = leaf->lower_bound(key);
  if (at == leaf->count || !(leaf->key(at) == key)) {
    return false;
  }
  --size_;
  leaf->take(at);
  if (leaf->count == 0) {
    free_leaf(leaf);
    erase_child(path, height_);
    return true;
  }
  if (at == 0) {
    set_first_key(path, height_, leaf->key(0));
  }
  if (height_ > 0 && leaf->count <= kLeafMax / 4) {
    merge_neighbours(path);
  }
  return true;
}

template <typename Key, typename Value>
template <typename Visit>
bool OrderedTree<Key, Value>::drop_leaf(Visit visit) {
  if (root_ == nullptr) {
    return false;
  }
  Path path;
  path.leaf = last_;
  void* node = root_;
  for (unsigned level = 0; level < height_; ++level) {
    path.node[level] = static_cast<Inner*>(node);
    path.index[level] = path.node[level]->count - 1;
    node = path.node[level]->links[path.index[level]].child;
  }
  for (size_t i = 0; i < last_->count; ++i) {
    visit(last_->key(i), last_->value(i));
  }
  size_ -= last_->count;
  free_leaf(last_);
  erase_child(path, height_);
  return true;
}

// --- the moves ---

template <typename Key, typename Value>
void OrderedTree<Key, Value>::find_path(const Key& key, Path& path) const {
  void* node = root_;
  for (unsigned level = 0; level < height_; ++level) {
    path.node[level] = static_cast<Inner*>(node);
    path.index[level] = path.node[level]->child_for(key);
    node = path.node[level]->links[path.index[level]].child;
  }
  path.leaf = static_cast<Leaf*>(node);
}

template <typename Key, typename Value>
auto OrderedTree<Key, Value>::new_leaf(size_t bytes, Leaf* behind) -> Leaf* {
  Leaf* const leaf = static_cast<Leaf*>(arena_.allocate(bytes));
  leaf->count = 0;
  leaf->capacity = static_cast<uint16_t>(leaf_capacity(bytes));
  leaf->block_bytes = static_cast<uint32_t>(bytes);
  leaf->prev = behind;
  leaf->next = behind == nullptr ? nullptr : behind->next;
  (leaf->prev == nullptr ? first_ : leaf->prev->next) = leaf;
  (leaf->next == nullptr ? last_ : leaf->next->prev) = leaf;
  return leaf;
}

template <typename Key, typename Value>
void OrderedTree<Key, Value>::free_leaf(Leaf* leaf) {
  (leaf->prev == nullptr ? first_ : leaf->prev->next) = leaf->next;
  (leaf->next == nullptr ? last_ : leaf->next->prev) = leaf->prev;
  arena_.free(leaf, leaf->block_bytes);
}

// The only leaf, in a block of twice the size.
template <typename Key, typename Value>
void OrderedTree<Key, Value>::grow_root_leaf() {
  Leaf* const old = static_cast<Leaf*>(root_);
  Leaf* const leaf = new_leaf(old->block_bytes * 2, old);
  old->move_to(leaf, 0, 0);
  leaf->count = old->count;
  free_leaf(old);
  root_ = leaf;
}

// `child` comes behind the one that the path goes through at the level above `level` (the leaves'
// is height_).
template <typename Key, typename Value>
void OrderedTree<Key, Value>::insert_child(Path& path, unsigned level, const Key& key,
                                           void* child) {
  if (level == 0) {
    POLLUX_ASSERT(height_ < kHeightMax);
    Inner* const root = static_cast<Inner*>(arena_.allocate(sizeof(Inner)));
    root->count = 0;
    root->put(0, key, root_);  // its key is not looked at
    root->put(1, key, child);
    root_ = root;
    ++height_;
    return;
  }
  Inner* node = path.node[level - 1];
  size_t at = path.index[level - 1] + 1;
  if (node->count == kLinksMax) {
    Inner* const right = static_cast<Inner*>(arena_.allocate(sizeof(Inner)));
    const size_t stay = at == kLinksMax ? kLinksMax : kLinksMax / 2;
    right->count = kLinksMax - stay;
    std::memcpy(static_cast<void*>(right->links), node->links + stay, right->count * sizeof(Link));
    node->count = stay;
    const Key right_key = right->count == 0 ? key : right->links[0].key;
    insert_child(path, level - 1, right_key, right);
    if (at > stay || right->count == 0) {
      node = right;
      at -= stay;
    }
  }
  node->put(at, key, child);
}

// The child that the path goes through at the level above `level` is gone.
template <typename Key, typename Value>
void OrderedTree<Key, Value>::erase_child(Path& path, unsigned level) {
  if (level == 0) {
    root_ = nullptr;
    height_ = 0;
    return;
  }
  Inner* const node = path.node[level - 1];
  node->take(path.index[level - 1]);
  if (node->count == 0) {
    arena_.free(node, sizeof(Inner));
    erase_child(path, level - 1);
    return;
  }
  if (path.index[level - 1] == 0) {
    set_first_key(path, level - 1, node->links[0].key);
  }
  while (height_ > 0 && static_cast<Inner*>(root_)->count == 1) {
    Inner* const root = static_cast<Inner*>(root_);
    root_ = root->links[0].child;
    --height_;
    arena_.free(root, sizeof(Inner));
  }
}

// `key` is now the smallest one below the node that the path goes through at `level`.
template <typename Key, typename Value>
void OrderedTree<Key, Value>::set_first_key(Path& path, unsigned level, const Key& key) {
  for (; level > 0; --level) {
    const size_t at = path.index[level - 1];
    if (at > 0) {
      path.node[level - 1]->links[at].key = key;
      return;
    }
  }
}

template <typename Key, typename Value>
void OrderedTree<Key, Value>::merge_neighbours(Path& path) {
  Inner* const parent = path.node[height_ - 1];
  size_t& index = path.index[height_ - 1];
  const auto child = [&](size_t i) { return static_cast<Leaf*>(parent->links[i].child); };
  const auto fit = [&](size_t i) {
    return i + 1 < parent->count && child(i)->count + child(i + 1)->count <= kLeafMax * 3 / 4;
  };
  if (!fit(index)) {
    if (index == 0 || !fit(index - 1)) {
      return;
    }
    --index;
  }
  Leaf* const left = child(index);
  Leaf* const right = child(index + 1);
  right->move_to(left, left->count, 0);
  left->count = static_cast<uint16_t>(left->count + right->count);
  free_leaf(right);
  ++index;
  erase_child(path, height_);
}

}  // namespace pollux
