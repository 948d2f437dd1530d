// Which key a request is about: numbers from a range, by a distribution. One per thread and kind of
// request.
#pragma once

#include <cstdint>

#include "src/base/rng.h"

namespace pollux {

enum class KeyPattern : uint8_t {
  kUniform,     // R: each as likely as any other
  kZipf,        // Z: the k-th of the range is drawn with a probability of k^-exponent
  kSequential,  // S: one after the other; each thread has its own part of the range
};

struct KeyRange {
  uint64_t first = 0;
  uint64_t last = 0;  // included; at least `first`, and below 2^63
};

class KeyDraw {
 public:
  // `zipf_exponent` > 0.
  KeyDraw(KeyPattern pattern, KeyRange range, double zipf_exponent);

  uint64_t next(Rng& rng);

 private:
  uint64_t zipf(Rng& rng) const;
  double h(double x) const;
  double h_inverse(double y) const;

  KeyPattern pattern_;
  KeyRange range_;
  uint64_t next_;
  double exponent_;
  // Of Zipf by rejection and inversion (Hoermann, Derflinger 1996): no table, about one draw.
  double h_first_ = 0;
  double h_last_ = 0;
  double at_once_ = 0;
};

// Of `of` parts of a range those from `from` on and before `to`. A range of fewer keys than parts
// has its keys in several.
KeyRange part_of(KeyRange range, uint64_t from, uint64_t to, uint64_t of);

}  // namespace pollux
