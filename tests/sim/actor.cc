#include "tests/sim/actor.h"

namespace pollux {

Actor::Actor(SimEngine& sim, int worker, uint64_t seed, int rounds)
    : sim_(sim),
      client_(sim.transport(worker).connect()),
      worker_(worker),
      rng_(seed),
      rounds_(rounds) {}

bool Actor::drive() {
  if (left_) {
    return false;
  }
  bool happened = client_.receive();
  if (!client_.garbage().empty()) {
    fail("came unasked or malformed: " + client_.garbage());
    leave();
    return true;
  }
  if (client_.awaited() == 0 && rounds_ > 0) {
    --rounds_;
    act();
    client_.send_pipeline();
    happened = true;
  }
  if (client_.wire().closed() && !client_.receive()) {
    if (!may_be_closed_) {
      fail("the server closed the connection");
    }
    left_ = true;
    happened = true;
  }
  return happened;
}

void Actor::leave() {
  if (left_) {
    return;
  }
  switch (below(4)) {
    case 0:
      client_.wire().half_close();
      break;
    case 1:
      // Half a request, then nothing.
      client_.wire().send("*2\r\n$3\r\nGET\r\n$5\r\nab");
      client_.wire().half_close();
      break;
    default:
      client_.wire().reset();
      break;
  }
  left_ = true;
}

void Actor::expect_multi() {
  expect({"MULTI"}, "+OK");
  in_multi_ = true;
}

void Actor::expect_exec(bool touched) {
  std::string all;
  for (const std::string& shown : queued_) {
    all += (all.empty() ? "" : " ") + shown;
  }
  in_multi_ = false;
  queued_.clear();
  expect({"EXEC"}, touched ? "nil" : "[" + all + "]");
}

void Actor::expect_discard() {
  in_multi_ = false;
  queued_.clear();
  expect({"DISCARD"}, "+OK");
}

void Actor::expect(const Request& request, std::string shown) {
  if (in_multi_) {
    queued_.push_back(std::move(shown));
    shown = "+QUEUED";
  }
  client_.add(request, [this, request, shown = std::move(shown)](const Answer& answer) {
    if (answer.shown() != shown) {
      std::string words;
      for (const std::string& arg : request) {
        words += arg.substr(0, 40) + " ";
      }
      fail(words + "-> " + answer.shown() + ", not " + shown);
    }
  });
}

void Actor::fail(const std::string& what) {
  if (failure_.empty()) {
    failure_ = what;
  }
}

std::string Actor::state() const {
  return "rounds left " + std::to_string(rounds_) + ", awaited " +
         std::to_string(client_.awaited());
}

}  // namespace pollux
