// Half-open connections: a SYN came, a SYN-ACK went, the ACK is awaited (SYN-RECEIVED of a passive
// open). A fixed number per core, a cache line each, so that a flood of SYNs costs no memory.
//
// When more than half are taken, new SYNs are to be answered by cookies (syn_cookie.h), which need
// no entry. When all are, insert says so; nobody is thrown out: cookies serve the newcomer as well,
// and an entry may belong to a peer who is on his way.
//
// The SYN-ACK is sent again after 1, 3, 7, .. s (RFC 6298 2.1 and 5.5), in ticks of 1.05 ms, and
// the entry expires one such wait after the last. All that were sent as often wait as long, so
// there is a queue for each number of times. It goes less often as entries are taken: twice above a
// quarter, once above three eighths. So a flood has to bring some 2700 SYNs a second, not 130, to
// hold half of 16,384 entries, and who is answered at once never notices. Belongs to one core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/tables/flow_records.h"
#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/tables/syn_options.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct alignas(64) SynEntry {
  Flow flow;
  Seq peer_isn;
  Seq our_isn;
  uint32_t peer_timestamp = 0;  // TSval of the SYN, to be echoed
  uint32_t due = 0;             // CoarseClock
  uint32_t next = kNoIndex;
  uint32_t prev = kNoIndex;
  uint16_t mss = 0;
  uint8_t scale : 4 = 0;
  uint8_t retransmits : 4 = 0;  // of the SYN-ACK
  bool sack : 1 = false;
  bool timestamps : 1 = false;
  bool ecn : 1 = false;

  SynOptions options() const { return {mss, scale, sack, timestamps, ecn}; }
  void set_options(const SynOptions& options) {
    mss = options.mss;
    scale = options.scale & 15;
    sack = options.sack;
    timestamps = options.timestamps;
    ecn = options.ecn;
  }
};
static_assert(sizeof(SynEntry) == 64);

class SynTable {
 public:
  static constexpr unsigned kRetransmitsMax = 7;

  struct Config {
    size_t capacity = 16'384;            // entries
    unsigned retransmits = 5;            // 0 to kRetransmitsMax; 5: an entry lasts 63 s
    int64_t timeout_ns = 1 * kSecondNs;  // of the first SYN-ACK, doubled with each
  };

  // `key` is what `hash` is made with everywhere: flow_hash of the flow.
  SynTable(SipKey key, const Config& config);

  // The entry, or null. It is good until it is erased or expires.
  SynEntry* find(uint64_t hash, const Flow& flow);
  // For a SYN whose SYN-ACK goes out now. Null if all entries are taken. Requires that there is
  // none of this flow.
  SynEntry* insert(uint64_t hash, const Flow& flow, Seq peer_isn, Seq our_isn,
                   const SynOptions& options, uint32_t peer_timestamp, Moment now);
  void erase(SynEntry& entry);

  // Whether a SYN of the entry's flow is the one that made it, come again: then it is answered from
  // the entry, which keeps what both offer, takes the timestamp if that is a later one, and waits
  // anew (peers send theirs again after 1, 3, 7, .. s, too: when it would else expire). If not, its
  // sender has begun anew, or somebody forges; that is answered by a cookie, and the entry stays
  // for whoever it is of.
  bool take_repeated(SynEntry& entry, Seq isn, const SynOptions& options, uint32_t peer_timestamp,
                     Moment now);
  // Whether a SEG.ACK is that of the entry's SYN-ACK. If not, it may be a cookie's, of this flow.
  static bool is_acknowledged(const SynEntry& entry, Seq ack) { return ack == entry.our_isn + 1; }

  // More than half are taken: answer new SYNs by cookies.
  bool under_pressure() const { return entries_.size() > entries_.capacity() / 2; }
  // What is acknowledged is a SYN-ACK that went no longer ago than this, or was sent again.
  int64_t timeout_ns() const { return config_.timeout_ns; }

  // Calls retransmit(SynEntry&) for those whose SYN-ACK is to be sent again, which may erase it,
  // and expired(const SynEntry&) for those that are erased after it, which may not. At most
  // `entries_max` in all; the rest is for the next call. Returns how many.
  template <typename Retransmit, typename Expired>
  size_t advance(Moment now, size_t entries_max, Retransmit retransmit, Expired expired);
  // Exact: when advance has something to do. kNever if there are no entries.
  Moment next_deadline() const;

  size_t size() const { return entries_.size(); }
  size_t capacity() const { return entries_.capacity(); }
  size_t bytes() const { return entries_.bytes(); }
  void prefetch_bucket(uint64_t hash) const { entries_.prefetch_bucket(hash); }

 private:
  void wait(uint32_t index, Moment now);
  // How often a SYN-ACK is sent again, as full as it is now.
  unsigned retransmits_max() const;
  // The queue whose first entry is due first, or null.
  const IndexList* earliest() const;

  const Config config_;
  FlowRecords<SynEntry> entries_;
  CoarseClock clock_;
  std::array<IndexList, kRetransmitsMax + 1> queues_;  // by retransmits
};

template <typename Retransmit, typename Expired>
size_t SynTable::advance(Moment now, size_t entries_max, Retransmit retransmit, Expired expired) {
  size_t count = 0;
  for (; count < entries_max && next_deadline() <= now; ++count) {
    SynEntry& entry = entries_[earliest()->front()];
    if (entry.retransmits >= retransmits_max()) {
      expired(static_cast<const SynEntry&>(entry));
      erase(entry);
      continue;
    }
    const uint32_t index = entries_.index_of(entry);
    queues_[entry.retransmits].remove(index, entries_.at());
    entry.retransmits = (entry.retransmits + 1) & 15;
    wait(index, now);
    retransmit(entry);
  }
  return count;
}

}  // namespace pollux::tcp
