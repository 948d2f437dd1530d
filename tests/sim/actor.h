// Clients of the consistency tests: each plays a part (writer, reader, one who leaves in the
// middle) and says what it saw that can't be. The same actors play on the seeded scheduler and on
// threads: an actor is driven by one thread, and knows only its connection and its own chance.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/sim/sim_engine.h"
#include "dataplane/sim/test_client.h"
#include "src/base/rng.h"

namespace pollux {

class Actor {
 public:
  // `rounds`: how many times it acts before it is done.
  Actor(SimEngine& sim, int worker, uint64_t seed, int rounds);
  virtual ~Actor() = default;
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // Takes replies, and acts when none is awaited. True if something happened.
  bool drive();
  bool done() const { return left_ || (rounds_ <= 0 && client_.awaited() == 0); }
  // The first thing that was wrong; empty if nothing was.
  const std::string& failure() const { return failure_; }
  // Ends the connection in one of the ways a client may leave.
  void leave();
  // The server may close the connection at any time (somebody kills it).
  void may_be_closed() { may_be_closed_ = true; }
  int worker() const { return worker_; }
  ConnId conn() const { return client_.wire().conn(); }
  const std::string& address() const { return client_.wire().address(); }
  // What it waits for, for the report of a hang.
  std::string state() const;

 protected:
  // Adds requests to the pipeline, which is sent when act returns.
  virtual void act() = 0;

  void ask(const Request& request, TestClient::Check check) {
    client_.add(request, std::move(check));
  }
  // The reply must read exactly so (Answer::shown).
  void expect(const Request& request, std::string shown);
  // MULTI: what is expected from now on is what EXEC's array will hold.
  void expect_multi();
  // EXEC: all of it, or nil if a watched key was touched.
  void expect_exec(bool touched);
  // DISCARD: nothing of it.
  void expect_discard();
  void fail(const std::string& what);
  // It acts no more.
  void retire() { rounds_ = 0; }
  uint64_t below(uint64_t bound) { return rng_.below(bound); }

  SimEngine& sim_;
  TestClient client_;

 private:
  const int worker_;
  Rng rng_;
  int rounds_;
  bool left_ = false;
  bool may_be_closed_ = false;
  bool in_multi_ = false;
  std::vector<std::string> queued_;  // what EXEC is to answer
  std::string failure_;
};

using Cast = std::vector<std::unique_ptr<Actor>>;

}  // namespace pollux
