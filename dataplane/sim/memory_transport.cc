#include "dataplane/sim/memory_transport.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

MemoryTransport::MemoryTransport(uint64_t seed, Mode mode) : mode_(mode), rng_(seed) {}

MemoryTransport::~MemoryTransport() = default;

size_t MemoryTransport::poll(std::span<TransportEvent> events) {
  const std::lock_guard lock(mutex_);
  // The bytes of the former poll are spoilt, so that a test sees who still looks at them.
  for (std::string& bytes : delivered_) {
    std::fill(bytes.begin(), bytes.end(), '#');
  }
  delivered_.clear();
  delivered_.reserve(events.size());
  if (live_.empty()) {
    return 0;
  }
  const size_t limit = exact_ || lucky() ? events.size() : 1 + rng_.below(events.size());
  const size_t first = exact_ ? 0 : rng_.below(live_.size());
  size_t count = 0;
  for (size_t i = 0; i < live_.size(); ++i) {
    MemoryWire& wire = *live_[(first + i) % live_.size()];
    while (count < limit && (exact_ || lucky()) && next_event(wire, events[count])) {
      ++count;
    }
  }
  forget_closed();
  if (count > 0) {
    to_clients_.notify_all();
  }
  return count;
}

bool MemoryTransport::next_event(MemoryWire& wire, TransportEvent& event) {
  event = {.conn = wire.conn};
  switch (wire.state) {
    case MemoryWire::State::kConnecting:
      open(wire);
      event.kind = TransportEvent::Kind::kOpen;
      event.conn = wire.conn;
      return true;
    case MemoryWire::State::kClosing:
      wire.state = MemoryWire::State::kClosed;
      event.kind = TransportEvent::Kind::kClosed;
      return true;
    case MemoryWire::State::kClosed:
      return false;
    case MemoryWire::State::kOpen:
      break;
  }
  // Either direction may come first.
  if (!exact_ && lucky()) {
    return next_data(wire, event) || next_sent(wire, event);
  }
  return next_sent(wire, event) || next_data(wire, event);
}

bool MemoryTransport::next_data(MemoryWire& wire, TransportEvent& event) {
  if (wire.paused || wire.end_told) {
    return false;
  }
  if (wire.to_server.empty()) {
    if (!wire.half_closed && !wire.broken) {
      return false;
    }
    wire.end_told = true;
    event.kind = TransportEvent::Kind::kEnd;
    return true;
  }
  MemoryWire::Piece& piece = wire.to_server.front();
  const size_t bytes = piece.whole || exact_ ? piece.bytes.size() : some_of(piece.bytes.size());
  if (bytes == piece.bytes.size()) {
    delivered_.push_back(std::move(piece.bytes));
    wire.to_server.pop_front();
  } else {
    delivered_.push_back(piece.bytes.substr(0, bytes));
    piece.bytes.erase(0, bytes);
  }
  event.kind = TransportEvent::Kind::kData;
  event.bytes = delivered_.back();
  return true;
}

// Moves bytes of the send under way as far as the client's window lets it; an event if it ended.
bool MemoryTransport::next_sent(MemoryWire& wire, TransportEvent& event) {
  if (!wire.flushed) {
    return false;
  }
  if (!wire.broken) {
    const size_t room = wire.window_bytes - std::min(wire.window_bytes, wire.to_client.size());
    size_t bytes = std::min(room, wire.sending_bytes - wire.sent_bytes);
    bytes = exact_ || bytes == 0 ? bytes : some_of(bytes);
    size_t skip = wire.sent_bytes;
    wire.sent_bytes += bytes;
    for (const TxSlice& slice : wire.sending) {
      const size_t skipped = std::min(skip, slice.bytes.size());
      skip -= skipped;
      const std::string_view part = slice.bytes.substr(skipped, bytes);
      wire.to_client.append(part);
      bytes -= part.size();
    }
    if (wire.sent_bytes < wire.sending_bytes) {
      to_clients_.notify_all();
      return false;
    }
  }
  event.kind = TransportEvent::Kind::kSent;
  event.sent = wire.sent_bytes;
  wire.sending.clear();
  wire.sending_bytes = wire.sent_bytes = 0;
  wire.flushed = false;
  return true;
}

bool MemoryTransport::lucky() { return rng_.below(4) != 0; }

// At least one of them; often all, often few.
size_t MemoryTransport::some_of(size_t bytes) {
  switch (rng_.below(4)) {
    case 0:
      return 1 + rng_.below(bytes);
    case 1:
      return 1 + rng_.below(std::min<size_t>(bytes, 40));
    default:
      return bytes;
  }
}

void MemoryTransport::open(MemoryWire& wire) {
  if (free_indices_.empty()) {
    free_indices_.push_back(static_cast<uint32_t>(by_index_.size()));
    by_index_.push_back(nullptr);
    generations_.push_back(0);
  }
  const uint32_t index = free_indices_.back();
  free_indices_.pop_back();
  wire.conn = {index, ++generations_[index]};
  by_index_[index] = &wire;
  wire.state = MemoryWire::State::kOpen;
}

// An index is free for the next connection only after the poll that told kClosed.
void MemoryTransport::forget_closed() {
  std::erase_if(live_, [this](const MemoryWire* wire) {
    if (wire->state != MemoryWire::State::kClosed) {
      return false;
    }
    by_index_[wire->conn.index] = nullptr;
    free_indices_.push_back(wire->conn.index);
    return true;
  });
}

MemoryWire& MemoryTransport::wire_of(ConnId conn) {
  POLLUX_ASSERT(conn.index < by_index_.size());
  MemoryWire* wire = by_index_[conn.index];
  POLLUX_ASSERT(wire != nullptr && wire->conn == conn);
  return *wire;
}

const PeerInfo& MemoryTransport::peer(ConnId conn) {
  const std::lock_guard lock(mutex_);
  return wire_of(conn).peer;
}

void MemoryTransport::send(ConnId conn, std::span<const TxSlice> slices) {
  const std::lock_guard lock(mutex_);
  MemoryWire& wire = wire_of(conn);
  POLLUX_ASSERT(wire.state == MemoryWire::State::kOpen);
  POLLUX_ASSERT(wire.sending.empty());
  POLLUX_ASSERT(!slices.empty() && slices.size() <= kTxSlicesMax);
  wire.sending.assign(slices.begin(), slices.end());
  for (const TxSlice& slice : slices) {
    wire.sending_bytes += slice.bytes.size();
  }
}

void MemoryTransport::pause(ConnId conn) {
  const std::lock_guard lock(mutex_);
  wire_of(conn).paused = true;
}

void MemoryTransport::resume(ConnId conn) {
  const std::lock_guard lock(mutex_);
  wire_of(conn).paused = false;
}

void MemoryTransport::close(ConnId conn) {
  const std::lock_guard lock(mutex_);
  MemoryWire& wire = wire_of(conn);
  POLLUX_ASSERT(wire.state == MemoryWire::State::kOpen);
  wire.state = MemoryWire::State::kClosing;
  wire.sending.clear();
  wire.to_server.clear();
  to_clients_.notify_all();
}

void MemoryTransport::stop_accepting() {
  const std::lock_guard lock(mutex_);
  accepting_ = false;
}

void MemoryTransport::flush() {
  const std::lock_guard lock(mutex_);
  for (MemoryWire* wire : live_) {
    wire->flushed = !wire->sending.empty();
  }
}

void MemoryTransport::sleep(int64_t timeout_us) {
  flush();
  if (mode_ == Mode::kStepped) {
    return;
  }
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return woken_ || !idle_locked(); };
  if (timeout_us < 0) {
    to_worker_.wait(lock, ready);
  } else {
    to_worker_.wait_for(lock, std::chrono::microseconds(timeout_us), ready);
  }
  woken_ = false;
}

void MemoryTransport::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  to_worker_.notify_one();
}

bool MemoryTransport::woken() const {
  const std::lock_guard lock(mutex_);
  return woken_;
}

bool MemoryTransport::take_woken() {
  const std::lock_guard lock(mutex_);
  return std::exchange(woken_, false);
}

bool MemoryTransport::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_locked();
}

bool MemoryTransport::idle_locked() const {
  for (const MemoryWire* wire : live_) {
    if (wire->state != MemoryWire::State::kOpen) {
      return false;
    }
    const bool ended = wire->half_closed || wire->broken;
    if (!wire->paused && !wire->end_told && (ended || !wire->to_server.empty())) {
      return false;
    }
    if (wire->flushed && (wire->broken || wire->to_client.size() < wire->window_bytes)) {
      return false;
    }
  }
  return true;
}

MemoryClient MemoryTransport::connect() {
  PeerInfo peer{.address = {}, .local_address = "127.0.0.1:6379", .loopback = true};
  {
    const std::lock_guard lock(mutex_);
    peer.address = client_host_ + ":" + std::to_string(next_port_++);
  }
  return connect(std::move(peer));
}

MemoryClient MemoryTransport::connect(PeerInfo peer) {
  MemoryWire* wire = nullptr;
  {
    const std::lock_guard lock(mutex_);
    wires_.push_back(std::make_unique<MemoryWire>());
    wire = wires_.back().get();
    wire->peer = std::move(peer);
    if (accepting_) {
      live_.push_back(wire);
    } else {
      wire->state = MemoryWire::State::kClosed;
    }
  }
  to_worker_.notify_one();
  return {this, wire};
}

void MemoryTransport::set_client_host(std::string host) {
  const std::lock_guard lock(mutex_);
  client_host_ = std::move(host);
}

void MemoryTransport::set_exact(bool exact) {
  const std::lock_guard lock(mutex_);
  exact_ = exact;
}

void MemoryClient::send(std::string_view bytes) {
  {
    const std::lock_guard lock(transport_->mutex_);
    if (wire_->half_closed || wire_->broken || bytes.empty()) {
      return;
    }
    if (!transport_->exact_ && !wire_->to_server.empty() && !wire_->to_server.back().whole) {
      wire_->to_server.back().bytes.append(bytes);
    } else {
      wire_->to_server.push_back({.bytes = std::string(bytes)});
    }
  }
  transport_->to_worker_.notify_one();
}

void MemoryClient::send_whole(std::string_view bytes) {
  {
    const std::lock_guard lock(transport_->mutex_);
    if (wire_->half_closed || wire_->broken || bytes.empty()) {
      return;
    }
    wire_->to_server.push_back({.bytes = std::string(bytes), .whole = true});
  }
  transport_->to_worker_.notify_one();
}

void MemoryClient::half_close() {
  {
    const std::lock_guard lock(transport_->mutex_);
    wire_->half_closed = true;
  }
  transport_->to_worker_.notify_one();
}

void MemoryClient::reset() {
  {
    const std::lock_guard lock(transport_->mutex_);
    wire_->broken = true;
    wire_->to_server.clear();
    wire_->to_client.clear();
  }
  transport_->to_worker_.notify_one();
}

void MemoryClient::set_window(size_t bytes) {
  {
    const std::lock_guard lock(transport_->mutex_);
    wire_->window_bytes = bytes;
  }
  transport_->to_worker_.notify_one();
}

std::string MemoryClient::take() {
  std::string bytes;
  {
    const std::lock_guard lock(transport_->mutex_);
    bytes.swap(wire_->to_client);
  }
  transport_->to_worker_.notify_one();
  return bytes;
}

bool MemoryClient::closed() const {
  const std::lock_guard lock(transport_->mutex_);
  return wire_->broken || wire_->state == MemoryWire::State::kClosing ||
         wire_->state == MemoryWire::State::kClosed;
}

bool MemoryClient::wait(int64_t timeout_ms) {
  std::unique_lock lock(transport_->mutex_);
  return transport_->to_clients_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] {
    return !wire_->to_client.empty() || wire_->broken ||
           wire_->state == MemoryWire::State::kClosing ||
           wire_->state == MemoryWire::State::kClosed;
  });
}

ConnId MemoryClient::conn() const {
  const std::lock_guard lock(transport_->mutex_);
  return wire_->conn;
}

const std::string& MemoryClient::address() const { return wire_->peer.address; }

}  // namespace pollux
