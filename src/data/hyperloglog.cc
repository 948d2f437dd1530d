#include "src/data/hyperloglog.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

static_assert(std::endian::native == std::endian::little, "numbers are read as they stand");

namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr size_t kEncodingAt = 4;
constexpr size_t kCountAt = 8;
constexpr char kDense = 0;
constexpr char kSparse = 1;
constexpr char kStale = static_cast<char>(0x80);  // in the count's last byte

constexpr uint32_t kZeroRunMax = 64;
constexpr uint32_t kValueRunMax = 4;
constexpr uint8_t kSparseValueMax = 32;
// How many runs redis-server looks at for neighbours to join, beginning before the change.
constexpr int kJoinSteps = 5;

uint64_t load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// MurmurHash64A (Appleby, public domain), with the seed that the registers of Redis were filled by.
uint64_t murmur_hash(std::string_view bytes) {
  constexpr uint64_t kSeed = 0xadc83b19;
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr int kShift = 47;
  uint64_t hash = kSeed ^ (bytes.size() * kMultiplier);
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = load64(bytes.data()) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ (word * kMultiplier)) * kMultiplier;
  }
  if (!bytes.empty()) {
    uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    hash = (hash ^ rest) * kMultiplier;
  }
  hash ^= hash >> kShift;
  hash *= kMultiplier;
  return hash ^ (hash >> kShift);
}

void make_stale(char* bytes) {
  bytes[kCountAt + 7] |= kStale;
}

// One run of a sparse one. `bytes` is 0 if there is none: an XZERO without its second byte.
struct Run {
  uint32_t length;  // registers
  uint8_t value;
  uint8_t bytes;
};

// Requires at < end.
Run read_run(const char* at, const char* end) {
  const uint8_t first = static_cast<uint8_t>(*at);
  if ((first & 0x80) != 0) {
    return {(first & 3U) + 1, static_cast<uint8_t>(((first >> 2) & 31) + 1), 1};
  }
  if ((first & 0x40) == 0) {
    return {first + 1U, 0, 1};
  }
  if (end - at < 2) {
    return {0, 0, 0};
  }
  return {((first & 63U) << 8 | static_cast<uint8_t>(at[1])) + 1, 0, 2};
}

// Requires a length that one run can have. Returns the end of what was written.
char* write_run(char* to, uint32_t length, uint8_t value) {
  const uint32_t n = length - 1;
  if (value != 0) {
    *to++ = static_cast<char>(0x80U | (value - 1U) << 2 | n);
  } else if (length <= kZeroRunMax) {
    *to++ = static_cast<char>(n);
  } else {
    *to++ = static_cast<char>(0x40U | n >> 8);
    *to++ = static_cast<char>(n);
  }
  return to;
}

// Calls fn(first register, run) for all runs; false if they are not 16384 registers in all.
template <typename Fn>
bool for_each_run(std::string_view bytes, Fn fn) {
  const char* at = bytes.data() + kHllHeaderBytes;
  const char* const end = bytes.data() + bytes.size();
  uint32_t first = 0;
  while (at < end) {
    const Run run = read_run(at, end);
    if (run.bytes == 0 || run.length > kHllRegisters - first) {
      return false;
    }
    fn(first, run);
    first += run.length;
    at += run.bytes;
  }
  return first == kHllRegisters;
}

}  // namespace

// Changes of sparse bytes. A room of its own only because HllChange lets it in.
class HllSparse {
 public:
  // Where a search may begin: a run, by its first byte and its first register.
  struct Place {
    size_t at;
    uint32_t first;
  };
  static constexpr Place kFront{kHllHeaderBytes, 0};

  explicit HllSparse(std::string_view bytes, Place from = kFront)
      : begin_(bytes.data()), end_(bytes.data() + bytes.size()), from_(from) {}

  HllChange add(HllElement element, size_t sparse_bytes_max) {
    if (element.rank > kSparseValueMax) {
      return HllOutcome::kMakeDense;
    }
    if (!find(element.index)) {
      return HllOutcome::kCorrupt;
    }
    if (run_.value >= element.rank) {
      return HllOutcome::kSame;
    }
    if (before_ == nullptr && from_.at != kHllHeaderBytes) {
      // The search began with the very run, so the one before is not known.
      from_ = kFront;
      find(element.index);
    }

    // The run falls into what is before the register, the register, and what is behind it.
    HllChange change = HllOutcome::kChanged;
    const uint32_t before = element.index - first_;
    const uint32_t behind = run_.length - before - 1;
    char* to = change.text_;
    const char* read = at_;
    if (before_ != nullptr) {
      read = before_;
      to = std::copy(before_, at_, to);
    }
    change.at_ = static_cast<size_t>(read - begin_);
    char* const split = to;
    int runs = before_ != nullptr ? 2 : 1;
    if (before > 0) {
      to = write_run(to, before, run_.value);
      ++runs;
    }
    to = write_run(to, 1, element.rank);
    if (behind > 0) {
      to = write_run(to, behind, run_.value);
      ++runs;
    }
    const size_t size = static_cast<size_t>(end_ - begin_);
    const size_t size_after = size - run_.bytes + static_cast<size_t>(to - split);
    if (size_after > size && size_after > sparse_bytes_max) {
      return HllOutcome::kMakeDense;
    }

    // As many runs behind as joining may look at.
    const char* next = at_ + run_.bytes;
    for (; runs <= kJoinSteps && next < end_; ++runs) {
      const Run run = read_run(next, end_);
      if (run.bytes == 0) {
        break;
      }
      to = std::copy_n(next, run.bytes, to);
      next += run.bytes;
    }
    to = join(change.text_, to);
    change.removed_ = static_cast<uint8_t>(next - read);
    change.inserted_ = static_cast<uint8_t>(to - change.text_);
    return change;
  }

  // Where the search for a higher register may begin once the change is carried out: with the run
  // before it, which stays where it is.
  Place resume() const {
    return before_ == nullptr ? from_
                              : Place{static_cast<size_t>(before_ - begin_), before_first_};
  }

 private:
  // Neighbours with the same value become one run if it has room, as in redis-server: a step joins
  // a run with the next, or goes on to the next. Returns the new end.
  static char* join(char* at, char* end) {
    for (int step = 0; step < kJoinSteps && at < end; ++step) {
      const Run run = read_run(at, end);
      if (run.value != 0 && at + 1 < end) {
        const Run next = read_run(at + 1, end);
        if (next.value == run.value && run.length + next.length <= kValueRunMax) {
          write_run(at, run.length + next.length, run.value);
          std::copy(at + 2, end, at + 1);
          --end;
          continue;
        }
      }
      at += run.bytes;
    }
    return end;
  }

  // Finds the run with register `index`, and the one before it. False if there is none.
  bool find(uint32_t index) {
    at_ = begin_ + from_.at;
    first_ = from_.first;
    before_ = nullptr;
    while (at_ < end_) {
      skip_short_runs(index);
      run_ = read_run(at_, end_);
      if (run_.bytes == 0) {
        return false;
      }
      if (index < first_ + run_.length) {
        return true;
      }
      pass(run_);
    }
    return false;
  }

  void pass(const Run& run) {
    before_ = at_;
    before_first_ = first_;
    at_ += run.bytes;
    first_ += run.length;
  }

  // Goes over 32 runs of one byte at a time while all of them end at or before `index`: near its
  // limit a sparse one is 2000 of them. At least one run stays.
  void skip_short_runs(uint32_t index) {
    constexpr int kStep = 32;
    while (end_ - at_ > kStep) {
      const __m256i runs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at_));
      // 0x40 to 0x7f, as a signed byte: an XZERO.
      if (_mm256_movemask_epi8(_mm256_cmpgt_epi8(runs, _mm256_set1_epi8(0x3F))) != 0) {
        return;
      }
      const __m256i length_mask =
          _mm256_blendv_epi8(_mm256_set1_epi8(63), _mm256_set1_epi8(3), runs);
      const __m256i sums =
          _mm256_sad_epu8(_mm256_and_si256(runs, length_mask), _mm256_setzero_si256());
      const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums),
                                         _mm256_extracti128_si256(sums, 1));
      const uint32_t registers = static_cast<uint32_t>(
          _mm_cvtsi128_si32(half) + _mm_extract_epi32(half, 2) + kStep);
      if (first_ + registers > index) {
        return;
      }
      // The last of them is the run before.
      const Run last = read_run(at_ + kStep - 1, end_);
      at_ += kStep;
      first_ += registers;
      before_ = at_ - 1;
      before_first_ = first_ - last.length;
    }
  }

  const char* const begin_;
  const char* const end_;
  Place from_;
  const char* at_ = nullptr;
  uint32_t first_ = 0;  // register of the run at at_
  Run run_ = {};
  const char* before_ = nullptr;  // the run before at_; null if the search began at at_
  uint32_t before_first_ = 0;
};

HllElement hll_element(std::string_view element) {
  constexpr int kIndexBits = std::countr_zero(kHllRegisters);
  constexpr int kRankBits = 64 - kIndexBits;
  const uint64_t hash = murmur_hash(element);
  // The place of the lowest one; a one behind the last bit ends the search.
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << kRankBits;
  static_assert(kRankBits + 1 == kHllRankMax);
  return {static_cast<uint16_t>(hash % kHllRegisters),
          static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

bool is_hll(std::string_view bytes) {
  if (bytes.size() < kHllHeaderBytes || !bytes.starts_with(kMagic)) {
    return false;
  }
  const char encoding = bytes[kEncodingAt];
  return encoding == kSparse || (encoding == kDense && bytes.size() == kHllDenseBytes);
}

bool hll_is_dense(std::string_view bytes) {
  return bytes[kEncodingAt] == kDense;
}

std::optional<int64_t> hll_cached_count(std::string_view bytes) {
  const int64_t count = static_cast<int64_t>(load64(bytes.data() + kCountAt));
  return count >= 0 ? std::optional(count) : std::nullopt;  // the stale bit is the sign
}

void hll_cache_count(std::span<char> bytes, int64_t count) {
  std::memcpy(bytes.data() + kCountAt, &count, sizeof(count));
}

std::optional<int64_t> hll_count(std::string_view bytes) {
  if (hll_is_dense(bytes)) {
    return hll_estimate_packed(bytes.data() + kHllHeaderBytes);
  }
  HllHistogram histogram = {};
  const bool whole = for_each_run(bytes, [&histogram](uint32_t, const Run& run) {
    histogram[run.value] += run.length;
  });
  return whole ? std::optional(hll_estimate(histogram)) : std::nullopt;
}

void HllChange::apply(char* bytes, size_t size) const {
  POLLUX_ASSERT(outcome_ == HllOutcome::kChanged && at_ + removed_ <= size);
  char* const at = bytes + at_;
  if (inserted_ != removed_) {
    std::memmove(at + inserted_, at + removed_, size - at_ - removed_);
  }
  std::memcpy(at, text_, inserted_);
  make_stale(bytes);
}

HllChange hll_add(std::string_view bytes, HllElement element, size_t sparse_bytes_max) {
  if (!hll_is_dense(bytes)) {
    return HllSparse(bytes).add(element, sparse_bytes_max);
  }
  const char* const packed = bytes.data() + kHllHeaderBytes;
  if (hll_get_packed(packed, element.index) >= element.rank) {
    return HllOutcome::kSame;
  }
  // Four registers are three bytes.
  static_assert(4 * kHllRegisterBits == 3 * 8);
  HllChange change = HllOutcome::kChanged;
  change.at_ = kHllHeaderBytes + element.index / 4 * 3;
  change.removed_ = change.inserted_ = 3;
  std::memcpy(change.text_, bytes.data() + change.at_, 3);
  hll_set_packed(change.text_, element.index % 4, element.rank);
  return change;
}

bool hll_make_dense(std::string_view bytes, std::span<char, kHllDenseBytes> out) {
  std::memcpy(out.data(), bytes.data(), kHllHeaderBytes);
  out[kEncodingAt] = kDense;
  char* const packed = out.data() + kHllHeaderBytes;
  std::memset(packed, 0, kHllPackedBytes);
  return for_each_run(bytes, [packed](uint32_t first, const Run& run) {
    if (run.value != 0) {
      for (uint32_t i = 0; i < run.length; ++i) {
        hll_set_packed(packed, first + i, run.value);
      }
    }
  });
}

std::string hll_runs_text(std::string_view bytes) {
  constexpr size_t kShownMax = 1 << 20;
  static_assert(kShownMax >= 2 * kHllRegisters);
  bytes = bytes.substr(kHllHeaderBytes, kShownMax);
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  std::string text;
  while (at < end) {
    Run run = read_run(at, end);
    if (run.bytes == 0) {
      const char with_end[] = {*at, '\0'};
      run = read_run(with_end, with_end + 2);
    }
    text += text.empty() ? "" : " ";
    if (run.value != 0) {
      text += "v:" + std::to_string(run.value) + "," + std::to_string(run.length);
    } else {
      text += (run.bytes == 1 ? "z:" : "Z:") + std::to_string(run.length);
    }
    at += run.bytes;
  }
  return text;
}

namespace {

void carry_out(const HllChange& change, std::string& bytes) {
  if (change.outcome() == HllOutcome::kChanged) {
    const size_t before = bytes.size();
    const size_t after = change.size_after(before);
    bytes.resize(std::max(before, after));
    change.apply(bytes.data(), before);
    bytes.resize(after);
  }
}

}  // namespace

HllOutcome hll_add_to(std::string& bytes, HllElement element, size_t sparse_bytes_max) {
  HllChange change = hll_add(bytes, element, sparse_bytes_max);
  if (change.outcome() == HllOutcome::kMakeDense) {
    std::array<char, kHllDenseBytes> dense;
    if (!hll_make_dense(bytes, dense)) {
      return HllOutcome::kCorrupt;
    }
    bytes.assign(dense.data(), dense.size());
    change = hll_add(bytes, element, sparse_bytes_max);
  }
  carry_out(change, bytes);
  return change.outcome();
}

bool HllUnion::add(std::string_view bytes) {
  if (hll_is_dense(bytes)) {
    any_dense_ = true;
    hll_raise(spread_, bytes.data() + kHllHeaderBytes);
    return true;
  }
  return for_each_run(bytes, [this](uint32_t first, const Run& run) {
    if (run.value != 0) {
      for (uint32_t i = first; i < first + run.length; ++i) {
        spread_[i] = std::max(spread_[i], run.value);
      }
    }
  });
}

void HllUnion::raise_dense(std::string& target) const {
  target.resize(kHllDenseBytes);
  target[kEncodingAt] = kDense;
  // All registers of the target are in the union.
  hll_pack(spread_, target.data() + kHllHeaderBytes);
  make_stale(target.data());
}

void HllUnion::raise(std::string& target, size_t sparse_bytes_max) const {
  if (any_dense_) {
    raise_dense(target);
    return;
  }
  // Register by register, since what a sparse one looks like depends on the way it came about.
  HllSparse::Place from = HllSparse::kFront;
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    if (spread_[i] == 0) {
      continue;
    }
    const HllElement element{static_cast<uint16_t>(i), spread_[i]};
    HllSparse sparse(target, from);
    const HllChange change = sparse.add(element, sparse_bytes_max);
    if (change.outcome() == HllOutcome::kMakeDense) {
      raise_dense(target);
      return;
    }
    POLLUX_ASSERT(change.outcome() != HllOutcome::kCorrupt);
    from = sparse.resume();
    carry_out(change, target);
  }
  make_stale(target.data());
}

}  // namespace pollux
