// The HyperLogLog: how many different elements a set has, within 0.81 %, in at most 12304 bytes. It
// is a string that clients may GET, SET and carry elsewhere; the bytes are those of redis-server
// 7.0, after every step.
//
//   0  "HYLL"
//   4  encoding       0 dense, 1 sparse
//   5  3 bytes        unused; kept as they are
//   8  count          u64 little-endian, the last that was computed; its top bit says it is stale
//   16 dense:  16384 registers of 6 bits, packed (hll_registers.h)
//      sparse: runs of registers, from the first to the last:
//        00nnnnnn           ZERO    n + 1 registers are 0 (1..64)
//        01nnnnnn nnnnnnnn  XZERO   the same for 14 bits, big-endian (1..16384)
//        1vvvvvnn           VAL     n + 1 registers (1..4) are v + 1 (1..32)
//
// A new one is sparse, and becomes dense for good when a register passes 32, or when a change would
// make it longer than the server's limit (hll-sparse-max-bytes).
//
// Who does what: everything here reads bytes that somebody else owns; a change is an HllChange,
// which says what room it needs before it is carried out in bytes that somebody else got. Memory is
// taken by the two functions that write into the caller's std::string.
//
// The bytes may come from anybody. is_hll is what each use begins with; beyond it every function is
// total: where bytes are no sequence of runs it says "corrupt", and never looks at more than the
// 32 KiB that 16384 registers can take. Redis is asked about as much: it too finds damage only
// where it has to look. (One case differs: a last XZERO cut in half. Redis reads a byte behind it.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/data/hll_registers.h"

namespace pollux {

inline constexpr size_t kHllHeaderBytes = 16;
inline constexpr size_t kHllDenseBytes = kHllHeaderBytes + kHllPackedBytes;
// Without elements, as PFADD makes it.
inline constexpr std::string_view kHllEmpty{"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", 18};

// Which register an element belongs to, and what it raises it to (1..kHllRankMax).
struct HllElement {
  uint16_t index;
  uint8_t rank;
};
HllElement hll_element(std::string_view element);

// Whether these bytes say that they are a HyperLogLog, and have the length if dense. If not: "Key
// is not a valid HyperLogLog string value". All else requires it of its bytes.
bool is_hll(std::string_view bytes);
bool hll_is_dense(std::string_view bytes);

// The count in the header, unless it is stale.
std::optional<int64_t> hll_cached_count(std::string_view bytes);
void hll_cache_count(std::span<char> bytes, int64_t count);
// The estimate, as redis-server 7.0 replies it; nothing if corrupt.
std::optional<int64_t> hll_count(std::string_view bytes);

enum class HllOutcome : uint8_t {
  kSame,       // the register holds as much already: nothing to do
  kChanged,    // carry the change out
  kMakeDense,  // hll_make_dense first, then add again
  kCorrupt,    // "Corrupted HLL object detected"
};

// What adding one element does to the bytes: a few of them give way to others, and the count in
// the header becomes stale.
class HllChange {
 public:
  HllOutcome outcome() const { return outcome_; }
  // Of the bytes once it is carried out: at most 3 more, or fewer. `size`: as they are now.
  size_t size_after(size_t size) const { return size - removed_ + inserted_; }
  // Requires kChanged, the bytes that were looked at, and room for the larger of both sizes.
  void apply(char* bytes, size_t size) const;

 private:
  friend class HllSparse;
  friend HllChange hll_add(std::string_view, HllElement, size_t);
  // The run before, three in place of one, and four behind.
  static constexpr size_t kInsertedMax = 2 + 5 + 4 * 2;

  HllChange(HllOutcome outcome) : outcome_(outcome) {}  // NOLINT: an outcome is a change of nothing

  HllOutcome outcome_;
  uint8_t removed_ = 0;
  uint8_t inserted_ = 0;
  char text_[kInsertedMax] = {};
  size_t at_ = 0;
};

// `sparse_bytes_max`: of a sparse one, header included, that a change makes longer.
HllChange hll_add(std::string_view bytes, HllElement element, size_t sparse_bytes_max);

// Writes the same registers dense, with the same header otherwise. False if corrupt; then `out` is
// undefined. Requires sparse bytes that don't overlap `out`.
bool hll_make_dense(std::string_view bytes, std::span<char, kHllDenseBytes> out);

// The runs of a sparse one in words, as PFDEBUG DECODE shows them: "Z:12711 v:2,1 Z:3672". Of
// corrupt ones the first MiB, whatever they come to; half of an XZERO goes on with a 0.
std::string hll_runs_text(std::string_view bytes);

// The whole of it for bytes that stand in a string: never kMakeDense. If corrupt, nothing changed.
HllOutcome hll_add_to(std::string& bytes, HllElement element, size_t sparse_bytes_max);

// Several HyperLogLogs as one (PFCOUNT of keys, PFMERGE). 16 KiB: for a stack.
class HllUnion {
 public:
  // False if corrupt: then what the union holds is undefined.
  bool add(std::string_view bytes);
  int64_t count() const { return hll_estimate_spread(spread_); }
  // Raises the registers of `target` to the union's, the count becoming stale; dense if it or any
  // that was added is. Requires that `target` was added too, or is kHllEmpty.
  void raise(std::string& target, size_t sparse_bytes_max) const;

 private:
  void raise_dense(std::string& target) const;

  alignas(32) uint8_t spread_[kHllRegisters] = {};
  bool any_dense_ = false;
};

}  // namespace pollux
