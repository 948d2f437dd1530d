// The list as commands see it, in either form. Small: one bare listpack of at most 512 bytes in the
// entry of the key. Large: a LargeList. It grows from the one to the other, never back. OBJECT
// ENCODING says quicklist of both, as redis-server 7.0 says of every list.
//
// Belongs to the holder of the shard. Values that are read point into the list, until its next
// change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/data/keyspace.h"
#include "src/data/large_list.h"
#include "src/data/list_node.h"

namespace pollux {

// Reads a list. Requires an entry of that type, and that it stays unchanged.
class ListView {
 public:
  explicit ListView(const Entry& entry)
      : large_(static_cast<const LargeList*>(entry.collection())),
        small_(large_ == nullptr ? Listpack(entry.flat()) : Listpack()) {}

  uint64_t size() const { return large_ != nullptr ? large_->size() : small_.count(); }
  // These require an index that is in the list, or that it is not empty.
  PackedValue value(uint64_t index) const {
    return large_ != nullptr ? large_->value(index)
                             : small_.get(small_.seek(static_cast<int64_t>(index)));
  }
  PackedValue end_value(ListEnd end) const {
    if (large_ != nullptr) {
      return large_->end_value(end);
    }
    return small_.get(end == ListEnd::kFront ? Listpack::first() : small_.last());
  }
  // visit(PackedValue) for the elements from number `index` on, backwards if `towards` is the
  // front, until it says false.
  template <typename Visit>
  void walk(uint64_t index, ListEnd towards, Visit visit) const;

 private:
  const LargeList* large_;
  Listpack small_;
};

// Changes a list. Requires that the edit's key is absent or a list; what is absent becomes one with
// the first push. What it leaves empty the command removes (edit.remove()), and each change it
// names (edit.notify()). Values that come must not point into the list itself, but for assign().
class ListEdit {
 public:
  ListEdit(Edit& edit, const EncodingLimits& limits)
      : edit_(edit), limits_(ListLimits::of(limits)) {}

  uint64_t size() const { return edit_.entry() == nullptr ? 0 : view().size(); }
  // Requires that the key is there.
  ListView view() const { return ListView(*edit_.entry()); }

  // One after the other, so that at the front the last one comes to stand first.
  void push(ListEnd end, std::span<const std::string_view> values);
  void push(ListEnd end, std::string_view value) { push(end, {&value, 1}); }
  // Makes the value, of whatever type it is, the list of these, which are not none. They may be the
  // key's own. The TTL stays.
  void assign(std::span<const std::string_view> values);
  // Drops `n` elements; requires n < size(): who takes all removes the key.
  void drop(ListEnd end, uint64_t n);
  // Requires index < size().
  void set(uint64_t index, std::string_view value);
  // Before the element with this number; requires index <= size() and that the key is there.
  void insert(uint64_t index, std::string_view value);
  // The first `max` elements with this text, seen from `from`, go; says how many. It may leave
  // nothing. If none went, the command tells nobody (edit.keep_quiet()).
  uint64_t remove(std::string_view text, ListEnd from, uint64_t max);

 private:
  static constexpr size_t kSmallBytesMax = Entry::kInlineValueMax;

  bool is_large() const {
    return edit_.entry() != nullptr && edit_.entry()->collection() != nullptr;
  }
  Listpack small() const;
  LargeList& large() { return static_cast<LargeList&>(*edit_.collection()); }
  LargeList& make_large();
  bool may_be_small(size_t bytes, size_t count) const {
    return bytes <= kSmallBytesMax && count <= limits_.count;
  }
  bool push_small(const Listpack& old, ListEnd end, std::span<const std::string_view> values);
  bool splice_small(const ListpackSplice& edit);

  Edit& edit_;
  const ListLimits limits_;
};

template <typename Visit>
void ListView::walk(uint64_t index, ListEnd towards, Visit visit) const {
  if (large_ != nullptr) {
    large_->walk(index, towards, visit);
    return;
  }
  Listpack::Position at = small_.seek(static_cast<int64_t>(index));
  if (towards == ListEnd::kBack) {
    const Listpack::Position stop = small_.end();
    while (at < stop && visit(small_.take(at))) {
    }
    return;
  }
  at = small_.next(at);
  while (at > Listpack::first() && visit(small_.take_back(at))) {
  }
}

}  // namespace pollux
