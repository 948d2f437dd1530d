// The transport over the kernel's sockets: one io_uring per worker. Connections are accepted and
// received by multishot requests into shared buffers; a turn's sends, and whatever else was asked
// for, go to the kernel in one system call (flush or sleep).
//
// One thread uses a transport, the first that calls poll, flush or sleep; wake() is for any thread.
// create and the destructor may run on another, while nobody uses it. README.md tells why it is
// built so, with the numbers.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/transport.h"
#include "dataplane/kernel/gather.h"
#include "dataplane/kernel/listener.h"
#include "dataplane/kernel/recv_buffers.h"
#include "dataplane/kernel/uring_options.h"
#include "src/uring/ring.h"
#include "src/uring/ring_wake.h"

namespace pollux {

class UringTransport final : public Transport {
 public:
  // Listens from now on; accepts from the first poll. Null with an `error` for the operator.
  static std::unique_ptr<UringTransport> create(const UringOptions& options, std::string& error);
  ~UringTransport() override;

  // The TCP port of the first listener, 0 if there is none.
  int bound_port() const;
  size_t connections() const { return connections_; }

  size_t poll(std::span<TransportEvent> events) override;
  const PeerInfo& peer(ConnId conn) override;
  void send(ConnId conn, std::span<const TxSlice> slices) override;
  void pause(ConnId conn) override;
  void resume(ConnId conn) override;
  void close(ConnId conn) override;
  std::string listen(const ListenOn& where, bool taken_is_error) override;
  void stop_accepting() override;
  void flush() override;
  void sleep(int64_t timeout_us) override;
  void wake() override;

 private:
  enum class SendState : uint8_t {
    kIdle,
    kQuick,  // tried without waiting: no completion means that all was sent
    kSlow,   // waits in the kernel for room; a completion will come
    kDone,   // ended, kSent not yet delivered
  };

  // Slices of a send that has more than one; taken from a pool while the send is under way.
  struct SliceBlock {
    msghdr header;
    std::array<iovec, kTxSlicesMax> slices;
  };

  struct Conn {
    int fd = -1;
    uint32_t generation = 0;
    uint32_t window = 0;  // of gather_
    bool open = false;
    bool closing = false;
    bool dropped = false;     // bytes came after close() and went nowhere
    bool recv_armed = false;  // a receive request is with the kernel
    bool recv_ended = false;  // kEnd was delivered
    bool paused = false;
    bool starved = false;  // no buffer was left for it
    bool fed = false;      // its receive request has brought something
    SendState send_state = SendState::kIdle;
    SliceBlock* block = nullptr;  // of the send under way, if it has several slices
    iovec slice{};                // else its one slice
    size_t send_total = 0;
    size_t send_done = 0;
    std::unique_ptr<PeerInfo> peer;
  };
  static_assert(sizeof(Conn) <= 96, "an idle connection stays small");

  // A quick send, and the number of its submission entry.
  struct QuickSend {
    uint32_t index;
    unsigned entry;
  };

  // What a completion belongs to; packed into its user_data.
  enum class Op : uint8_t { kAccept, kAcceptRetry, kRecv, kSend, kWake, kIgnored };
  struct Tag {
    Op op;
    uint32_t index;
    uint32_t generation;
  };
  static uint64_t pack(Op op, uint32_t index, uint32_t generation);
  static Tag unpack(uint64_t user_data);

  // The events of one poll.
  class Sink;

  explicit UringTransport(const UringOptions& options)
      : options_(options), gather_(options.gather_us) {}
  std::string start();
  void attach();

  Conn& live(ConnId conn);
  ConnId id_of(uint32_t index) const { return {index, conns_[index].generation}; }
  bool has_undelivered() const;

  void begin_poll();
  void settle_quick_sends();
  void deliver_settled(Sink& sink);
  void on_completion(const io_uring_cqe& cqe, Sink& sink);
  void on_accept(uint32_t listener, const io_uring_cqe& cqe, Sink& sink);
  void on_accept_error(uint32_t listener, int error);
  void on_recv(uint32_t index, const io_uring_cqe& cqe, Sink& sink);
  void on_send(uint32_t index, int result);
  void open_connection(int fd, bool unix_socket, Sink& sink);

  void arm_accept(uint32_t listener);
  void retire(uint32_t listener);
  bool accepts(uint32_t listener) const { return accepting_ && !listeners_[listener].retired; }
  bool has_outsider() const;
  void arm_recv(uint32_t index);
  void cancel(uint64_t user_data);

  void prepare_send(uint32_t index, bool quick);
  void skip_sent(Conn& conn, size_t bytes);
  void end_send(uint32_t index);
  void close_if_free(uint32_t index);

  UringOptions options_;
  std::vector<Listener> listeners_;
  RingWake wake_;  // the one thing that two threads touch
  RecvBuffers buffers_;
  Ring ring_;  // after what its requests refer to, so that it goes first
  ArrivalGauge gather_;
  bool attached_ = false;
  bool accepting_ = true;
  bool accept_error_told_ = false;

  std::vector<Conn> conns_;
  std::vector<uint32_t> free_;      // indices that may be used again
  std::vector<uint32_t> dead_;      // kClosed was delivered by the last poll
  std::vector<uint32_t> starved_;   // wait for receive buffers
  std::vector<uint32_t> to_close_;  // closed, kClosed to be delivered
  std::vector<uint32_t> sent_;      // kDone, kSent to be delivered
  std::vector<QuickSend> quick_;    // in the order of their entries
  size_t connections_ = 0;
  std::vector<std::unique_ptr<SliceBlock>> blocks_;
  std::vector<SliceBlock*> free_blocks_;
};

}  // namespace pollux
