// The wall between the engine and the wire: a transport turns packets or system calls into bytes
// of connections and back. One transport belongs to one worker and is used by its thread only
// (wake excepted). It never blocks but in sleep, and it owns no policy: limits, order and closing
// are the engine's.
//
// Life of a connection: kOpen, any number of kData, then kEnd (the peer sends no more, or is gone)
// unless the engine closed first; after close(), exactly one kClosed, and then the ConnId is dead.
// Indices of ConnId are dense and reused, generations are not.
//
// Implementations: dataplane/kernel (io_uring), dataplane/sim (in memory, by seed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/listen_on.h"
#include "src/base/types.h"

namespace pollux {

struct PeerInfo {
  std::string address;        // "127.0.0.1:50312", "[::1]:50312", "/path/of.sock:0"
  std::string local_address;  // the same of our end
  bool unix_socket = false;
  bool loopback = false;
  int fd = -1;                // for CLIENT LIST; -1 where there is none
};

struct TransportEvent {
  enum class Kind : uint8_t {
    kOpen,    // a new connection; peer() tells who
    kData,    // `bytes` came; they live until the next poll
    kSent,    // the send() under way has ended: `sent` bytes are with the wire, the slices are free
    kEnd,     // the peer will send no more, or the connection broke
    kClosed,  // after close(): nothing refers to it any more
  };
  Kind kind = Kind::kOpen;
  ConnId conn;
  std::string_view bytes = {};
  size_t sent = 0;  // kSent: less than was given only if the connection broke
};

struct TxSlice {
  std::string_view bytes;
};
inline constexpr size_t kTxSlicesMax = 16;

// What a transport counts, for operators. The name is of letters, digits and "_", under 32 of them.
struct TransportFigure {
  std::string_view name;
  int64_t value = 0;
};
inline constexpr size_t kTransportFiguresMax = 96;

class Transport {
 public:
  virtual ~Transport() = default;

  // Up to events.size() events; returns how many. Never waits.
  virtual size_t poll(std::span<TransportEvent> events) = 0;

  // From kOpen to close(); behind that it may be of nobody (no address). Valid until it is asked
  // for again.
  virtual const PeerInfo& peer(ConnId conn) = 0;

  // Hands bytes over; at most one send per connection under way, at most kTxSlicesMax slices. The
  // bytes must stay unchanged until kSent. May do nothing before flush.
  virtual void send(ConnId conn, std::span<const TxSlice> slices) = 0;

  // No more kData until resume (data that was already taken from the wire may still come once).
  virtual void pause(ConnId conn) = 0;
  virtual void resume(ConnId conn) = 0;

  // Ends the connection; what a send has not handed over yet is dropped. kClosed follows.
  virtual void close(ConnId conn) = 0;

  // Listens elsewhere from now on (CONFIG SET bind, port, tcp-keepalive); connections at hand go
  // on. `taken_is_error`: somebody who listens there already is a stranger, not another worker.
  // Empty on success, else why not, and all is as before. Transports without addresses have nothing
  // to do.
  virtual std::string listen(const ListenOn& /*where*/, bool /*taken_is_error*/) { return {}; }

  // New connections are refused from now on (shutdown); those at hand go on.
  virtual void stop_accepting() = 0;

  // Nothing of connections that were closed is on its way any more: what does not outlive the
  // process, as the kernel's does.
  virtual bool at_rest() const { return true; }

  // The last call, when the process ends: whoever is still there hears so now, where nobody would
  // tell him afterwards, as the kernel does.
  virtual void end() { flush(); }

  // How things stand, for INFO and the control page; returns how many there are, up to
  // kTransportFiguresMax. Names and their order are the same for all of a kind and their whole
  // life. None of one whose network counts for itself.
  virtual size_t figures(std::span<TransportFigure> /*into*/) const { return 0; }

  // The doorbell: everything asked for since the last flush starts now.
  virtual void flush() = 0;

  // Includes flush. Returns when there may be events, after wake(), or at the latest after
  // `timeout_us` (-1: no limit). Spurious returns are fine.
  virtual void sleep(int64_t timeout_us) = 0;

  // Any thread: makes the present or next sleep return.
  virtual void wake() = 0;
};

}  // namespace pollux
