// Collections in a store, for the benchmarks of small and of large ones: keys of 16 bytes, each
// with so many elements.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "src/data/keyspace.h"

namespace pollux {

inline constexpr Instant kBenchNow{1'700'000'000'000'000};

inline std::string numbered(std::string text, size_t number, size_t digits) {
  const std::string tail = std::to_string(number);
  return text.append(digits - tail.size(), '0') + tail;
}

// add(edit, i) puts the element number i into one.
class CollectionStore {
 public:
  using Add = std::function<void(Edit&, size_t)>;

  CollectionStore(size_t keys, size_t elements, const Add& add) {
    keys_.bind(ShardId{0}, 0, kBenchNow);
    for (size_t i = 0; i < keys; ++i) {
      names_.push_back(numbered("key:", i, 12));
      for (size_t element = 0; element < elements; ++element) {
        Edit edit(keys_, Key::of(names_.back()));
        add(edit, element);
        edit.notify(KeyEvent::kSet);
      }
    }
  }

  // The keys one after the other, in an order that is not theirs.
  Key next() { return Key::of(names_[at_ = (at_ + 389) % names_.size()]); }
  template <typename Change>
  void change(const Key& key, Change change) {
    Edit edit(keys_, key);
    change(edit);
    edit.notify(KeyEvent::kSet);
  }
  const Entry* find(const Key& key) { return keys_.find(key); }

 private:
  ShardStore shard_{ShardId{0}, 16};
  ShardStore* shards_[1] = {&shard_};
  Keyspace keys_{shards_};
  std::vector<std::string> names_;
  size_t at_ = 0;
};

}  // namespace pollux
