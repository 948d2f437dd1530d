#include "dataplane/sim/net/shrink.h"

#include <algorithm>
#include <numeric>

namespace pollux::tcp {

namespace {

using Indices = std::vector<size_t>;

// Chunk i of n of about the same size: the chunk alone, or all the others.
Indices chunk(const Indices& items, size_t i, size_t n, bool complement) {
  const size_t begin = items.size() * i / n;
  const size_t end = items.size() * (i + 1) / n;
  Indices chosen;
  for (size_t k = 0; k < items.size(); ++k) {
    if ((k >= begin && k < end) != complement) {
      chosen.push_back(items[k]);
    }
  }
  return chosen;
}

class Shrinker {
 public:
  Shrinker(size_t items, const std::function<bool(const Indices&)>& still_fails, size_t tries_max)
      : still_fails_(still_fails), tries_max_(tries_max), kept_(items) {
    std::iota(kept_.begin(), kept_.end(), size_t{0});
  }

  Shrunk run() {
    const bool reproduced = fails(kept_);
    if (!reproduced) {
      return result(false, false);
    }
    if (kept_.empty() || fails({})) {
      kept_.clear();  // the items have nothing to do with it
      return result(true, true);
    }
    size_t chunks = 2;
    while (kept_.size() >= 2) {
      if (keep_one_chunk(chunks)) {
        chunks = 2;
      } else if (drop_one_chunk(chunks)) {
        chunks = std::max<size_t>(chunks - 1, 2);
      } else if (chunks == kept_.size()) {
        break;
      } else {
        chunks = std::min(chunks * 2, kept_.size());
      }
    }
    return result(true, !is_refused_);
  }

 private:
  // Out of tries nothing fails any more, which ends the search.
  bool fails(const Indices& items) {
    if (tries_ >= tries_max_) {
      is_refused_ = true;
      return false;
    }
    ++tries_;
    return still_fails_(items);
  }

  bool keep_one_chunk(size_t chunks) { return take_first_that_fails(chunks, /*complement=*/false); }
  // Of two chunks, dropping one is keeping the other.
  bool drop_one_chunk(size_t chunks) {
    return chunks > 2 && take_first_that_fails(chunks, /*complement=*/true);
  }

  bool take_first_that_fails(size_t chunks, bool complement) {
    for (size_t i = 0; i < chunks; ++i) {
      Indices fewer = chunk(kept_, i, chunks, complement);
      if (fails(fewer)) {
        kept_ = std::move(fewer);
        return true;
      }
    }
    return false;
  }

  Shrunk result(bool reproduced, bool minimal) const {
    return {.kept = kept_, .tries = tries_, .minimal = minimal, .reproduced = reproduced};
  }

  const std::function<bool(const Indices&)>& still_fails_;
  const size_t tries_max_;
  size_t tries_ = 0;
  bool is_refused_ = false;
  Indices kept_;
};

}  // namespace

Shrunk shrink(size_t items, const std::function<bool(const Indices&)>& still_fails,
              size_t tries_max) {
  return Shrinker(items, still_fails, tries_max).run();
}

}  // namespace pollux::tcp
