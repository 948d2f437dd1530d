#include "src/data/lzf.h"

#include <immintrin.h>
#include <liblzf/lzf.h>  // not <lzf.h>: that would be this room's

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace pollux {

static_assert(std::endian::native == std::endian::little, "a word's first byte is its lowest");

namespace {

// The format: a byte below 32 and as many literals, one more; or a match. Of a match the first byte
// has its length less 2 in the upper 3 bits, where 7 says that a byte with what is over 7 follows,
// and then 13 bits of how far back it is, less 1.
constexpr size_t kRunMax = 32;
constexpr size_t kMatchMin = 3;
constexpr size_t kMatchMax = 264;
constexpr size_t kLongMatch = 9;
constexpr size_t kDistanceMax = size_t{1} << 13;

// What liblzf wants to be free: more than a match and the run behind it, and the last literals.
constexpr size_t kMatchRoom = 4;
constexpr size_t kEndRoom = 3;

// A match is 3 bytes at least and does not begin with the first, so nothing shorter gets shorter.
constexpr size_t kPackMin = 4;

bool fits(size_t bytes) {
  return bytes <= std::numeric_limits<unsigned>::max();
}

uint32_t load32(const char* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Literals with the bytes before their runs.
constexpr size_t run_bytes(size_t literals) {
  return literals + (literals + kRunMax - 1) / kRunMax;
}

// Where three bytes were seen last, by liblzf's hash of them. Places count on from one text to the
// next: what an earlier text left lies before this one's start, so nothing has to be cleared.
class SeenPlaces {
 public:
  // The place of the next text's first byte.
  uint32_t start(size_t text_bytes) {
    if (text_bytes > std::numeric_limits<uint32_t>::max() - next_) {
      slots_.fill(0);
      next_ = 0;
    }
    const uint32_t start = next_;
    next_ += static_cast<uint32_t>(text_bytes);
    return start;
  }

  // `word`: the byte before the three, and these.
  uint32_t& of(uint32_t word) {
    const uint32_t in_order = __builtin_bswap32(word);
    return slots_[((in_order >> 8) - in_order * 5) % kSlots];
  }

 private:
  static constexpr size_t kSlots = size_t{1} << 16;

  uint32_t next_ = 0;
  std::array<uint32_t, kSlots> slots_{};
};

// 256 KiB of each thread that compresses, touched when it does.
thread_local constinit SeenPlaces seen_places{};

// ---- short texts that can't get shorter ---------------------------------------------------------

// Two vectors of places where three bytes begin: from the second byte of the text on, and up to its
// end. In between nothing is left out.
constexpr size_t kPlaces = 16;
constexpr size_t kShortMin = kPlaces + 3;
constexpr size_t kShortMax = 2 * kPlaces + 3;

__m128i load_places(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// Hashes of the three bytes at 16 places from `first` on, and from `second` on; none is 0.
__m256i hashes(const char* first, const char* second) {
  const auto bytes = [&](size_t ahead) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_places(first + ahead)),
                                   load_places(second + ahead), 1);
  };
  // Spreads digits as well as random bytes over the 256 there are.
  const auto times5 = [](__m256i x) {
    const __m256i twice = _mm256_add_epi8(x, x);
    return _mm256_add_epi8(_mm256_add_epi8(twice, twice), x);
  };
  const __m256i last_two = _mm256_add_epi8(times5(bytes(2)), bytes(1));
  return _mm256_max_epu8(_mm256_add_epi8(times5(last_two), bytes(0)), _mm256_set1_epi8(1));
}

// In each half: which bytes stand in it further down too. A byte that is shifted in is 0.
template <int... shifts>
__m256i repeated_within(__m256i halves, std::integer_sequence<int, shifts...>) {
  __m256i found = _mm256_setzero_si256();
  ((found = _mm256_or_si256(
        found, _mm256_cmpeq_epi8(halves, _mm256_slli_si256(halves, shifts + 1)))), ...);
  return found;
}

// Which bytes of `upper` are anywhere in `lower`.
template <int... turns>
__m128i found_in(__m128i upper, __m128i lower, std::integer_sequence<int, turns...>) {
  __m128i found = _mm_setzero_si128();
  ((found = _mm_or_si128(found, _mm_cmpeq_epi8(upper, _mm_alignr_epi8(lower, lower, turns)))),
   ...);
  return found;
}

// Of how many places of a text the three bytes stand at an earlier one too; the first byte is no
// place. Not one too few; by chance of the hash, one or two too many.
size_t repeats(std::string_view text) {
  const char* const first = text.data() + 1;
  const char* const second = text.data() + text.size() - 2 - kPlaces;
  const __m256i halves = hashes(first, second);
  const __m256i within = repeated_within(halves, std::make_integer_sequence<int, kPlaces - 1>());
  const __m128i across = found_in(_mm256_extracti128_si256(halves, 1),
                                  _mm256_castsi256_si128(halves),
                                  std::make_integer_sequence<int, kPlaces>());
  const auto in_lower = static_cast<uint32_t>(_mm256_movemask_epi8(within));
  const auto in_upper = static_cast<uint32_t>(_mm_movemask_epi8(across)) << kPlaces;
  // Places of the second vector that are in the first one as well.
  const size_t twice = kShortMax - text.size();
  const uint32_t once = ~(((1U << twice) - 1) << kPlaces);
  return static_cast<size_t>(std::popcount((in_lower | in_upper) & once));
}

// Whether `bytes` can take `room` bytes or fewer, as far as is quickly seen: if not, they can't.
//
// A match of n bytes saves n - 2 at most, and each of the n - 2 places where three of its bytes
// begin has these three before. So no more bytes are saved than there are such places. The first
// byte is a literal (liblzf never refers to it), hence there is one byte before a run of literals.
bool may_fit(std::string_view bytes, size_t room) {
  return bytes.size() + 1 <= room + repeats(bytes);
}

// liblzf's way through a text, so that the same comes out. It asks the last place with the same
// hash and no other; of a match it notes the last two places alone; and it gives up as soon as less
// room is left than it might need, be it by a byte or two that it would not.
class Packer {
 public:
  Packer(std::string_view in, std::span<char> out, uint32_t start, SeenPlaces& seen)
      : in_(in.data()), size_(in.size()), out_(out.data()), room_(out.size()), start_(start),
        seen_(seen) {}

  // Not inlined: the address of what is the thread's would be computed at each step.
  [[gnu::noinline]] size_t pack() {
    size_t at = 1;  // the first byte is nobody's match
    while (at + kMatchMin <= size_) {
      const uint32_t word = load32(in_ + at - 1);
      uint32_t& slot = seen_.of(word);
      const uint32_t place = start_ + static_cast<uint32_t>(at);
      const size_t distance = place - slot;
      slot = place;
      // Less than `at`: after the first byte of this text.
      if (distance < std::min(at, kDistanceMax + 1) &&
          same3(word, load32(in_ + at - 1 - distance))) {
        if (used_ + run_bytes(at - run_) + kMatchRoom >= room_) {
          return 0;
        }
        const size_t length = match_length(at, distance);
        put_run(at);
        put_match(length, distance);
        at += length;
        run_ = at;
        if (at + kMatchMin > size_) {
          break;
        }
        note(at - 2);
        note(at - 1);
      } else {
        ++at;
      }
    }
    // A run that is full has the next one's first byte behind it already.
    const size_t literals = at - run_;
    if (used_ + 1 + literals + literals / kRunMax + kEndRoom > room_) {
      return 0;
    }
    put_run(size_);
    return used_;
  }

 private:
  static bool same3(uint32_t a, uint32_t b) { return (a ^ b) < 1U << 8; }

  void note(size_t at) {
    seen_.of(load32(in_ + at - 1)) = start_ + static_cast<uint32_t>(at);
  }

  // Up to the last two bytes; only liblzf's steps of 16 go beyond that, or the least there is.
  size_t match_length(size_t at, size_t distance) const {
    const size_t left = size_ - at;
    const size_t most = left > 18 ? std::clamp<size_t>(left - 2, 19, kMatchMax)
                                  : std::max(left - 2, kMatchMin);
    const char* const here = in_ + at;
    const char* const there = here - distance;
    size_t length = kMatchMin;
    // Foreseen where matches are short, so that the next step does not wait for the comparison.
    if (length == most || here[length] != there[length]) {
      return length;
    }
    for (; length + 8 <= most; length += 8) {
      const uint64_t differ = load64(here + length) ^ load64(there + length);
      if (differ != 0) {
        return length + static_cast<size_t>(std::countr_zero(differ)) / 8;
      }
    }
    while (length < most && here[length] == there[length]) {
      ++length;
    }
    return length;
  }

  // The literals up to `end`.
  void put_run(size_t end) {
    while (run_ < end) {
      const size_t bytes = std::min(end - run_, kRunMax);
      out_[used_++] = static_cast<char>(bytes - 1);
      // As a whole where there is room: a copy of one size is no call.
      if (run_ + kRunMax <= size_ && used_ + kRunMax <= room_) {
        std::memcpy(out_ + used_, in_ + run_, kRunMax);
      } else {
        std::memcpy(out_ + used_, in_ + run_, bytes);
      }
      used_ += bytes;
      run_ += bytes;
    }
  }

  void put_match(size_t length, size_t distance) {
    const size_t back = distance - 1;
    if (length < kLongMatch) {
      out_[used_++] = static_cast<char>((length - 2) << 5 | back >> 8);
    } else {
      out_[used_++] = static_cast<char>(7U << 5 | back >> 8);
      out_[used_++] = static_cast<char>(length - kLongMatch);
    }
    out_[used_++] = static_cast<char>(back);
  }

  const char* const in_;
  const size_t size_;
  char* const out_;
  const size_t room_;
  const uint32_t start_;
  SeenPlaces& seen_;
  size_t run_ = 0;   // where the literals begin that are not yet written
  size_t used_ = 0;  // bytes written
};

}  // namespace

size_t lzf_pack(std::string_view bytes, std::span<char> out) {
  if (bytes.size() < kPackMin || out.empty() || !fits(bytes.size()) || !fits(out.size())) {
    return 0;
  }
  if (bytes.size() >= kShortMin && bytes.size() <= kShortMax && !may_fit(bytes, out.size())) {
    return 0;
  }
  SeenPlaces& seen = seen_places;
  return Packer(bytes, out, seen.start(bytes.size()), seen).pack();
}

bool lzf_unpack(std::string_view packed, std::span<char> out) {
  // Empty input is read by one byte, and empty output looks like an error.
  if (packed.empty() || out.empty() || !fits(packed.size()) || !fits(out.size())) {
    return false;
  }
  return lzf_decompress(packed.data(), static_cast<unsigned>(packed.size()), out.data(),
                        static_cast<unsigned>(out.size())) == out.size();
}

}  // namespace pollux
