// A transport in memory for tests: a worker's connections are driven by MemoryClient handles, and a
// seed decides when bytes, ends and completions arrive, in which pieces, and in which order over
// connections. What a kernel might do within the contract of Transport, this one does often.
//
// kStepped: one thread for everything (the scheduler); sleep returns at once.
// kThreaded: the worker's thread and any number of client threads; sleep blocks and wake works.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/transport.h"
#include "src/base/rng.h"

namespace pollux {

class MemoryClient;

// One connection as both ends see it. Private to this room; clients hold it behind MemoryClient.
struct MemoryWire {
  enum class State : uint8_t { kConnecting, kOpen, kClosing, kClosed };
  struct Piece {
    std::string bytes;
    bool whole = false;  // delivered as one event
  };

  ConnId conn;
  PeerInfo peer;
  State state = State::kConnecting;

  // client to server
  std::deque<Piece> to_server;
  bool half_closed = false;  // the client sends no more
  bool broken = false;       // the client is gone: nothing is delivered any more, either way
  bool end_told = false;
  bool paused = false;

  // server to client
  std::vector<TxSlice> sending;
  size_t sending_bytes = 0;
  size_t sent_bytes = 0;
  bool flushed = false;
  std::string to_client;           // arrived, not yet taken
  size_t window_bytes = SIZE_MAX;  // how much of that there may be before sends stall
};

class MemoryTransport final : public Transport {
 public:
  enum class Mode : uint8_t { kStepped, kThreaded };

  MemoryTransport(uint64_t seed, Mode mode);
  ~MemoryTransport() override;

  // --- Transport ---
  size_t poll(std::span<TransportEvent> events) override;
  const PeerInfo& peer(ConnId conn) override;
  void send(ConnId conn, std::span<const TxSlice> slices) override;
  void pause(ConnId conn) override;
  void resume(ConnId conn) override;
  void close(ConnId conn) override;
  void stop_accepting() override;
  void flush() override;
  void sleep(int64_t timeout_us) override;
  void wake() override;

  // --- the clients' side ---
  // A new connection from this host. The handle must not outlive the transport.
  MemoryClient connect();
  MemoryClient connect(PeerInfo peer);
  // The host that connect() comes from, "127.0.0.1" at first; ports count up.
  void set_client_host(std::string host);
  // Nothing by chance: every poll delivers all there is, each piece as it was sent.
  void set_exact(bool exact);
  // True if the next polls would bring nothing unless a client does something.
  bool idle() const;
  // Whether wake() was called since it was last taken.
  bool woken() const;
  bool take_woken();

 private:
  friend class MemoryClient;

  bool lucky();
  size_t some_of(size_t bytes);
  bool next_event(MemoryWire& wire, TransportEvent& event);
  bool next_data(MemoryWire& wire, TransportEvent& event);
  bool next_sent(MemoryWire& wire, TransportEvent& event);
  void open(MemoryWire& wire);
  void forget_closed();
  MemoryWire& wire_of(ConnId conn);
  bool idle_locked() const;

  const Mode mode_;
  Rng rng_;
  bool exact_ = false;
  bool accepting_ = true;
  bool woken_ = false;
  // kThreaded only needs it; in kStepped it is never contended.
  mutable std::mutex mutex_;
  std::condition_variable to_worker_;
  std::condition_variable to_clients_;
  std::deque<std::unique_ptr<MemoryWire>> wires_;  // all there ever were
  std::vector<MemoryWire*> live_;                  // those not kClosed
  std::vector<MemoryWire*> by_index_;              // of ConnId
  std::vector<uint32_t> generations_;
  std::vector<uint32_t> free_indices_;
  std::vector<std::string> delivered_;             // bytes of the last poll's events
  std::string client_host_ = "127.0.0.1";
  uint32_t next_port_ = 50000;
};

// A client's end of a connection: a handle, freely copied. Calls after the end do nothing.
class MemoryClient {
 public:
  MemoryClient() = default;

  // Bytes that arrive in pieces cut by the seed.
  void send(std::string_view bytes);
  // Bytes that arrive in one event, not mixed with those before or after.
  void send_whole(std::string_view bytes);
  // No more bytes will come (the server still may answer).
  void half_close();
  // The connection breaks: bytes on their way, both ways, are lost.
  void reset();
  // At most this many bytes wait to be taken; 0: the client reads nothing.
  void set_window(size_t bytes);
  // Everything that has arrived since the last call.
  std::string take();
  // True once the server has closed, or reset was called; take may still find bytes.
  bool closed() const;
  // kThreaded: waits until there is something to take or the server has closed; false on timeout.
  bool wait(int64_t timeout_ms);
  // What the server knows the connection as; meaningful once it is open.
  ConnId conn() const;
  const std::string& address() const;

 private:
  friend class MemoryTransport;
  MemoryClient(MemoryTransport* transport, MemoryWire* wire) : transport_(transport), wire_(wire) {}

  MemoryTransport* transport_ = nullptr;
  MemoryWire* wire_ = nullptr;
};

}  // namespace pollux
