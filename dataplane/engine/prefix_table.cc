#include "dataplane/engine/prefix_table.h"

namespace pollux {

// A prefix that many share is counted for each: rather too much.
int64_t PrefixTable::bytes_of(std::string_view prefix) {
  constexpr size_t kInTables = 208;  // the nodes of both maps, the listener, the rounding
  return static_cast<int64_t>(kInTables + prefix.size());
}

void PrefixTable::add(std::string_view prefix, const Listener& listener) {
  const auto [at, fresh] = prefixes_.try_emplace(std::string(prefix));
  if (fresh) {
    ++lengths_[prefix.size()];
  }
  at->second.listeners.push_back(listener);
  of_client_[listener.client].push_back(at);
  bytes_ += bytes_of(prefix);
}

void PrefixTable::remove(const ClientRef& client) {
  const auto its = of_client_.find(client);
  if (its == of_client_.end()) {
    return;
  }
  for (const Prefixes::iterator at : its->second) {
    bytes_ -= bytes_of(at->first);
    std::vector<Listener>& listeners = at->second.listeners;
    std::erase_if(listeners, [&](const Listener& one) { return one.client == client; });
    if (!listeners.empty()) {
      continue;
    }
    const auto length = lengths_.find(at->first.size());
    if (--length->second == 0) {
      lengths_.erase(length);
    }
    prefixes_.erase(at);
  }
  of_client_.erase(its);
}

void PrefixTable::changed(std::string_view key, const ClientRef& by) {
  for (const auto& [length, count] : lengths_) {
    if (length > key.size()) {
      return;
    }
    const auto at = prefixes_.find(key.substr(0, length));
    if (at != prefixes_.end()) {
      at->second.keys.insert_or_assign(std::string(key), by);
      any_changed_ = true;
    }
  }
}

void PrefixTable::take_changed(
    const std::function<void(const std::vector<Listener>&, const ChangedKeys&)>& fn) {
  any_changed_ = false;
  for (auto& [name, prefix] : prefixes_) {
    if (!prefix.keys.empty()) {
      fn(prefix.listeners, prefix.keys);
      prefix.keys.clear();
    }
  }
}

}  // namespace pollux
