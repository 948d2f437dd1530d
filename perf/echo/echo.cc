#include "perf/echo/echo.h"

#include <utility>

namespace pollux {

bool Echo::turn() {
  const size_t count = transport_.poll(events_);
  for (size_t i = 0; i < count; ++i) {
    handle(events_[i]);
  }
  for (const ConnId conn : writable_) {
    write(conn);
  }
  writable_.clear();
  return count != 0;
}

void Echo::handle(const TransportEvent& event) {
  if (event.conn.index >= sessions_.size()) {
    sessions_.resize(event.conn.index + 1);
  }
  Session& session = sessions_[event.conn.index];
  switch (event.kind) {
    case TransportEvent::Kind::kOpen:
      session = Session{.generation = event.conn.generation};
      break;
    case TransportEvent::Kind::kData:
      session.filling.append(event.bytes);
      list(event.conn, session);
      break;
    case TransportEvent::Kind::kSent:
      session.busy = false;
      session.sending.clear();
      list(event.conn, session);
      break;
    case TransportEvent::Kind::kEnd:
      transport_.close(event.conn);
      session.filling.clear();
      break;
    case TransportEvent::Kind::kClosed:
      session = Session{};
      break;
  }
}

void Echo::list(ConnId conn, Session& session) {
  if (!session.listed && !session.filling.empty()) {
    session.listed = true;
    writable_.push_back(conn);
  }
}

void Echo::write(ConnId conn) {
  Session& session = sessions_[conn.index];
  if (session.generation != conn.generation) {
    return;  // it ended since it was listed, and another has its place
  }
  session.listed = false;
  if (session.busy || session.filling.empty()) {
    return;
  }
  session.busy = true;
  std::swap(session.sending, session.filling);
  const TxSlice slice{session.sending};
  transport_.send(conn, {&slice, 1});
}

}  // namespace pollux
