// Choosing elements of a collection by chance, each choice as likely as any other: some of a walk,
// or members of a table. (A table draws a slot: of tables that are not nearly empty, every member
// has exactly the same chance; see KeyTable::random.)
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/rng.h"
#include "src/data/member_table.h"

namespace pollux {

// `wanted` of `total` elements that pass by, in their order (Knuth, TAOCP 2, algorithm S).
class Selection {
 public:
  // Requires wanted <= total.
  Selection(uint64_t wanted, uint64_t total) : wanted_(wanted), left_(total) {}

  // Whether the next one is among them. Requires that one is left.
  bool takes(Rng& rng) {
    const bool taken = wanted_ > 0 && rng.below(left_) < wanted_;
    --left_;
    wanted_ -= taken ? 1 : 0;
    return taken;
  }
  bool done() const { return wanted_ == 0; }

 private:
  uint64_t wanted_;
  uint64_t left_;
};

// `count` different members, in no order that means anything. Draws them if they are few of many,
// else walks the table. Requires count <= table.size().
std::vector<Handle> sample_members(const MemberTable& table, uint64_t count, Rng& rng);

}  // namespace pollux
