// What the application asks of a stack.
#include <algorithm>
#include <utility>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/tables/isn.h"
#include "src/base/assert.h"

namespace pollux::tcp {

void Stack::set_keepalive(int64_t idle_ns) {
  shared_.config.keepalive_idle_ns = idle_ns;
  shared_.config.keepalive_interval_ns = idle_ns / 3;
}

std::optional<ConnId> Stack::connect(const IpAddress& remote, uint16_t port, Moment now) {
  const std::optional<IpAddress> local = interface_.source_address(remote);
  const NeighborId hop = interface_.next_hop(remote, now);
  if (!local || !hop || !slots_.has_room()) {
    return std::nullopt;
  }
  Flow flow{.local = *local, .remote = remote, .local_port = 0, .remote_port = port};
  // RFC 6056 3.3.3: from a place that depends on the peer, and on.
  const uint32_t count = config_.ephemeral_port_max - config_.ephemeral_port_min + 1U;
  const auto start = static_cast<uint32_t>(flow_secret(keys_.ports, flow)) + next_port_++;
  for (uint32_t i = 0; i < count; ++i) {
    flow.local_port = static_cast<uint16_t>(config_.ephemeral_port_min + (start + i) % count);
    const uint64_t hash = flow_hash(keys_.listener.table, flow);
    if (table_.find(hash, flow) != kNoIndex || listener_.knows(hash, flow) ||
        (config_.is_ours && !config_.is_ours(flow))) {
      continue;
    }
    const uint32_t index = open(flow);
    if (index == kNoIndex) {
      return std::nullopt;
    }
    Slot& slot = slots_.at(index);
    slot.hop = hop;
    const FlowOffsets offsets = listener_.offsets(flow);
    const Seq isn = initial_seq(offsets, now);
    slot.begin(shared_, path_to(remote),
                            ActiveOpening{.our_isn = isn, .timestamp_offset = offsets.timestamp},
                            now);
    slot.recount = true;
    touch(index);
    return slots_.id(index);
  }
  return std::nullopt;
}

const Flow* Stack::flow(ConnId conn) {
  const Slot* slot = slots_.find(conn);
  return slot == nullptr ? nullptr : &slot->flow;
}

const Connection* Stack::connection(ConnId conn) {
  const Slot* slot = slots_.find(conn);
  return slot == nullptr || !slot->has_connection ? nullptr : &slot->connection();
}

namespace {

uint32_t bytes_of(std::span<const Bytes> pieces) {
  size_t bytes = 0;
  for (const Bytes& piece : pieces) {
    bytes += piece.size();
  }
  return static_cast<uint32_t>(bytes);
}

}  // namespace

bool Stack::write(ConnId conn, std::span<const Bytes> pieces, uint32_t limit) {
  Slot* slot = slots_.find(conn);
  if (slot == nullptr || !slot->has_connection || !slot->connection().can_write()) {
    return true;
  }
  const uint32_t bytes = bytes_of(pieces);
  const uint32_t waiting = slot->sending == nullptr ? 0 : slot->sending->size();
  if (waiting + bytes > limit) {
    return false;
  }
  if (bytes == 0) {
    return true;
  }
  SendBuffer& sending = sending_of(*slot);
  uint32_t more = bytes;
  for (const Bytes& piece : pieces) {
    more -= static_cast<uint32_t>(piece.size());
    sending.append_copy(tx_memory_, piece, more);
  }
  slot->connection().write(bytes);
  touch(conn.index);
  return true;
}

uint32_t Stack::unacknowledged_bytes(ConnId conn) {
  const Slot* slot = slots_.find(conn);
  return slot == nullptr || slot->sending == nullptr ? 0 : slot->sending->size();
}

void Stack::write_pinned(ConnId conn, std::span<const Bytes> pieces) {
  Slot* slot = slots_.find(conn);
  if (slot == nullptr) {
    return;
  }
  POLLUX_ASSERT(!slot->pinned);
  slot->pinned = true;
  const uint32_t pin = tx_memory_.pin(conn.index);
  if (slot->has_connection && slot->connection().can_write()) {
    for (const Bytes& piece : pieces) {
      sending_of(*slot).append_pinned(tx_memory_, piece, pin);
    }
    slot->connection().write(bytes_of(pieces));
    touch(conn.index);
  }
  tx_memory_.unpin(pin);
}

void Stack::finish(ConnId conn) {
  Slot* slot = slots_.find(conn);
  if (slot != nullptr && slot->has_connection) {
    slot->connection().finish();
    touch(conn.index);
  }
}

void Stack::pause(ConnId conn) {
  if (Slot* slot = slots_.find(conn); slot != nullptr) {
    slot->paused = true;
  }
}

void Stack::resume(ConnId conn) {
  Slot* slot = slots_.find(conn);
  if (slot == nullptr || !slot->paused) {
    return;
  }
  slot->paused = false;
  if (slot->unread != nullptr && !slot->resumed) {
    slot->resumed = true;
    resumed_.push_back(conn.index);
  }
}

void Stack::close(ConnId conn, Moment now) {
  Slot* slot = slots_.find(conn);
  if (slot == nullptr || slot->closed) {
    return;
  }
  slot->closed = true;
  some_late_ |= has_event();
  slot->resumed = false;
  if (slot->has_connection) {
    SendBuffer* const sending = slot->sending.get();
    const bool too_many = orphans_ >= config_.connections_max / 4;
    ++orphans_;
    if (too_many || (sending != nullptr && sending->pinned_bytes() > kUnpinCopyMax)) {
      counters_.aborted_orphans += too_many;
      slot->connection().abort();
    } else {
      if (sending != nullptr) {
        sending->copy_pinned(tx_memory_);
      }
      slot->connection().close(shared_, now);
      slot->recount = true;
    }
    touch(conn.index);
  }
  drop_unread(*slot);
  tell_closed(conn.index);
}

void Stack::abort(ConnId conn) {
  Slot* slot = slots_.find(conn);
  if (slot != nullptr && slot->has_connection) {
    slot->connection().abort();
    touch(conn.index);
  }
}

}  // namespace pollux::tcp
