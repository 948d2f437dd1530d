// The engine's transport over our own TCP: what a stack tells becomes TransportEvents, what a
// worker sends is written to it. One of these belongs to one worker, with one device.
//
// Short sends are copied and end at once, so that a reply never waits for the acknowledgement of
// the one before. Long ones, and those of a peer that has much unacknowledged, stay where they are
// until the peer has them and the device has returned its frames: a slow reader's output then
// counts against its limits in the engine, as over kernel sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/transport.h"
#include "dataplane/tcp/stack/stack.h"

namespace pollux::tcp {

// What a stack must not know: time, and how a core waits.
struct TcpSurroundings {
  std::function<Moment()> now;
  // Until there may be frames, `deadline`, or a wake; may return at any time.
  std::function<void(Moment deadline)> wait;
  std::function<void()> wake;  // any thread
};

// As the stack has them.
std::vector<LinkPrefix> prefixes_of(const AddressList& list);

class TcpTransport final : public Transport {
 public:
  // `pinned_max`: bytes of a send that the stack is given at a time; a connection has less than
  // 2^31 on its way.
  TcpTransport(const StackConfig& config, const StackKeys& keys, Device& device,
               TcpSurroundings surroundings, size_t pinned_max = size_t{1} << 30);

  Stack& stack() { return stack_; }
  // All that there are, and some that are over.
  std::vector<ConnId> conns() const;
  // There is something to be polled for, or to be sent, without waiting.
  bool wants_turn() const { return stack_.wants_turn() || next_sent_ < sent_.size(); }
  // How long it need not be polled, if no frame comes; -1: for ever. More frames are likely soon
  // behind those that the last poll has brought, whether or not there was an event in them. A
  // device that has no room does not say when it has: it is looked at again before it could run
  // dry.
  int64_t patience_us() const;

  // --- Transport ---
  size_t poll(std::span<TransportEvent> events) override;
  const PeerInfo& peer(ConnId conn) override;
  void send(ConnId conn, std::span<const TxSlice> slices) override;
  void pause(ConnId conn) override { stack_.pause(conn); }
  void resume(ConnId conn) override { stack_.resume(conn); }
  void close(ConnId conn) override;
  std::string listen(const ListenOn& where, bool taken_is_error) override;
  void stop_accepting() override { stack_.listen({}); }
  // Peers have all that was for them, or are known to be gone.
  bool at_rest() const override { return stack_.connections() == 0 && !wants_turn(); }
  void flush() override { stack_.flush(now_); }
  void sleep(int64_t timeout_us) override;
  void wake() override { surroundings_.wake(); }

 private:
  // A send up to this is copied, while no more than the second is on its way.
  static constexpr size_t kCopyMax = 16U << 10;
  static constexpr uint32_t kOnItsWayMax = 64U << 10;
  static constexpr int64_t kSoonUs = 10;
  // A ring of 1,024 whole frames lasts 120 us at 100 Gbit/s.
  static constexpr int64_t kRoomUs = 100;
  // Timers that are due come behind the frames that were there then, which a full ring of 1,024 has
  // brought after so many bursts; not behind all that ever come.
  static constexpr uint32_t kBurstsBeforeTimers = 32;

  // A send under way.
  struct Pinned {
    size_t bytes;
    std::vector<Bytes> rest;  // that was not given to the stack yet
  };
  // There may be millions that are idle: what each has, no more.
  struct Conn {
    uint32_t generation = 0;
    bool closed = false;
    bool ended = false;
    std::unique_ptr<Pinned> pinned;
  };
  struct Sent {
    ConnId conn;
    size_t bytes = 0;
  };

  Conn& at(ConnId conn);
  bool take(const StackEvent& event, TransportEvent& out);
  void open(ConnId conn);
  void send_rest(ConnId conn);

  TcpSurroundings surroundings_;
  const size_t pinned_max_;
  Moment now_;
  Stack stack_;
  std::vector<Conn> conns_;  // by index
  PeerInfo peer_;            // who was asked for last
  std::vector<Sent> sent_;   // copied sends, of which kSent is to be told
  size_t next_sent_ = 0;
  size_t frames_ = 0;  // of the last poll
  uint32_t full_bursts_ = 0;  // since timers are due
};

}  // namespace pollux::tcp
