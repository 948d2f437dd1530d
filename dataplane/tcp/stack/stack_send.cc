// From a segment to a frame in the device's queue.
#include <algorithm>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/wire/checksum.h"

namespace pollux::tcp {

bool Stack::emit(Slot& slot, const SegmentOut& out, Moment now) {
  const MacAddress* mac = interface_.neighbors().use(slot.hop, now);
  if (mac == nullptr) {
    slot.hop = interface_.next_hop(slot.flow.remote, now);
    mac = interface_.neighbors().use(slot.hop, now);
  }
  if (mac == nullptr) {
    neighbor_missing_ = true;
    return false;
  }
  slot.unresolved_tries = 0;
  const MacAddress to = *mac;
  return write_frame(slot.flow, to, out, &slot.sending);
}

void Stack::answer(const Packet& packet, const SegmentOut& out) {
  if (!write_frame(packet.flow, packet.source_mac(), out, nullptr)) {
    ++counters_.tx_full;
  }
}

bool Stack::write_frame(const Flow& flow, const MacAddress& to, const SegmentOut& out,
                        SendBuffer* from) {
  TxFrame frame;
  if (!tx_.take_head(frame.head, out.is_control ? TxUse::kControl : TxUse::kData)) {
    return false;
  }
  const Room head{frame.head.bytes, frame.head.room};
  const uint32_t payload = out.payload.bytes();
  TcpHeader header = out.header;
  header.source_port = flow.local_port;
  header.destination_port = flow.remote_port;
  const size_t tcp_at = interface_.header_bytes(flow.remote);
  const size_t tcp_bytes = write_tcp(head.subspan(tcp_at), header, out.options);
  const size_t segment_bytes = tcp_bytes + payload;
  interface_.write_headers(head, flow, to, out.ect ? Ecn::kEct0 : Ecn::kNotEct, segment_bytes);
  const size_t payload_at = tcp_at + tcp_bytes;
  frame.head_bytes = static_cast<uint32_t>(payload_at);
  TxPieces pieces;
  TxBlock* gathered = nullptr;  // of this frame alone
  if (payload != 0) {
    const bool fits = payload_at + payload <= head.size();
    if (fits && payload <= config_.copy_bytes_max) {
      from->copy(out.payload, head.data() + payload_at);
      frame.head_bytes += payload;
    } else if (!from->find(out.payload, pieces)) {
      pieces.count = 1;
      gathered = tx_memory_.allocate(payload);
      from->copy(out.payload, gathered->own());
      gathered->size = payload;
      pieces.pieces[0] = {gathered, {gathered->bytes, payload}};
    }
  }
  const Room tcp = head.subspan(tcp_at, frame.head_bytes - tcp_at);
  Checksum sum = pseudo_header(flow.local, flow.remote, static_cast<uint8_t>(IpProtocol::kTcp),
                               out.segment_bytes != 0 ? 0 : static_cast<uint32_t>(segment_bytes));
  if (device_.caps().tx_checksums) {
    frame.checksums = true;
    frame.segment_bytes = out.segment_bytes;
    set_tcp_checksum_partial(tcp.first(tcp_bytes), sum);
  } else {
    sum.add(tcp.subspan(tcp_bytes));
    for (const TxPieces::Piece& piece : pieces.all()) {
      sum.add(piece.bytes);
    }
    set_tcp_checksum(tcp.first(tcp_bytes), sum);
  }
  if (pieces.count != 0) {
    frame.piece_count = pieces.count;
    std::ranges::transform(pieces.all(), frame.pieces.begin(), &TxPieces::Piece::bytes);
    frame.token = tx_memory_.frame_out(pieces);
    if (gathered != nullptr) {
      tx_memory_.let_go(gathered);
    }
  }
  ++counters_.segments_out;
  tx_.push(frame);
  return true;
}

}  // namespace pollux::tcp
