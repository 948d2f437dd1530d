#include "dataplane/dpdk/port_device.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "src/base/assert.h"

namespace pollux::dpdk {

using tcp::RxFrame;
using tcp::TxFrame;
using tcp::TxHead;
using tcp::TxUse;

namespace {

// Shorter ones are nobody's; so is a tag without anything behind it.
constexpr uint16_t kFrameMin = tcp::kEthernetBytes + tcp::kVlanTagBytes;

rte_mbuf* mbuf_of(uint64_t buffer) { return reinterpret_cast<rte_mbuf*>(buffer); }

// Where the packet begins, and of which version it is: behind the addresses, and the tag of a VLAN.
struct Link {
  uint32_t bytes = 0;
  bool v6 = false;
};
Link link_of(const uint8_t* frame) {
  const bool tagged = frame[12] == 0x81 && frame[13] == 0x00;
  const uint8_t* const type = frame + 12 + (tagged ? tcp::kVlanTagBytes : 0);
  return {.bytes = static_cast<uint32_t>(type + 2 - frame),
          .v6 = type[0] == 0x86 && type[1] == 0xdd};
}

// Of a device that knows nothing of IPv4's. What is no sound header is for the stack to refuse.
bool has_right_ip_checksum(tcp::Bytes packet) {
  return packet.size() >= tcp::kIpv4Bytes && packet.size() >= (packet[0] & 15U) * 4 &&
         tcp::ipv4_checksum_ok(packet);
}

// What the device says of it; what it says nothing of is looked at by the stack.
bool has_right_checksums(const rte_mbuf& frame, const uint8_t* bytes, bool none_is_right) {
  const uint64_t ip = frame.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  const uint64_t tcp = frame.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  if (tcp != RTE_MBUF_F_RX_L4_CKSUM_GOOD &&
      !(none_is_right && tcp == RTE_MBUF_F_RX_L4_CKSUM_NONE)) {
    return false;
  }
  if (ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD) {
    return true;
  }
  const Link link = link_of(bytes);
  return link.v6 || (ip == RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN &&
                     has_right_ip_checksum({bytes + link.bytes, frame.data_len - link.bytes}));
}

// Of addresses and ports, not of addresses alone.
bool has_hash_of_flow(const rte_mbuf& frame) {
  return (frame.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0 &&
         (frame.packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP;
}

}  // namespace

PortDevice::PortDevice(uint16_t port, uint16_t queue, const tcp::DeviceCaps& caps, DriverSums sums,
                       const QueuePools& pools, const LinkState& link)
    : port_(port),
      queue_(queue),
      caps_(caps),
      sums_(sums),
      pools_(pools),
      link_(link),
      references_(pools.pieces_max) {
  for (Reference& reference : references_) {
    free_references_.push_back(&reference);
  }
}

// --- in ---

size_t PortDevice::receive(std::span<RxFrame> frames) {
  std::array<rte_mbuf*, kBurst> came;
  const auto wanted = static_cast<uint16_t>(std::min(frames.size(), kBurst));
  const uint16_t count = rte_eth_rx_burst(port_, queue_, came.data(), wanted);
  size_t given = 0;
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* const frame = came[i];
    const bool whole = frame->nb_segs == 1 || rte_pktmbuf_linearize(frame) == 0;
    if (!whole || frame->data_len < kFrameMin) [[unlikely]] {
      ++counters_.rx_broken;
      rte_pktmbuf_free(frame);
      continue;
    }
    auto* const bytes = rte_pktmbuf_mtod(frame, uint8_t*);
    frames[given++] = {.bytes = bytes,
                       .size = frame->data_len,
                       .checksums_ok = has_right_checksums(*frame, bytes, sums_.none_is_right),
                       .hashed = has_hash_of_flow(*frame),
                       .hash = frame->hash.rss,
                       .buffer = reinterpret_cast<uint64_t>(frame)};
  }
  return given;
}

void PortDevice::release(std::span<const RxFrame> frames) {
  for (size_t done = 0; done < frames.size();) {
    std::array<rte_mbuf*, kBurst> mbufs;
    const size_t count = std::min(frames.size() - done, kBurst);
    for (size_t i = 0; i < count; ++i) {
      mbufs[i] = mbuf_of(frames[done + i].buffer);
    }
    rte_pktmbuf_free_bulk(mbufs.data(), static_cast<unsigned>(count));
    done += count;
  }
}

// --- heads ---

size_t PortDevice::allocate(std::span<TxHead> heads, TxUse use) {
  size_t count = 0;
  for (; count < heads.size(); ++count) {
    rte_mbuf* head = rte_pktmbuf_alloc(pools_.heads);
    if (head == nullptr && use == TxUse::kControl) {
      head = rte_pktmbuf_alloc(pools_.control);
    }
    if (head == nullptr) {
      break;
    }
    heads[count] = {.bytes = rte_pktmbuf_mtod(head, uint8_t*),
                    .room = rte_pktmbuf_tailroom(head),
                    .buffer = reinterpret_cast<uint64_t>(head)};
  }
  return count;
}

void PortDevice::drop(std::span<const TxHead> heads) {
  for (const TxHead& head : heads) {
    rte_pktmbuf_free(mbuf_of(head.buffer));
  }
}

// --- out ---

// While the link is down some drivers take nothing, and net_af_packet waits in the kernel for it
// once its ring is full: then all is lost as on a wire that is cut, or the worker would try again
// and again, or stand still. Rings of others take what they have room for.
size_t PortDevice::send(std::span<const TxFrame> frames) {
  if (link_.stalls && !link_.is_up()) [[unlikely]] {
    lose(frames);
    return frames.size();
  }
  size_t sent = 0;
  while (sent < frames.size()) {
    std::array<rte_mbuf*, kBurst> chains;
    const size_t at_once = pools_.pieces == nullptr ? copied_at_once_ : kBurst;
    const std::span<const TxFrame> burst =
        frames.subspan(sent, std::min(frames.size() - sent, at_once));
    uint16_t made = 0;
    while (made < burst.size() && (chains[made] = chain(burst[made])) != nullptr) {
      ++made;
    }
    const uint16_t fit = rte_eth_tx_prepare(port_, queue_, chains.data(), made);
    const uint16_t taken = rte_eth_tx_burst(port_, queue_, chains.data(), fit);
    for (uint16_t i = 0; i < taken; ++i) {
      if (burst[i].piece_count != 0 && pools_.pieces == nullptr) {
        done_.push_back(burst[i].token);  // was copied
      }
    }
    size_t gone = taken;
    if (taken == fit && fit < made) {
      // Not by this driver, now or later. It is lost as if on the wire, and what it refers to free.
      ++counters_.tx_refused;
      if (burst[fit].piece_count != 0 && pools_.pieces == nullptr) {
        done_.push_back(burst[fit].token);
      }
      rte_pktmbuf_free(chains[fit]);
      ++gone;
    }
    for (size_t i = gone; i < made; ++i) {
      take_back(*chains[i]);
    }
    sent += gone;
    copied_at_once_ = taken == burst.size() ? std::min(2 * copied_at_once_, kBurst) : 1;
    if (gone == taken && gone < burst.size()) {
      if (!link_.is_up()) {
        lose(frames.subspan(sent));
        return frames.size();
      }
      counters_.tx_full += 1;
      break;
    }
  }
  return sent;
}

void PortDevice::lose(std::span<const TxFrame> frames) {
  counters_.tx_no_link += frames.size();
  for (const TxFrame& frame : frames) {
    if (frame.piece_count != 0) {
      done_.push_back(frame.token);
    }
    rte_pktmbuf_free(mbuf_of(frame.head.buffer));
  }
}

rte_mbuf* PortDevice::chain(const TxFrame& frame) {
  rte_mbuf* const head = mbuf_of(frame.head.buffer);
  head->data_len = static_cast<uint16_t>(frame.head_bytes);
  head->pkt_len = frame.head_bytes;
  head->ol_flags = 0;
  if (frame.piece_count != 0) {
    const bool added =
        pools_.pieces == nullptr ? copy_pieces(*head, frame) : hang_pieces(*head, frame);
    if (!added) {
      return nullptr;
    }
  }
  if (frame.checksums) {
    const Link link = link_of(frame.head.bytes);
    const uint8_t* const ip = frame.head.bytes + link.bytes;
    head->l2_len = link.bytes;
    head->l3_len = link.v6 ? tcp::kIpv6Bytes : static_cast<unsigned>(ip[0] & 0xf) * 4;
    const uint8_t* const tcp = ip + head->l3_len;
    head->l4_len = static_cast<unsigned>(tcp[12] >> 4) * 4;
    head->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
    head->ol_flags |= link.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    head->ol_flags |= sums_.makes_ip && !link.v6 ? RTE_MBUF_F_TX_IP_CKSUM : 0;
  }
  if (frame.segment_bytes != 0) {
    head->tso_segsz = frame.segment_bytes;
    head->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  }
  return head;
}

bool PortDevice::hang_pieces(rte_mbuf& head, const TxFrame& frame) {
  std::array<rte_mbuf*, tcp::kTxPiecesMax> pieces;
  if (free_references_.empty() ||
      rte_pktmbuf_alloc_bulk(pools_.pieces, pieces.data(), frame.piece_count) != 0) {
    return false;
  }
  Reference& reference = *free_references_.back();
  free_references_.pop_back();
  reference = {.device = this, .token = frame.token, .taken_back = false};
  reference.shared.free_cb = piece_freed;
  reference.shared.fcb_opaque = &reference;
  rte_mbuf_ext_refcnt_set(&reference.shared, static_cast<uint16_t>(frame.piece_count));
  rte_mbuf* last = &head;
  for (uint32_t i = 0; i < frame.piece_count; ++i) {
    const tcp::Bytes bytes = frame.pieces[i];
    auto* const at = const_cast<uint8_t*>(bytes.data());  // drivers only read it
    const auto size = static_cast<uint16_t>(bytes.size());
    // Only drivers that read it themselves, at its address, have pieces.
    rte_pktmbuf_attach_extbuf(pieces[i], at, reinterpret_cast<rte_iova_t>(at), size,
                              &reference.shared);
    pieces[i]->data_len = size;
    head.pkt_len += size;
    last->next = pieces[i];
    last = pieces[i];
  }
  head.nb_segs = static_cast<uint16_t>(1 + frame.piece_count);
  return true;
}

// Into the head, which has room for a frame of the MTU; what is to be cut goes on in buffers behind
// it.
bool PortDevice::copy_pieces(rte_mbuf& head, const TxFrame& frame) {
  size_t bytes = 0;
  for (const tcp::Bytes& piece : std::span(frame.pieces).first(frame.piece_count)) {
    bytes += piece.size();
  }
  const uint16_t room = rte_pktmbuf_tailroom(&head);
  if (bytes > room && !add_copies(head, static_cast<uint32_t>(bytes - room))) {
    return false;
  }
  ++counters_.tx_copied;
  rte_mbuf* into = &head;
  for (const tcp::Bytes& piece : std::span(frame.pieces).first(frame.piece_count)) {
    for (size_t at = 0; at < piece.size();) {
      if (rte_pktmbuf_tailroom(into) == 0) {
        into = into->next;
      }
      const size_t part = std::min<size_t>(piece.size() - at, rte_pktmbuf_tailroom(into));
      std::memcpy(rte_pktmbuf_mtod_offset(into, uint8_t*, into->data_len), &piece[at], part);
      into->data_len = static_cast<uint16_t>(into->data_len + part);
      at += part;
    }
  }
  head.pkt_len += static_cast<uint32_t>(bytes);
  return true;
}

// Empty buffers with so much room in all.
bool PortDevice::add_copies(rte_mbuf& head, uint32_t bytes) {
  POLLUX_ASSERT(pools_.copies != nullptr);  // else no frame is cut, and all fit into a head
  const uint32_t each = rte_pktmbuf_data_room_size(pools_.copies) - RTE_PKTMBUF_HEADROOM;
  const uint32_t count = (bytes + each - 1) / each;
  std::array<rte_mbuf*, kCopiesMax> copies;
  POLLUX_ASSERT(count <= copies.size());
  if (rte_pktmbuf_alloc_bulk(pools_.copies, copies.data(), count) != 0) {
    return false;
  }
  rte_mbuf* last = &head;
  for (rte_mbuf* const copy : std::span(copies).first(count)) {
    last = last->next = copy;
  }
  head.nb_segs = static_cast<uint16_t>(1 + count);
  return true;
}

void PortDevice::take_back(rte_mbuf& head) {
  rte_mbuf* piece = std::exchange(head.next, nullptr);
  head.nb_segs = 1;
  if (piece != nullptr && pools_.pieces != nullptr) {
    static_cast<Reference*>(piece->shinfo->fcb_opaque)->taken_back = true;
  }
  while (piece != nullptr) {
    rte_mbuf* const next = std::exchange(piece->next, nullptr);
    rte_pktmbuf_free_seg(piece);
    piece = next;
  }
}

void PortDevice::piece_freed(void* /*piece*/, void* opaque) {
  auto& reference = *static_cast<Reference*>(opaque);
  PortDevice& device = *reference.device;
  if (!reference.taken_back) {
    device.done_.push_back(reference.token);
  }
  device.free_references_.push_back(&reference);
}

size_t PortDevice::reap(std::span<uint64_t> tokens, bool eager) {
  if (eager && free_references_.size() != references_.size()) {
    rte_eth_tx_done_cleanup(port_, queue_, 0);  // of drivers that can't the next sends do it
  }
  size_t count = 0;
  for (; count < tokens.size() && !done_.empty(); ++count, done_.pop_front()) {
    tokens[count] = done_.front();
  }
  return count;
}

}  // namespace pollux::dpdk
