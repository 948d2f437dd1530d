// Which connection a packet belongs to: from a flow to the 32-bit index of its connection. The key
// itself stands in the connection; the table holds 16 bits of its hash (the tag) and the index.
//
// Open addressing in buckets of one cache line, 10 entries each, from the home bucket of a hash on
// to the next ones. A bucket counts the entries whose way from their home led past it (as Folly's
// F14 does), so that a lookup ends at the first bucket that nobody passed: there are no tombstones.
// The hash is keyed and not the NIC's, whose key is known and whose function is linear.
//
// Growth and shrinking are incremental: the table is moved to one of twice or half the size, home
// by home, one home at each insert and erase. A lookup needs one of the two only: homes below
// `moved_` are in the new one. With a million connections bucket and connection are a miss each, so
// a burst is looked up in three rounds: ask for buckets, ask for connections, compare.
//
// Memory: 8 bytes a connection when it is about to grow, 16 after it has, 32 before it shrinks; the
// old one besides while it is moved and, from then on, given back. Belongs to one core.
#pragma once

#include <immintrin.h>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "dataplane/tcp/tables/flow_buckets.h"
#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/wire/address.h"
#include "src/base/assert.h"
#include "src/base/prefetch.h"

namespace pollux::tcp {

// Who has the flows.
template <typename T>
concept FlowKeys = requires(const T& keys, uint32_t index, const Flow& flow) {
  { keys.is(index, flow) } -> std::same_as<bool>;  // it is of this flow (same_flow)
  { keys.hash(index) } -> std::same_as<uint64_t>;  // flow_hash of its flow
  keys.prefetch(index);                            // asks for what is() and hash() read
};

// What == says, for is(): in one register. (With ==, which GCC 12 makes two calls of memcmp and a
// frame of spilled registers, a find among 10,000 took half as long again.)
inline bool same_flow(const Flow& a, const Flow& b) {
  static_assert(sizeof(Flow) == 36 && offsetof(Flow, local_port) == 32);
  const __m256i differs = _mm256_xor_si256(
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&a)),
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&b)));
  uint32_t a_ports;
  uint32_t b_ports;
  std::memcpy(&a_ports, &a.local_port, sizeof a_ports);
  std::memcpy(&b_ports, &b.local_port, sizeof b_ports);
  return _mm256_testz_si256(differs, differs) != 0 && a_ports == b_ports;
}

template <FlowKeys Keys>
class FlowTable {
 public:
  // At most `capacity_max` connections, 2^31 or less. From the start there is room for
  // `capacity_min`, which is never given back; if both are the same, the table never moves.
  FlowTable(const Keys& keys, size_t capacity_max, size_t capacity_min = 0)
      : keys_(keys), capacity_max_(capacity_max), bits_min_(bits_for(capacity_min)) {
    POLLUX_ASSERT(capacity_min <= capacity_max && capacity_max <= size_t{1} << 31);
    table_ = make(bits_min_, /*resident=*/true);
  }
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // `hash` is everywhere flow_hash of the flow, with the key of this table.

  // The index, or kNoIndex.
  uint32_t find(uint64_t hash, const Flow& flow) const;
  // Requires that the flow is not there, and that the connection has it already (and still has it
  // when it is erased): a move may ask. False, and nothing done, if capacity_max are there.
  [[nodiscard]] bool insert(uint64_t hash, uint32_t index);
  // By index, without looking at any flow. False if it is not there.
  bool erase(uint64_t hash, uint32_t index);

  // The first round for a lookup to come,
  void prefetch_bucket(uint64_t hash) const { prefetch(&bucket_of(hash)); }
  // the second, when the bucket is there: asks for the connections that find would look at. The
  // first of them, which is nearly always the one, or kNoIndex.
  uint32_t prefetch_entries(uint64_t hash) const;
  // All three rounds for a burst. `found` gets what find would return; all spans of one length. It
  // is good for as long as changes() stays the same: what a packet opens or ends, the ones behind
  // it in the burst must be looked up for again.
  void find_burst(std::span<const uint64_t> hashes, std::span<const Flow> flows,
                  std::span<uint32_t> found) const;

  // Inserts and erases so far.
  uint64_t changes() const { return changes_; }
  size_t size() const { return size_; }
  size_t capacity_max() const { return capacity_max_; }
  size_t bytes() const { return table_.buckets.bytes() + old_.buckets.bytes() + leaving_.bytes(); }
  // Whether some homes are still in the old table; for tests.
  bool moving() const { return old_.buckets.bytes() != 0; }

  // Checks all places and counts, for tests. Asserts.
  void check() const;

 private:
  static constexpr size_t kGrowFill = 8;    // entries a bucket, on average, that it grows at
  static constexpr size_t kShrinkFill = 2;  // and below which it shrinks
  static constexpr unsigned kBitsMin = 2;

  struct Table {
    FlowBuckets buckets;
    unsigned shift = 63;  // home = hash >> shift

    size_t count() const { return size_t{1} << (64 - shift); }
    size_t home(uint64_t hash) const { return hash >> shift; }
    size_t next(size_t at) const { return (at + 1) & (count() - 1); }
  };

  static unsigned bits_for(size_t capacity) {
    unsigned bits = kBitsMin;
    while ((size_t{1} << bits) * kGrowFill < capacity) {
      ++bits;
    }
    return bits;
  }
  static Table make(unsigned bits, bool resident) {
    return {FlowBuckets(size_t{1} << bits, resident), 64 - bits};
  }
  static uint16_t tag_of(uint64_t hash) {
    const auto tag = static_cast<uint16_t>(hash);
    return tag == 0 ? 1 : tag;
  }
  static unsigned first_entry(unsigned hits) {
    return static_cast<unsigned>(std::countr_zero(hits)) / 2;
  }

  // Where this hash belongs now. While nothing moves, old_ has two homes that are both moved.
  const Table& table_of(uint64_t hash) const { return old_.home(hash) < moved_ ? table_ : old_; }
  Table& table_of(uint64_t hash) { return old_.home(hash) < moved_ ? table_ : old_; }
  const FlowBucket& bucket_of(uint64_t hash) const {
    const Table& table = table_of(hash);
    return table.buckets[table.home(hash)];
  }

  static void place(Table& table, uint64_t hash, uint32_t index);
  // The entry no longer stands in bucket `at`: takes back its passing on the way there.
  static void unpass(Table& table, size_t home, size_t at) {
    for (size_t on_way = home; on_way != at; on_way = table.next(on_way)) {
      --table.buckets[on_way].passed;
    }
  }
  // How many homes of table_ the first `homes` of old_ go to.
  size_t homes_from(size_t homes) const {
    return table_.shift < old_.shift ? homes * 2 : (homes + 1) / 2;
  }
  void begin_move(unsigned bits);
  void move_home();
  void step();
  void check(const Table& table, size_t first_home, size_t last_home, size_t& entries) const;

  const Keys& keys_;
  const size_t capacity_max_;
  const unsigned bits_min_;
  size_t size_ = 0;
  uint64_t changes_ = 0;
  Table table_;
  Table old_;
  size_t moved_ = 2;     // homes of old_ that are in table_
  FlowBuckets leaving_;  // of the last move, given back slice by slice, long before the next
};

template <FlowKeys Keys>
uint32_t FlowTable<Keys>::find(uint64_t hash, const Flow& flow) const {
  const Table& table = table_of(hash);
  const uint16_t tag = tag_of(hash);
  size_t at = table.home(hash);
  // Each bucket once at most: with bad luck all of them were passed.
  for (size_t left = table.count(); left > 0; --left) {
    const FlowBucket& bucket = table.buckets[at];
    for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
      const uint32_t index = bucket.indices[first_entry(hits)];
      if (keys_.is(index, flow)) [[likely]] {
        return index;
      }
    }
    if (bucket.passed == 0) [[likely]] {
      return kNoIndex;
    }
    at = table.next(at);
  }
  return kNoIndex;
}

template <FlowKeys Keys>
[[gnu::always_inline]] inline uint32_t FlowTable<Keys>::prefetch_entries(uint64_t hash) const {
  const Table& table = table_of(hash);
  const size_t at = table.home(hash);
  const FlowBucket& bucket = table.buckets[at];
  const unsigned hits = bucket.match(tag_of(hash));
  for (unsigned rest = hits; rest != 0; rest &= rest - 1) {
    keys_.prefetch(bucket.indices[first_entry(rest)]);
  }
  if (hits == 0) {
    if (bucket.passed != 0) {
      prefetch(&table.buckets[table.next(at)]);
    }
    return kNoIndex;
  }
  return bucket.indices[first_entry(hits)];
}

template <FlowKeys Keys>
void FlowTable<Keys>::find_burst(std::span<const uint64_t> hashes, std::span<const Flow> flows,
                                 std::span<uint32_t> found) const {
  POLLUX_ASSERT(hashes.size() == flows.size() && hashes.size() == found.size());
  for (const uint64_t hash : hashes) {
    prefetch_bucket(hash);
  }
  for (size_t i = 0; i < hashes.size(); ++i) {
    found[i] = prefetch_entries(hashes[i]);
  }
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (found[i] == kNoIndex || !keys_.is(found[i], flows[i])) {
      found[i] = find(hashes[i], flows[i]);
    }
  }
}

template <FlowKeys Keys>
void FlowTable<Keys>::place(Table& table, uint64_t hash, uint32_t index) {
  for (size_t at = table.home(hash);; at = table.next(at)) {
    FlowBucket& bucket = table.buckets[at];
    const unsigned free = bucket.match(0);
    if (free != 0) [[likely]] {
      const unsigned entry = first_entry(free);
      bucket.tags[entry] = tag_of(hash);
      bucket.indices[entry] = index;
      return;
    }
    ++bucket.passed;  // ends: fewer entries than the buckets hold are ever in a table (step)
  }
}

template <FlowKeys Keys>
bool FlowTable<Keys>::insert(uint64_t hash, uint32_t index) {
  if (size_ >= capacity_max_) {
    return false;
  }
  place(table_of(hash), hash, index);
  ++size_;
  ++changes_;
  step();
  return true;
}

template <FlowKeys Keys>
bool FlowTable<Keys>::erase(uint64_t hash, uint32_t index) {
  Table& table = table_of(hash);
  const uint16_t tag = tag_of(hash);
  const size_t home = table.home(hash);
  size_t at = home;
  for (size_t left = table.count(); left > 0; --left) {
    FlowBucket& bucket = table.buckets[at];
    for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
      const unsigned entry = first_entry(hits);
      if (bucket.indices[entry] == index) {
        bucket.tags[entry] = 0;
        unpass(table, home, at);
        --size_;
        ++changes_;
        step();
        return true;
      }
    }
    if (bucket.passed == 0) {
      return false;
    }
    at = table.next(at);
  }
  return false;
}

// After each insert and erase. A move that begins with 8 entries in each of n buckets ends after n
// calls, when at most 9 n entries are in what holds 10 n and 20 n; one that begins with 2 n ends
// with at most 3 n in what holds 10 n and 5 n. So a move is over long before the next is due, and
// neither table is ever full.
template <FlowKeys Keys>
void FlowTable<Keys>::step() {
  const unsigned bits = 64 - table_.shift;
  if (leaving_.bytes() != 0) [[unlikely]] {
    leaving_.give_back_slice();
  }
  if (moving()) {
    move_home();
  } else if (size_ > table_.count() * kGrowFill) {
    begin_move(bits + 1);
  } else if (size_ < table_.count() * kShrinkFill && bits > bits_min_) {
    begin_move(bits - 1);
  }
}

template <FlowKeys Keys>
void FlowTable<Keys>::begin_move(unsigned bits) {
  old_ = std::move(table_);
  table_ = make(bits, /*resident=*/false);
  moved_ = 0;
}

template <FlowKeys Keys>
void FlowTable<Keys>::move_home() {
  const size_t home = moved_;
  const FlowBucket& after = old_.buckets[old_.next(home)];
  for (unsigned entry = 0; entry < FlowBucket::kEntries; ++entry) {
    if (after.tags[entry] != 0) {
      keys_.prefetch(after.indices[entry]);  // for the next call
    }
  }
  prefetch(&old_.buckets[old_.next(old_.next(home))]);
  size_t at = home;
  for (size_t left = old_.count(); left > 0; --left) {
    FlowBucket& bucket = old_.buckets[at];
    for (unsigned used = ~bucket.match(0) & FlowBucket::kEachEntry; used != 0; used &= used - 1) {
      const unsigned entry = first_entry(used);
      const uint32_t index = bucket.indices[entry];
      const uint64_t hash = keys_.hash(index);
      if (old_.home(hash) == home) {
        bucket.tags[entry] = 0;
        unpass(old_, home, at);
        place(table_, hash, index);
      }
    }
    if (bucket.passed == 0) {
      break;
    }
    at = old_.next(at);
  }
  if (++moved_ == old_.count()) {
    leaving_ = std::move(old_.buckets);
    old_ = {};
    moved_ = 2;
  }
}

template <FlowKeys Keys>
void FlowTable<Keys>::check(const Table& table, size_t first_home, size_t last_home,
                            size_t& entries) const {
  const auto passed = std::make_unique<uint32_t[]>(table.count());
  for (size_t at = 0; at < table.count(); ++at) {
    for (unsigned entry = 0; entry < FlowBucket::kEntries; ++entry) {
      const FlowBucket& bucket = table.buckets[at];
      if (bucket.tags[entry] == 0) {
        continue;
      }
      const uint64_t hash = keys_.hash(bucket.indices[entry]);
      const size_t home = table.home(hash);
      POLLUX_ASSERT(bucket.tags[entry] == tag_of(hash));
      POLLUX_ASSERT(first_home <= home && home < last_home);
      for (size_t on_way = home; on_way != at; on_way = table.next(on_way)) {
        ++passed[on_way];
      }
      ++entries;
    }
  }
  for (size_t at = 0; at < table.count(); ++at) {
    POLLUX_ASSERT(passed[at] == table.buckets[at].passed);
  }
}

template <FlowKeys Keys>
void FlowTable<Keys>::check() const {
  size_t entries = 0;
  if (moving()) {
    check(old_, moved_, old_.count(), entries);
    check(table_, 0, homes_from(moved_), entries);
  } else {
    check(table_, 0, table_.count(), entries);
  }
  POLLUX_ASSERT(entries == size_);
}

}  // namespace pollux::tcp
