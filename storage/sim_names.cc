#include "storage/sim_names.h"

#include <cerrno>
#include <iterator>
#include <utility>

namespace pollux {

std::string_view SimNames::directory_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "." : name.substr(0, slash);
}

void SimNames::begin(std::string_view name, Node node) {
  durable_.emplace(name, node);
  seen_ = durable_;
}

int SimNames::find(std::string_view name, Node& node) const {
  if (name == ".") {
    node = {.directory = true};
    return 0;
  }
  const auto it = seen_.find(name);
  if (it != seen_.end()) {
    node = it->second;
    return 0;
  }
  const int error = check_directory(directory_of(name));
  return error != 0 ? error : ENOENT;
}

int SimNames::check_directory(std::string_view directory) const {
  Node node;
  const int error = find(directory, node);
  return error == 0 && !node.directory ? ENOTDIR : error;
}

int SimNames::link(std::string_view name, Node node) {
  if (name.empty()) {
    return ENOENT;
  }
  if (const int error = check_directory(directory_of(name)); error != 0) {
    return error;
  }
  change({.to = std::string(name), .node = node});
  return 0;
}

int SimNames::rename(std::string_view from, std::string_view to) {
  Node node;
  if (const int error = find(from, node); error != 0) {
    return error;
  }
  if (const int error = check_directory(directory_of(to)); error != 0) {
    return error;
  }
  Node victim;
  const bool replaces = find(to, victim) == 0;
  if (node.directory || (replaces && victim.directory)) {
    return node.directory ? EPERM : EISDIR;  // directories keep their names here
  }
  if (!replaces || victim.number != node.number) {
    change({.from = std::string(from), .to = std::string(to), .node = node});
  }
  return 0;
}

int SimNames::remove(std::string_view name) {
  Node node;
  if (const int error = find(name, node); error != 0) {
    return error;
  }
  if (node.directory) {
    return EISDIR;
  }
  change({.from = std::string(name), .node = node});
  return 0;
}

int SimNames::list(std::string_view directory, std::vector<std::string>& names) const {
  names.clear();
  if (const int error = check_directory(directory); error != 0) {
    return error;
  }
  for (const auto& [name, node] : seen_) {
    if (directory_of(name) == directory) {
      names.push_back(directory == "." ? name : name.substr(directory.size() + 1));
    }
  }
  return 0;
}

int SimNames::sync(std::string_view directory) {
  if (const int error = check_directory(directory); error != 0) {
    return error;
  }
  std::vector<bool> chosen;
  for (const Change& one : changes_) {
    chosen.push_back(one.directory() == directory);
  }
  apply_with_causes(chosen, durable_);
  std::vector<Change> pending;
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (!chosen[i]) {
      pending.push_back(std::move(changes_[i]));
    }
  }
  changes_ = std::move(pending);
  return 0;
}

SimNames::Map SimNames::survivor(Rng& rng) const {
  Map left = durable_;
  enum class Left : uint8_t { kNothing, kAll, kFirst, kAny };
  const auto mode = static_cast<Left>(rng.below(4));
  const size_t first = rng.below(changes_.size() + 1);
  std::vector<bool> chosen;
  for (size_t i = 0; i < changes_.size(); ++i) {
    chosen.push_back(mode == Left::kAll || (mode == Left::kFirst && i < first) ||
                     (mode == Left::kAny && rng.below(2) != 0));
  }
  apply_with_causes(chosen, left);
  // Names within a directory that is not there are not there. (Directories sort before those.)
  for (auto it = left.begin(); it != left.end();) {
    const std::string_view directory = directory_of(it->first);
    it = directory == "." || left.contains(directory) ? std::next(it) : left.erase(it);
  }
  return left;
}

bool SimNames::Change::follows(const Change& earlier) const {
  const auto is_mine = [this](const std::string& name) {
    return !name.empty() && (name == from || name == to);
  };
  return node.number == earlier.node.number || is_mine(earlier.from) || is_mine(earlier.to);
}

void SimNames::apply_with_causes(std::vector<bool>& chosen, Map& map) const {
  for (size_t i = changes_.size(); i > 0; --i) {
    for (size_t j = 0; chosen[i - 1] && j + 1 < i; ++j) {
      chosen[j] = chosen[j] || changes_[i - 1].follows(changes_[j]);
    }
  }
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (chosen[i]) {
      changes_[i].apply(map);
    }
  }
}

void SimNames::Change::apply(Map& map) const {
  std::erase_if(map, [this](const auto& entry) { return entry.second.number == node.number; });
  if (!to.empty()) {
    map.insert_or_assign(to, node);
  }
}

void SimNames::change(Change change) {
  change.apply(seen_);
  changes_.push_back(std::move(change));
}

}  // namespace pollux
