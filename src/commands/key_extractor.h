// The one way to find the keys among the arguments of a command, for the router, ACL, cluster
// checks, tracking and COMMAND GETKEYS. Total: any number and any content of arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/commands/command.h"

namespace pollux {

// Indices of arguments that are keys, each with the number of the KeySpec that named it. The first
// kInline of them need no memory.
class KeyIndices {
 public:
  KeyIndices() = default;
  KeyIndices(const KeyIndices&) = delete;
  KeyIndices& operator=(const KeyIndices&) = delete;

  size_t size() const { return size_; }
  uint32_t operator[](size_t i) const { return at(i).argument; }
  int spec(size_t i) const { return at(i).spec; }

  void append(size_t argument, int spec) {
    if (size_ == capacity_) {
      grow();
    }
    items()[size_++] = {static_cast<uint32_t>(argument), static_cast<uint8_t>(spec)};
  }
  void clear() {
    size_ = 0;
    need_all_ = false;
    on_tour_ = false;
  }
  // For commands that may reach for any key: they run with all shards held.
  void set_need_all() { need_all_ = true; }
  bool need_all() const { return need_all_; }
  // For commands that are about no key but about every worker, though others of their row are not.
  void set_on_tour() { on_tour_ = true; }
  bool on_tour() const { return on_tour_; }

 private:
  struct Item {
    uint32_t argument;
    uint8_t spec;
  };
  static constexpr size_t kInline = 16;

  Item* items() { return more_ ? more_.get() : inline_; }
  const Item& at(size_t i) const { return more_ ? more_[i] : inline_[i]; }
  void grow();

  Item inline_[kInline];
  std::unique_ptr<Item[]> more_;
  size_t size_ = 0;
  size_t capacity_ = kInline;
  bool need_all_ = false;
  bool on_tour_ = false;
};

// Appends the keys of the command. False, with nothing said about keys, if the arguments do not
// fit the specs (a number of keys that is none, or 0 where there must be one, pairs that are not
// complete): the handler answers what is wrong with them and touches no key. A command without
// keys gives true and no index.
bool extract_keys(const CommandRow& row, Args args, KeyIndices& keys);

}  // namespace pollux
