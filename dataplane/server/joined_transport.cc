#include "dataplane/server/joined_transport.h"

#include <algorithm>
#include <utility>

namespace pollux {

JoinedTransport::JoinedTransport(std::unique_ptr<Transport> polled,
                                 std::unique_ptr<Transport> sleeping, ListenOn where,
                                 Surroundings surroundings)
    : polled_(std::move(polled)),
      sleeping_(std::move(sleeping)),
      where_(std::move(where)),
      surroundings_(std::move(surroundings)) {}

// Whoever looks after the server comes through however busy the NIC is, and takes no more than a
// quarter.
size_t JoinedTransport::poll(std::span<TransportEvent> events) {
  const size_t of_sleeping = sleeping_->poll(events.first((events.size() + 3) / 4));
  for (TransportEvent& event : events.first(of_sleeping)) {
    event.conn.index = event.conn.index << 1 | 1;
  }
  const std::span<TransportEvent> rest = events.subspan(of_sleeping);
  const size_t of_polled = rest.empty() ? 0 : polled_->poll(rest);
  for (TransportEvent& event : rest.first(of_polled)) {
    event.conn.index <<= 1;
  }
  if (of_sleeping + of_polled > 0) {
    nap_us_ = kNapUsMin;
  } else if (++quiet_polls_ % kLookEvery == 0 && surroundings_.look) {
    surroundings_.look();
  }
  return of_sleeping + of_polled;
}

// Where the second can't, the first goes back to where it was, which it can.
std::string JoinedTransport::listen(const ListenOn& where, bool taken_is_error) {
  std::string problem = polled_->listen(where, taken_is_error);
  if (!problem.empty()) {
    return problem;
  }
  ListenOn here = where;
  here.bind = {"127.0.0.1", "-::1"};
  problem = sleeping_->listen(here, taken_is_error);
  if (problem.empty()) {
    where_ = where;
    surroundings_.listening(where);
  } else {
    polled_->listen(where_, false);
  }
  return problem;
}

void JoinedTransport::stop_accepting() {
  polled_->stop_accepting();
  sleeping_->stop_accepting();
}

void JoinedTransport::flush() {
  polled_->flush();
  sleeping_->flush();
}

void JoinedTransport::end() {
  surroundings_.end();
  sleeping_->end();
}

void JoinedTransport::sleep(int64_t timeout_us) {
  polled_->flush();
  const int64_t patience_us = surroundings_.patience_us();
  if (patience_us >= 0 && patience_us <= kNapUsMin) {
    nap_us_ = kNapUsMin;
  }
  int64_t most = timeout_us < 0 ? nap_us_ : std::min(timeout_us, nap_us_);
  if (patience_us >= 0) {
    most = std::min(most, patience_us);
  }
  if (most == 0) {
    sleeping_->flush();
    return;
  }
  nap_us_ = std::min(2 * nap_us_, kNapUsMax);
  sleeping_->sleep(most);
}

}  // namespace pollux
