// From a long list of faults with which a run fails to a short one with which it still does: delta
// debugging (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace pollux::tcp {

struct Shrunk {
  std::vector<size_t> kept;  // indices, ascending
  size_t tries = 0;          // how often still_fails was asked
  // Without any one of those kept it no longer fails. False if tries ran out before that was known.
  bool minimal = false;
  // False: it did not even fail with all, so the failure depends on something else, and kept is
  // all of them.
  bool reproduced = false;
};

// `still_fails` runs it anew with the items of these indices (ascending) and must depend on nothing
// else. Asked at most tries_max times: n log n for one culprit, up to n^2 for many.
Shrunk shrink(size_t items, const std::function<bool(const std::vector<size_t>&)>& still_fails,
              size_t tries_max = 1'000);

// The items of these indices.
template <typename T>
std::vector<T> pick(const std::vector<T>& items, const std::vector<size_t>& indices) {
  std::vector<T> picked;
  picked.reserve(indices.size());
  for (const size_t i : indices) {
    picked.push_back(items[i]);
  }
  return picked;
}

}  // namespace pollux::tcp
