// Two transports as one, of one worker: one that must be polled (a NIC), and one that can sleep
// and be woken (the kernel, by which this host comes: loopback and the unix socket). Connections of
// the first have even indices, those of the second odd ones.
//
// While there is nothing to do it sleeps in the second, and looks at the first in between: nobody
// wakes it for a frame. Each look that finds nothing makes the next sleep twice as long; frames
// without events (ACKs, strangers) are told by little patience.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/transport.h"

namespace pollux {

class JoinedTransport final : public Transport {
 public:
  // How long the polled one can be left alone, in microseconds: 0 if not at all, -1 for ever.
  using PatienceUs = std::function<int64_t()>;
  // What the polled one can't do alone, because it does not know what it stands on.
  struct Surroundings {
    PatienceUs patience_us;
    std::function<size_t(std::span<TransportFigure>)> figures;
    std::function<void()> end;
    // It listens there from now on.
    std::function<void(const ListenOn& where)> listening;
    // Now and then while nothing comes, also where nobody ever sleeps. May be none.
    std::function<void()> look;
  };

  // Both listen already, as `where` says.
  JoinedTransport(std::unique_ptr<Transport> polled, std::unique_ptr<Transport> sleeping,
                  ListenOn where, Surroundings surroundings);

  size_t poll(std::span<TransportEvent> events) override;
  const PeerInfo& peer(ConnId conn) override { return of(conn).peer(inner(conn)); }
  void send(ConnId conn, std::span<const TxSlice> slices) override {
    of(conn).send(inner(conn), slices);
  }
  void pause(ConnId conn) override { of(conn).pause(inner(conn)); }
  void resume(ConnId conn) override { of(conn).resume(inner(conn)); }
  void close(ConnId conn) override { of(conn).close(inner(conn)); }
  // The kernel's part is this host alone, whatever is bound to.
  std::string listen(const ListenOn& where, bool taken_is_error) override;
  void stop_accepting() override;
  bool at_rest() const override { return polled_->at_rest() && sleeping_->at_rest(); }
  size_t figures(std::span<TransportFigure> into) const override {
    return surroundings_.figures(into);
  }
  void end() override;
  void flush() override;
  void sleep(int64_t timeout_us) override;
  void wake() override { sleeping_->wake(); }

 private:
  // A frame that comes after long silence waits so long at most. (250 us: an idle worker takes 6 %
  // of its processor.)
  static constexpr int64_t kNapUsMin = 10;
  static constexpr int64_t kNapUsMax = 1'000;
  static constexpr uint32_t kLookEvery = 64;  // polls that bring nothing

  static bool is_of_sleeping(ConnId conn) { return (conn.index & 1) != 0; }
  static ConnId inner(ConnId conn) { return {conn.index >> 1, conn.generation}; }
  Transport& of(ConnId conn) { return is_of_sleeping(conn) ? *sleeping_ : *polled_; }

  std::unique_ptr<Transport> polled_;
  std::unique_ptr<Transport> sleeping_;
  ListenOn where_;
  Surroundings surroundings_;
  int64_t nap_us_ = kNapUsMin;
  uint32_t quiet_polls_ = 0;
};

}  // namespace pollux
