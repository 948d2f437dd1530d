// Records of one size for connections that are less than that, half-open or over: a fixed number,
// found by flow, each a cache line. All memory is taken at the start. Also their coarse time, of 32
// bits. Belongs to one core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/tcp/tables/flow_table.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

// Deadlines in 32 bits, as ticks of 2^20 ns (1.05 ms): exact to a tick, and never early. They are
// read relative to the last one made, so while there is an old one, ticks made are less than 2^31
// apart (26 days).
class CoarseClock {
 public:
  static constexpr unsigned kTickShift = 20;
  static constexpr int64_t kTickNs = int64_t{1} << kTickShift;

  // The first tick that begins at this moment or later.
  uint32_t tick_of(Moment deadline) {
    last_ = (deadline.ns >> kTickShift) + ((deadline.ns & (kTickNs - 1)) != 0);
    return static_cast<uint32_t>(last_);
  }
  // When that tick begins.
  Moment moment_of(uint32_t tick) const {
    const auto ahead = static_cast<int32_t>(tick - static_cast<uint32_t>(last_));
    return {(last_ + ahead) << kTickShift};
  }

 private:
  int64_t last_ = 0;
};

// Record: one cache line with `Flow flow` and the links `uint32_t next, prev`, of which `next`
// chains free ones. A reference to a record is good until it is released.
template <typename Record>
class FlowRecords {
 public:
  static_assert(sizeof(Record) == 64 && alignof(Record) == 64);

  // `key` is what the hashes are made with, those of the table of connections: one hash of a packet
  // serves all tables. `capacity` > 0.
  FlowRecords(SipKey key, size_t capacity)
      : store_{key, std::unique_ptr<Record[]>(new Record[capacity])},
        table_(store_, capacity, capacity) {
    POLLUX_ASSERT(capacity > 0);
    for (size_t i = capacity; i > 0; --i) {
      chain_free(static_cast<uint32_t>(i - 1));
    }
  }
  FlowRecords(const FlowRecords&) = delete;
  FlowRecords& operator=(const FlowRecords&) = delete;

  // The index, or kNoIndex.
  uint32_t find(uint64_t hash, const Flow& flow) const { return table_.find(hash, flow); }
  // A new record of this flow, the rest as Record() is, or kNoIndex if all are taken. Requires that
  // the flow has none.
  uint32_t take(uint64_t hash, const Flow& flow) {
    const uint32_t index = free_;
    if (index == kNoIndex) {
      return kNoIndex;
    }
    Record& record = store_.records[index];
    free_ = record.next;
    record = Record();
    record.flow = flow;
    POLLUX_ASSERT(table_.insert(hash, index));
    return index;
  }
  void release(uint32_t index) {
    POLLUX_ASSERT(table_.erase(store_.hash(index), index));
    chain_free(index);
  }

  Record& operator[](uint32_t index) { return store_.records[index]; }
  const Record& operator[](uint32_t index) const { return store_.records[index]; }
  uint32_t index_of(const Record& record) const {
    return static_cast<uint32_t>(&record - store_.records.get());
  }
  // How lists reach records.
  auto at() {
    return [this](uint32_t index) -> Record& { return store_.records[index]; };
  }

  void prefetch_bucket(uint64_t hash) const { table_.prefetch_bucket(hash); }
  size_t size() const { return table_.size(); }
  size_t capacity() const { return table_.capacity_max(); }
  size_t bytes() const { return table_.bytes() + capacity() * sizeof(Record); }

 private:
  // What the table asks (FlowKeys).
  struct Store {
    SipKey key;
    std::unique_ptr<Record[]> records;

    bool is(uint32_t index, const Flow& flow) const { return same_flow(records[index].flow, flow); }
    uint64_t hash(uint32_t index) const { return flow_hash(key, records[index].flow); }
    void prefetch(uint32_t index) const { pollux::prefetch(&records[index]); }
  };

  void chain_free(uint32_t index) {
    store_.records[index].next = free_;
    free_ = index;
  }

  const Store store_;
  uint32_t free_ = kNoIndex;
  FlowTable<Store> table_;
};

}  // namespace pollux::tcp
