// Which link address an IP address of this link has: the neighbor cache of RFC 4861 7, for IPv6 by
// NDP and for IPv4 by ARP, with the same states. Pure: it says what is to be solicited, whoever
// owns it builds and sends that, and tells what came back.
//
// A connection finds its neighbor by address once and then by id, at no more than the compare of a
// generation. While an address is not resolved its connections have nothing to send to; a call that
// resolves it says so, and who waits tries again. Nothing is queued here.
//
// A peer that opens a connection is learned from its segment, so that the SYN-ACK need not wait for
// a round trip of ARP. That is no proof that it hears us, so the entry begins as stale and is
// probed if no ACK confirms it (RFC 4861 7.3.1, 7.3.3).
//
// Two segments that disagree about an address which nobody has confirmed lately: all are asked for
// it, by which a forged one does no harm for long.
//
// Bounds: entries_max entries. Where there is no room for another, one goes that has never been
// confirmed, as those are that forged segments and requests make; else one of the others. Addresses
// that are being resolved may take a quarter, so that a scan of the subnet displaces no one (RFC
// 6583 6): then one of these goes. Of its kind it is the one that was not used for the longest
// time, nearly: each kind stands in a queue, and who was used since it came to the back of it goes
// there once more. So nothing here costs more in a larger table, but for the logarithm of a map.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"
#include "src/base/rng.h"

namespace pollux::tcp {

// RFC 4861 10.
struct NeighborTimes {
  int64_t reachable_ns = 30 * kSecondNs;  // on average: half to one and a half of it, by chance
  int64_t delay_ns = 5 * kSecondNs;       // for an ACK to come before a probe goes out
  int64_t retransmit_ns = 1 * kSecondNs;  // between solicitations
  uint32_t solicitations = 3;             // to the group, then to the known address
};

enum class NeighborState : uint8_t {
  kNone,
  kIncomplete,  // solicited; no link address yet
  kReachable,   // confirmed a short time ago
  kStale,       // not confirmed; nothing was sent to it since
  kDelay,       // something was sent; perhaps an ACK confirms it
  kProbe,       // solicited at its own address
};

// Names an entry until that is evicted or given up.
struct NeighborId {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend bool operator==(const NeighborId&, const NeighborId&) = default;
};

// Ask who has `target`: by ARP if that is of IPv4, else by NDP.
struct Solicitation {
  IpAddress target;
  MacAddress to;
  friend bool operator==(const Solicitation&, const Solicitation&) = default;
};

// What a neighbor says of itself (RFC 4861 4.4). A reply of ARP to us is solicited and overrides;
// one to everybody, or a request of a host for its own address, only overrides.
struct Advertisement {
  IpAddress address;
  std::optional<MacAddress> mac;  // NDP may leave it out for who knows it already
  bool solicited = false;
  bool overrides = false;
};

class Neighbors {
 public:
  // Requires entries_max >= 4.
  Neighbors(uint32_t entries_max, uint64_t seed, const NeighborTimes& times = {});

  // The entry of an address, which must be one of this link and of one host. One that is new is
  // solicited in the next tick.
  NeighborId find(const IpAddress& address, Moment now);
  // Where to send to now; nullptr while that is not known, and if the entry is gone: then find()
  // begins anew. Lives until the next call.
  const MacAddress* use(NeighborId id, Moment now) {
    if (has(id)) {
      Entry& entry = entries_[id.index];
      entry.used = now;
      const bool stays = entry.state == NeighborState::kReachable
                             ? now < entry.deadline
                             : entry.state > NeighborState::kStale;
      return stays ? &entry.mac : use_unsure(entry, now);
    }
    return nullptr;
  }
  // Where an address is, if that is known; nobody is asked, now or later: for what may be a
  // stranger's.
  const MacAddress* known(const IpAddress& address);
  // The peer has acknowledged what was sent to it lately, so it hears us.
  void confirm(NeighborId id, Moment now);

  // Each of these: whether an address was resolved that somebody may wait for. A group is nobody's
  // link address (RFC 1812 3.3.2): who says so is not heard.
  // A segment came from there.
  bool learn(const IpAddress& address, const MacAddress& mac, Moment now);
  // It asked for one of ours, and said who it is (RFC 4861 7.2.3, RFC 826).
  bool on_solicited_by(const IpAddress& address, const MacAddress& mac, Moment now);
  bool on_advertisement(const Advertisement& said, Moment now);

  // kNever: none.
  Moment next_deadline() const { return timers_.empty() ? kNever : timers_.begin()->first; }
  // What to ask now, as much of it as there is room for: if all is full there is more. Gives up
  // who does not answer.
  size_t tick(Moment now, std::span<Solicitation> out);

  NeighborState state(NeighborId id, Moment now) const;
  size_t size() const { return by_address_.size(); }
  uint64_t given_up() const { return given_up_; }
  uint64_t evicted() const { return evicted_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // Those that may go for one reason.
  enum class Kind : uint8_t { kIncomplete, kUnconfirmed, kConfirmed, kCount };
  struct Queue {
    uint32_t front = kNone;
    uint32_t back = kNone;
    uint32_t size = 0;
  };
  struct Entry {
    IpAddress address;
    MacAddress mac;
    NeighborState state = NeighborState::kNone;
    Kind kind = Kind::kUnconfirmed;
    // At this link address, ever: by an ACK, or by an answer, if it was asked.
    bool confirmed = false;
    bool disputed = false;  // kProbe: all are asked
    uint8_t asked = 0;      // solicitations in this state
    uint32_t generation = 0;
    uint32_t next = kNone;  // in the queue of its kind
    uint32_t prev = kNone;
    Moment deadline = kNever;  // kIncomplete, kDelay, kProbe: when to act; kReachable: its end
    Moment used{};             // made, or last used
    Moment queued{};           // `used` when it came to the back of its queue
  };

  static bool has_timer(const Entry& entry) {
    return entry.state == NeighborState::kIncomplete || entry.state == NeighborState::kDelay ||
           entry.state == NeighborState::kProbe;
  }
  bool has(NeighborId id) const {
    return id.index < entries_.size() && entries_[id.index].generation == id.generation &&
           entries_[id.index].state != NeighborState::kNone;
  }
  const MacAddress* use_unsure(Entry& entry, Moment now);
  Entry* entry_of(const IpAddress& address);
  NeighborId id_of(const Entry& entry) const;
  uint32_t index_of(const Entry& entry) const {
    return static_cast<uint32_t>(&entry - entries_.data());
  }
  Queue& queue(Kind kind) { return queues_[static_cast<size_t>(kind)]; }
  void push_back(Entry& entry, Kind kind);
  void unlink(Entry& entry);
  Entry& longest_unused(Kind kind);
  // In a state, with a timer, as it is to be asked for.
  Entry& make(const IpAddress& address, NeighborState state, Moment now);
  void make_room(NeighborState state);
  void remove(Entry& entry);
  void stop_timer(Entry& entry);
  void set_timer(Entry& entry, NeighborState state, Moment deadline);
  void set_reachable(Entry& entry, Moment now);
  void set_stale(Entry& entry) { set_timer(entry, NeighborState::kStale, kNever); }
  void set_mac(Entry& entry, const MacAddress& mac);

  const uint32_t entries_max_;
  const NeighborTimes times_;
  Rng rng_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  std::map<IpAddress, uint32_t> by_address_;
  std::array<Queue, static_cast<size_t>(Kind::kCount)> queues_;
  std::set<std::pair<Moment, uint32_t>> timers_;  // of all that has one
  uint64_t given_up_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace pollux::tcp
