// What goes out: which connections are asked, and from a segment to a frame in the device's queue.
#include <algorithm>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/plain_segment.h"

namespace pollux::tcp {

// Null: it is asked for. Lives until the next call.
inline const MacAddress* Stack::neighbor_of(Slot& slot, Moment now) {
  const MacAddress* mac = interface_.neighbors().use(slot.hop, now);
  if (mac == nullptr) [[unlikely]] {
    slot.hop = interface_.next_hop(slot.flow.remote, now);
    mac = interface_.neighbors().use(slot.hop, now);
    if (mac == nullptr) {
      neighbor_missing_ = true;
      return nullptr;
    }
  }
  slot.unresolved_tries = 0;
  return mac;
}

[[gnu::noinline]] bool Stack::emit(Slot& slot, const SegmentOut& out, Moment now) {
  const MacAddress* const mac = neighbor_of(slot, now);
  if (mac == nullptr) {
    return false;
  }
  const MacAddress to = *mac;
  return write_frame(slot.flow, to, out, slot.sending.get());
}

// What emit() makes of the same, if the network is IPv4 and the device finishes checksums.
[[gnu::always_inline]] inline bool Stack::emit_plain(Slot& slot, const PlainOut& out, Moment now) {
  const Flow& flow = slot.flow;
  if (!caps_.tx_checksums || !flow.remote.is_v4()) [[unlikely]] {
    return emit(slot, out.segment(), now);
  }
  const MacAddress* const mac = neighbor_of(slot, now);
  if (mac == nullptr) {
    return false;
  }
  const uint32_t payload = out.payload.bytes();
  TxFrame* const frame = tx_.take(payload == 0 ? TxUse::kControl : TxUse::kData);
  if (frame == nullptr) {
    return false;
  }
  const Room head{frame->head.bytes, frame->head.room};
  const size_t at = interface_.write_link(head, *mac, EtherType::kIpv4);
  write_plain_segment(head.subspan(at), flow,
                      {.seq = out.seq,
                       .ack = out.ack,
                       .flags = out.flags,
                       .window = out.window,
                       .timestamps = out.timestamps},
                      payload);
  frame->head_bytes = static_cast<uint32_t>(at + kPlainBytes);
  takes_sequence_ |= payload != 0 || (out.flags & kFin) != 0;
  if (payload != 0) {
    add_payload(*frame, out.payload, *slot.sending);
  }
  frame->checksums = true;
  ++counters_.segments_out;
  tx_.push();
  return true;
}

void Stack::answer(const Packet& packet, const SegmentOut& out) {
  if (!write_frame(packet.flow, packet.source_mac(), out, nullptr)) {
    ++counters_.tx_full;
  }
}

bool Stack::write_frame(const Flow& flow, const MacAddress& to, const SegmentOut& out,
                        SendBuffer* from) {
  TxFrame* const frame = tx_.take(out.is_control ? TxUse::kControl : TxUse::kData);
  if (frame == nullptr) {
    return false;
  }
  const Room head{frame->head.bytes, frame->head.room};
  const uint32_t payload = out.payload.bytes();
  TcpHeader header = out.header;
  header.source_port = flow.local_port;
  header.destination_port = flow.remote_port;
  const size_t tcp_at = interface_.header_bytes(flow.remote);
  const size_t tcp_bytes = write_tcp(head.subspan(tcp_at), header, out.options);
  const size_t segment_bytes = tcp_bytes + payload;
  interface_.write_headers(head, flow, to, out.ect ? Ecn::kEct0 : Ecn::kNotEct, segment_bytes);
  frame->head_bytes = static_cast<uint32_t>(tcp_at + tcp_bytes);
  takes_sequence_ |= payload != 0 || (header.flags & (kSyn | kFin)) != 0;
  if (payload != 0) {
    add_payload(*frame, out.payload, *from);
  }
  const Room tcp = head.subspan(tcp_at, frame->head_bytes - tcp_at);
  Checksum sum = pseudo_header(flow.local, flow.remote, static_cast<uint8_t>(IpProtocol::kTcp),
                               out.segment_bytes != 0 ? 0 : static_cast<uint32_t>(segment_bytes));
  if (caps_.tx_checksums) {
    frame->checksums = true;
    frame->segment_bytes = out.segment_bytes;
    set_tcp_checksum_partial(tcp.first(tcp_bytes), sum);
  } else {
    sum.add(tcp.subspan(tcp_bytes));
    for (const Bytes& piece : std::span(frame->pieces).first(frame->piece_count)) {
      sum.add(piece);
    }
    set_tcp_checksum(tcp.first(tcp_bytes), sum);
  }
  ++counters_.segments_out;
  tx_.push();
  return true;
}

// Behind the headers: a copy, or where it stands.
void Stack::add_payload(TxFrame& frame, SeqRange payload, SendBuffer& from) {
  const uint32_t bytes = payload.bytes();
  if (frame.head_bytes + bytes <= frame.head.room && bytes <= config_.copy_bytes_max) {
    from.copy(payload, frame.head.bytes + frame.head_bytes);
    frame.head_bytes += bytes;
    return;
  }
  TxPieces pieces;
  TxBlock* gathered = nullptr;  // of this frame alone
  if (!from.find(payload, pieces)) {
    gathered = tx_memory_.allocate(bytes, false);
    from.copy(payload, gathered->own());
    gathered->size = bytes;
    pieces.count = 1;
    pieces.pieces[0] = {gathered, {gathered->bytes, bytes}};
  }
  frame.piece_count = pieces.count;
  std::ranges::transform(pieces.all(), frame.pieces.begin(), &TxPieces::Piece::bytes);
  frame.token = tx_memory_.frame_out(pieces);
  if (gathered != nullptr) {
    tx_memory_.let_go(gathered);
  }
}

// Behind everything that may have changed it: its timer, or its end.
inline void Stack::after(uint32_t index, Slot& slot, Moment now) {
  if (slot.connection().is_over()) {
    return end(index, now);
  }
  wheel_.arm(index, slot.connection().deadline(shared_));
}

// False: not all could go.
inline bool Stack::flush_connection(uint32_t index, Slot& slot, Moment now) {
  struct Emit {
    Stack& stack;
    Slot& slot;
    Moment now;
    bool operator()(const SegmentOut& out) const { return stack.emit(slot, out, now); }
    [[gnu::always_inline]] bool operator()(const PlainOut& out) const {
      return stack.emit_plain(slot, out, now);
    }
  };
  neighbor_missing_ = false;
  takes_sequence_ = false;
  const bool done = slot.connection().flush(shared_, now, Emit{*this, slot, now});
  if (slot.recount || (takes_sequence_ && slot.connection().sender().queue().large_bytes() != 0)) {
    const uint32_t bytes = slot.connection().block_bytes();
    count_blocks(slot, bytes);
    slot.recount = bytes != 0 || !done;
  }
  // An idle connection keeps nothing; the next reply would have taken it again.
  slot.connection().rest();
  if (slot.sending != nullptr && slot.sending->empty()) {
    slot.sending.reset();
  }
  after(index, slot, now);
  return done;
}

void Stack::flush(Moment now) {
  tell_unpinned();
  uint32_t refused = 0;
  size_t kept = 0;
  for (size_t i = 0; i < dirty_.size(); ++i) {
    const uint32_t index = dirty_[i];
    Slot& slot = slots_.at(index);
    if (!slot.dirty) {
      continue;
    }
    if (refused >= kNoRoomMax) {
      dirty_[kept++] = index;
      continue;
    }
    slot.dirty = false;
    if (!slot.has_connection || flush_connection(index, slot, now)) {
      continue;
    }
    if (neighbor_missing_) {
      // A last word is not waited with: what the peer sends, should it come back, is answered then.
      if (slot.connection().owes_last_word()) {
        slot.connection().drop_last_word();
        end(index, now);
      } else {
        wait_for_neighbor(index, now);
      }
      continue;
    }
    ++refused;
    ++counters_.tx_full;
    slot.dirty = true;
    dirty_[kept++] = index;
  }
  dirty_.resize(kept);
  // Next time those who were not asked come first: an ACK among them has frames kept back for it.
  // Who has had the last room comes last.
  if (refused != 0) {
    const auto begin = dirty_.begin();
    std::rotate(begin, begin + 1, begin + refused);
    std::rotate(begin, begin + refused, dirty_.end());
  }
  const size_t left = dirty_.size();
  relieve(now);
  tx_.flush();
  no_room_ = wants_to_send() && dirty_.size() == left;
  // Devices give back when they have much; who waits for a head, or for its bytes, asks for all.
  reap(refused != 0 || tx_memory_.pins_linger());
  tell_unpinned();
}

}  // namespace pollux::tcp
