#include "dataplane/engine/tracking_table.h"

#include <algorithm>
#include <utility>

#include "src/base/hash.h"

namespace pollux {

size_t TrackingTable::Hash::operator()(std::string_view key) const { return key_hash(key); }

int64_t TrackingTable::Item::bytes() const {
  constexpr size_t kInTables = 64;  // the item's node and bucket, its pointer, and their headers
  return static_cast<int64_t>(sizeof(Item) + kInTables + key.capacity() +
                              readers.capacity() * sizeof(ClientRef));
}

void TrackingTable::add(std::string_view key, const ClientRef& client) {
  const auto known = by_key_.find(key);
  Item* item = nullptr;
  if (known == by_key_.end()) {
    items_.push_back(std::make_unique<Item>());
    item = items_.back().get();
    item->key = key;
    item->at = items_.size() - 1;
    by_key_.insert(item);
    bytes_ += item->bytes();
  } else {
    item = *known;
  }
  const auto place = std::lower_bound(item->readers.begin(), item->readers.end(), client);
  if (place == item->readers.end() || *place != client) {
    bytes_ -= item->bytes();
    item->readers.insert(place, client);
    bytes_ += item->bytes();
    ++client_count_;
  }
}

void TrackingTable::take(std::string_view key, std::vector<ClientRef>& readers) {
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    take(**known, readers);
  }
}

std::string TrackingTable::take_random(Rng& rng, std::vector<ClientRef>& readers) {
  Item& item = *items_[static_cast<size_t>(rng.below(items_.size()))];
  std::string key = item.key;
  take(item, readers);
  return key;
}

void TrackingTable::take(Item& item, std::vector<ClientRef>& readers) {
  by_key_.erase(&item);
  client_count_ -= item.readers.size();
  bytes_ -= item.bytes();
  readers.insert(readers.end(), item.readers.begin(), item.readers.end());
  const size_t at = item.at;
  std::swap(items_[at], items_.back());
  items_[at]->at = at;
  items_.pop_back();
}

void TrackingTable::clear() {
  by_key_.clear();
  items_.clear();
  client_count_ = 0;
  bytes_ = 0;
}

}  // namespace pollux
