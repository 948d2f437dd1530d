#include "dataplane/engine/prefix_table.h"

#include <algorithm>

namespace pollux {

void PrefixTable::add(std::string_view prefix, const Listener& listener) {
  const auto [at, fresh] = prefixes_.try_emplace(std::string(prefix));
  if (fresh) {
    ++lengths_[prefix.size()];
  }
  at->second.listeners.push_back(listener);
}

void PrefixTable::remove(const ClientRef& client) {
  for (auto at = prefixes_.begin(); at != prefixes_.end();) {
    std::vector<Listener>& listeners = at->second.listeners;
    std::erase_if(listeners, [&](const Listener& one) { return one.client == client; });
    if (!listeners.empty()) {
      ++at;
      continue;
    }
    const auto length = lengths_.find(at->first.size());
    if (--length->second == 0) {
      lengths_.erase(length);
    }
    at = prefixes_.erase(at);
  }
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
