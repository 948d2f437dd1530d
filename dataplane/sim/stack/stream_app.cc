#include "dataplane/sim/stack/stream_app.h"

#include <algorithm>
#include <array>

#include "dataplane/tcp/tables/siphash.h"

namespace pollux::tcp {

void StreamApp::fail(const std::string& what) {
  if (error_.empty()) {
    error_ = what;
  }
}

// Both ends find the same numbers, from the flow as the one who opened it sees it.
StreamApp::Stream& StreamApp::add(ConnId conn, bool active) {
  ++opened_;
  Flow flow = *stack_.flow(conn);
  if (!active) {
    std::swap(flow.local, flow.remote);
    std::swap(flow.local_port, flow.remote_port);
  }
  const uint64_t name = flow_hash({seed_, 0}, flow) & ~uint64_t{1};
  auto stream = std::make_unique<Stream>(seed_, name + !active, name + active);
  const auto bytes = [&](uint64_t direction) {
    return Rng(seed_ ^ (name + direction)).below(options_.bytes_max + 1);
  };
  stream->to_write = bytes(!active);
  stream->to_read = bytes(active);
  return *(streams_[conn] = std::move(stream));
}

bool StreamApp::connect(const IpAddress& to, uint16_t port, Moment now) {
  const std::optional<ConnId> conn = stack_.connect(to, port, now);
  if (!conn) {
    return false;
  }
  add(*conn, true);
  return true;
}

void StreamApp::on_event(const StackEvent& event, Moment now) {
  if (event.kind == StackEvent::Kind::kOpened) {
    add(event.conn, false).connected = true;
    return;
  }
  const auto at = streams_.find(event.conn);
  if (at == streams_.end()) {
    return fail("an event of no connection");
  }
  Stream& stream = *at->second;
  switch (event.kind) {
    case StackEvent::Kind::kOpened:
      break;
    case StackEvent::Kind::kConnected:
      stream.connected = true;
      break;
    case StackEvent::Kind::kData:
      bytes_ += event.bytes.size();
      if (stream.closed || stream.end_came) {
        fail("data behind the end");
      }
      if (!stream.reads.take(event.bytes)) {
        fail(stream.reads.error());
      }
      if (!stream.paused && rng_.below(100) < options_.pauses) {
        stream.paused = true;
        stream.resumes_at = now + static_cast<int64_t>(rng_.below(options_.pause_ns_max) + 1);
        stack_.pause(event.conn);
      }
      break;
    case StackEvent::Kind::kEnd:
      if (stream.closed || (stream.end_came && event.end == TcpEnd::kNone)) {
        fail("a second end");
      }
      stream.end_came = true;
      if (event.end == TcpEnd::kNone || event.end == TcpEnd::kClosed) {
        if (stream.reads.taken() != stream.to_read) {
          fail("the stream ended at " + std::to_string(stream.reads.taken()) + " of " +
               std::to_string(stream.to_read));
        }
        break;
      }
      ++broken_;
      last_break_ = std::string(name_of(event.end)) + " at " + std::to_string(now.ns);
      close(event.conn, stream, now);
      break;
    case StackEvent::Kind::kUnpinned:
      if (stream.pinned.empty()) {
        fail("given back what was not pinned");
      }
      std::ranges::fill(stream.pinned, 0xee);  // who still sends it is found
      stream.pinned.clear();
      break;
    case StackEvent::Kind::kClosed:
      if (!stream.closed || !stream.pinned.empty()) {
        fail("closed too early");
      }
      streams_.erase(at);
      break;
  }
}

void StreamApp::close(ConnId conn, Stream& stream, Moment now) {
  stream.closed = true;
  stack_.close(conn, now);
}

void StreamApp::write(ConnId conn, Stream& stream) {
  while (stream.written < stream.to_write) {
    const uint64_t bytes =
        std::min<uint64_t>(stream.to_write - stream.written, rng_.below(options_.write_max) + 1);
    const size_t cut = rng_.below(bytes + 1);
    const bool pins = rng_.below(100) < options_.pinned && stream.pinned.empty();
    const Connection* connection = stack_.connection(conn);
    if (!pins && connection != nullptr &&
        connection->unacknowledged_bytes() + bytes > options_.copy_limit) {
      return;  // it would not be taken; what is to be written costs more than all else
    }
    std::vector<uint8_t> memory(bytes);
    stream.writes.fill(memory, stream.written);
    const std::array<Bytes, 2> pieces = {Bytes(memory).first(cut), Bytes(memory).subspan(cut)};
    if (pins) {
      stream.pinned = std::move(memory);  // which leaves its bytes where they are
      stack_.write_pinned(conn, pieces);
    } else if (!stack_.write(conn, pieces, options_.copy_limit)) {
      return;
    }
    stream.written += bytes;
    if (rng_.below(4) == 0) {
      return;
    }
  }
  if (!stream.finished) {
    stream.finished = true;
    stack_.finish(conn);
  }
}

void StreamApp::run(Moment now) {
  for (const auto& [conn, stream] : streams_) {
    if (stream->closed) {
      continue;
    }
    if (stream->resumes_at <= now) {
      stream->paused = false;
      stream->resumes_at = kNever;
      stack_.resume(conn);
    }
    if (options_.aborts != 0 && rng_.below(10'000) < options_.aborts) {
      ++broken_;
      stack_.abort(conn);
      close(conn, *stream, now);
      continue;
    }
    if (stream->connected) {
      write(conn, *stream);
    }
    if (stream->end_came && stream->finished) {
      ++complete_;
      close(conn, *stream, now);
    }
  }
}

Moment StreamApp::next_deadline() const {
  Moment deadline = kNever;
  for (const auto& [conn, stream] : streams_) {
    deadline = std::min(deadline, stream->resumes_at);
  }
  return deadline;
}

std::string StreamApp::state() const {
  std::string text = std::to_string(opened_) + " opened, " + std::to_string(complete_) +
                     " complete, " + std::to_string(broken_) + " broken" +
                     (last_break_.empty() ? "" : ", the last " + last_break_) + "\n";
  for (const auto& [conn, stream] : streams_) {
    const Connection* connection = stack_.connection(conn);
    text += "  " + std::to_string(conn.index) + ": wrote " + std::to_string(stream->written) +
            " of " + std::to_string(stream->to_write) + ", read " +
            std::to_string(stream->reads.taken()) + " of " + std::to_string(stream->to_read) +
            (stream->paused ? ", paused" : "") + (stream->end_came ? ", end" : "") +
            (stream->closed ? ", closed" : "") +
            (connection == nullptr
                 ? ", over"
                 : ", " + std::string(name_of(connection->state())) + ", unacknowledged " +
                       std::to_string(connection->unacknowledged_bytes()) + ", window " +
                       std::to_string(connection->sender().window_bytes())) +
            "\n";
  }
  return text;
}

}  // namespace pollux::tcp
