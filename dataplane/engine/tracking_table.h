// Which clients have read which keys of one shard since those last changed. It belongs to the
// shard: its holder's thread only. A client is told once for a read; then the key is forgotten.
//
// Keys are known by name, not by database, as in Redis: clients cache names. Clients that have left
// stay in until their keys change, as in Redis too; a name never comes to mean another client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dataplane/engine/tracking.h"
#include "src/base/rng.h"

namespace pollux {

class TrackingTable {
 public:
  bool empty() const { return items_.empty(); }
  size_t keys() const { return items_.size(); }
  size_t clients() const { return client_count_; }  // over all keys
  int64_t bytes() const { return bytes_; }          // about: what the allocator rounds is guessed

  void add(std::string_view key, const ClientRef& client);
  // Forgets the key; appends who has read it, in the order of ClientRef.
  void take(std::string_view key, std::vector<ClientRef>& readers);
  // The same for a key chosen at random; requires that there is one.
  std::string take_random(Rng& rng, std::vector<ClientRef>& readers);
  void clear();

 private:
  struct Item {
    std::string key;
    size_t at = 0;  // its place in items_
    std::vector<ClientRef> readers;  // sorted: a key that ten thousand clients read is found in
                                     // fourteen steps each time

    int64_t bytes() const;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const;
    size_t operator()(const Item* item) const { return (*this)(item->key); }
  };
  struct Equal {
    using is_transparent = void;
    static std::string_view name(std::string_view key) { return key; }
    static std::string_view name(const Item* item) { return item->key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return name(a) == name(b);
    }
  };

  void take(Item& item, std::vector<ClientRef>& readers);

  std::vector<std::unique_ptr<Item>> items_;  // in no order; for take_random
  std::unordered_set<Item*, Hash, Equal> by_key_;
  size_t client_count_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace pollux
