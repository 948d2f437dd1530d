// The bytes of one file of a SimDisk: as its readers see them, and as they are durable. What lies
// between are changes, of which a crash may leave any part: a write may be there, be missing, or be
// torn at the edges of sectors; so may a truncation; order counts for nothing. Pure; one thread.
//
// A sector is written as a whole, as from a page: one that is there holds all that earlier changes
// put into it. A file that has grown may have its new size with zeros instead of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/rng.h"

namespace pollux {

class SimFile {
 public:
  static constexpr size_t kSectorBytes = 512;

  SimFile() = default;
  explicit SimFile(std::string durable) : seen_(std::move(durable)), durable_(seen_) {}

  const std::string& seen() const { return seen_; }
  void write(uint64_t offset, std::string_view bytes);
  void truncate(uint64_t bytes);

  // How many changes there were so far.
  uint64_t changes() const { return first_ + changes_.size(); }
  // The first so many of them are durable.
  void sync(uint64_t changes);
  // Some of the first so many are durable, by chance, and the others never will be, though readers
  // see them: what a sync that failed leaves.
  void lose(uint64_t changes, Rng& rng);
  // What a crash may leave now.
  std::string survivor(Rng& rng) const;

 private:
  // Whole sectors from `offset` on, as they were seen after it, but for what lies beyond the end;
  // of a truncation none.
  struct Change {
    uint64_t offset = 0;
    std::string bytes;
    uint64_t size = 0;  // of the file, after it
    bool truncates = false;

    size_t parts() const;
    void apply_part(size_t part, std::string& to) const;
  };

  static void apply_some(std::span<const Change> changes, Rng& rng, std::string& to);
  std::span<const Change> up_to(uint64_t changes) const;
  void forget(uint64_t changes);

  std::string seen_;
  std::string durable_;
  std::vector<Change> changes_;  // since then, oldest first
  uint64_t first_ = 0;           // the number of the first of them
};

}  // namespace pollux
