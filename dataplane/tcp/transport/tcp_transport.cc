#include "dataplane/tcp/transport/tcp_transport.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/assert.h"
#include "src/base/leading_bits.h"

namespace pollux::tcp {
namespace {

std::string text_of(const IpAddress& address, uint16_t port) {
  const std::string port_text = ":" + std::to_string(port);
  return address.is_v4() ? address.text() + port_text : "[" + address.text() + "]" + port_text;
}

constexpr IpAddress kV4Any = IpAddress::v4(0);

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

TcpTransport::TcpTransport(const StackConfig& config, const StackKeys& keys, Device& device,
                           TcpSurroundings surroundings, size_t pinned_max)
    : surroundings_(std::move(surroundings)),
      pinned_max_(pinned_max),
      now_(surroundings_.now()),
      stack_(config, keys, device, now_) {}

TcpTransport::Conn& TcpTransport::at(ConnId conn) {
  POLLUX_ASSERT(conn.index < conns_.size());
  return conns_[conn.index];
}

std::vector<ConnId> TcpTransport::conns() const {
  std::vector<ConnId> all;
  for (uint32_t i = 0; i < conns_.size(); ++i) {
    all.push_back({i, conns_[i].generation});
  }
  return all;
}

// What is left of before comes first: its bytes live until the next burst.
size_t TcpTransport::poll(std::span<TransportEvent> events) {
  now_ = surroundings_.now();
  size_t count = 0;
  if (!stack_.has_event()) {
    frames_ = stack_.receive(now_);
    if (stack_.next_deadline() > now_) {
      full_bursts_ = 0;
    } else if (frames_ < Stack::kBurst || ++full_bursts_ >= kBurstsBeforeTimers) {
      full_bursts_ = 0;
      stack_.tick(now_);
    }
  }
  while (count < events.size() && next_sent_ < sent_.size()) {
    const Sent& sent = sent_[next_sent_++];
    const Conn& conn = at(sent.conn);
    if (!conn.closed && conn.generation == sent.conn.generation) {
      events[count++] = {
          .kind = TransportEvent::Kind::kSent, .conn = sent.conn, .sent = sent.bytes};
    }
  }
  if (next_sent_ == sent_.size()) {
    sent_.clear();
    next_sent_ = 0;
  }
  while (count < events.size()) {
    const StackEvent* event = stack_.next_event();
    if (event == nullptr) {
      break;
    }
    count += take(*event, events[count]) ? 1 : 0;
  }
  return count;
}

// False: nothing that the engine has to hear.
bool TcpTransport::take(const StackEvent& event, TransportEvent& out) {
  out = {.conn = event.conn};
  switch (event.kind) {
    case StackEvent::Kind::kOpened:
      open(event.conn);
      out.kind = TransportEvent::Kind::kOpen;
      return true;
    case StackEvent::Kind::kConnected:
      return false;
    case StackEvent::Kind::kData:
      out.kind = TransportEvent::Kind::kData;
      out.bytes = {reinterpret_cast<const char*>(event.bytes.data()), event.bytes.size()};
      return true;
    case StackEvent::Kind::kEnd:
      out.kind = TransportEvent::Kind::kEnd;
      return !std::exchange(at(event.conn).ended, true);
    case StackEvent::Kind::kUnpinned: {
      Conn& conn = at(event.conn);
      POLLUX_ASSERT(conn.pinned != nullptr);
      if (!conn.closed && !conn.pinned->rest.empty() && stack_.connection(event.conn) != nullptr) {
        send_rest(event.conn);
        return false;
      }
      const std::unique_ptr<Pinned> pinned = std::move(conn.pinned);
      out.kind = TransportEvent::Kind::kSent;
      out.sent = stack_.connection(event.conn) == nullptr ? 0 : pinned->bytes;
      return !conn.closed;
    }
    case StackEvent::Kind::kClosed:
      out.kind = TransportEvent::Kind::kClosed;
      return true;
  }
  return false;
}

void TcpTransport::open(ConnId id) {
  if (id.index >= conns_.size()) {
    conns_.resize(id.index + 1);
  }
  conns_[id.index] = {.generation = id.generation};
}

const PeerInfo& TcpTransport::peer(ConnId conn) {
  peer_ = {};
  if (const Flow* const flow = stack_.flow(conn)) {  // else it was closed, and is over
    peer_.address = text_of(flow->remote, flow->remote_port);
    peer_.local_address = text_of(flow->local, flow->local_port);
  }
  return peer_;
}

void TcpTransport::send(ConnId id, std::span<const TxSlice> slices) {
  POLLUX_ASSERT(slices.size() <= kTxSlicesMax);
  std::array<Bytes, kTxSlicesMax> pieces;
  size_t bytes = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    pieces[i] = bytes_of(slices[i].bytes);
    bytes += pieces[i].size();
  }
  const std::span<const Bytes> all = std::span(pieces).first(slices.size());
  if (bytes <= kCopyMax && stack_.write(id, all, kOnItsWayMax)) {
    sent_.push_back({id, bytes});
    return;
  }
  at(id).pinned = std::make_unique<Pinned>(Pinned{bytes, {all.begin(), all.end()}});
  send_rest(id);
}

// As much of it as the stack may have on its way.
void TcpTransport::send_rest(ConnId id) {
  std::vector<Bytes>& rest = at(id).pinned->rest;
  std::array<Bytes, kTxSlicesMax> pieces;
  size_t count = 0;
  for (size_t room = pinned_max_; room != 0 && count < rest.size(); ++count) {
    pieces[count] = rest[count].first(std::min(room, rest[count].size()));
    room -= pieces[count].size();
  }
  // What was given goes from the front; the last piece may have been cut.
  if (count != 0) {
    const size_t last = count - 1;
    rest[last] = rest[last].subspan(pieces[last].size());
    rest.erase(rest.begin(),
               rest.begin() + static_cast<std::ptrdiff_t>(rest[last].empty() ? count : last));
  }
  stack_.write_pinned(id, std::span(pieces).first(count));
}

void TcpTransport::close(ConnId id) {
  at(id).closed = true;
  stack_.close(id, now_);
}

std::vector<LinkPrefix> prefixes_of(const AddressList& list) {
  std::vector<LinkPrefix> out;
  for (const AddressList::Block& block : list.blocks()) {
    const IpAddress address{block.address};
    const int bits = address.is_v4() ? std::max(block.bits - 96, 0) : block.bits;
    out.push_back({address, static_cast<uint8_t>(bits)});
    // Of "::/0" and the like IPv4 is a part, as it is where connections are accepted.
    if (!address.is_v4() && block.bits <= 96 &&
        same_leading_bits(block.address, kV4Any.bytes, static_cast<unsigned>(block.bits))) {
      out.push_back({kV4Any, 0});
    }
  }
  return out;
}

std::string TcpTransport::listen(const ListenOn& where, bool /*taken_is_error*/) {
  std::vector<Stack::Endpoint> endpoints;
  const auto port = static_cast<uint16_t>(where.port);
  for (const std::string& bind : where.bind) {
    // "-" before an address: no matter if it is not ours (redis.conf, bind).
    const bool optional = bind.starts_with('-');
    const std::string name = optional ? bind.substr(1) : bind;
    if (name == "*" || name == "::*" || name.empty()) {
      endpoints.push_back({.address = std::nullopt, .port = port});
      continue;
    }
    const std::optional<IpAddress> address = IpAddress::parse(name);
    if (!address) {
      return "bind " + bind + ": not an address; of names nothing is known here, give the address";
    }
    if (!address->is_loopback() && !optional && !stack_.interface().has_address(*address)) {
      return "bind " + bind + ": no address of this interface; see its addresses in the options";
    }
    endpoints.push_back({.address = *address, .port = port});
  }
  if (where.port == 0) {
    endpoints.clear();
  }
  stack_.listen(std::move(endpoints));
  stack_.set_allow_from(prefixes_of(where.allow_from));
  stack_.set_keepalive(where.keepalive_s * kSecondNs);
  return {};
}

int64_t TcpTransport::patience_us() const {
  const bool waits_for_device = next_sent_ == sent_.size() && stack_.waits_for_device();
  if ((wants_turn() && !waits_for_device) || frames_ == Stack::kBurst) {
    return 0;
  }
  const int64_t most = frames_ != 0 ? kSoonUs : waits_for_device ? kRoomUs : -1;
  const Moment deadline = stack_.next_deadline();
  if (deadline == kNever) {
    return most;
  }
  const int64_t left_ns = deadline.ns - surroundings_.now().ns;
  const int64_t left_us = left_ns <= 0 ? 0 : left_ns / kMicrosecondNs + 1;
  return most < 0 ? left_us : std::min(most, left_us);
}

void TcpTransport::sleep(int64_t timeout_us) {
  flush();
  if (wants_turn()) {
    return;
  }
  const Moment deadline = stack_.next_deadline();
  surroundings_.wait(timeout_us < 0 ? deadline
                                    : std::min(deadline, now_ + timeout_us * kMicrosecondNs));
}

}  // namespace pollux::tcp
