#include "dataplane/sim/whole/resp_app.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pollux::tcp {
namespace {

constexpr uint32_t kKeys = 5;

std::string bulk(const std::string& text) {
  return "\"" + text + "\"";
}
std::string integer(int64_t number) {
  return ":" + std::to_string(number);
}

}  // namespace

void RespApp::fail(const std::string& what) {
  if (error_.empty()) {
    error_ = what;
  }
}

bool RespApp::connect(const IpAddress& to, uint16_t port, Moment now) {
  const std::optional<ConnId> conn = stack_.connect(to, port, now);
  if (!conn) {
    return false;
  }
  auto wire = std::make_unique<Wire>();
  wire->name = name_ + ":" + std::to_string(made_++);
  wires_[*conn] = std::move(wire);
  return true;
}

void RespApp::on_event(const StackEvent& event, Moment now) {
  const auto at = wires_.find(event.conn);
  if (at == wires_.end()) {
    return fail("an event of no connection");
  }
  Wire& wire = *at->second;
  switch (event.kind) {
    case StackEvent::Kind::kConnected:
      wire.connected = true;
      break;
    case StackEvent::Kind::kData:
      wire.received.append(reinterpret_cast<const char*>(event.bytes.data()), event.bytes.size());
      take_answers(wire);
      break;
    case StackEvent::Kind::kEnd:
      fail(wire.name + ": the connection ended (" + std::string(name_of(event.end)) + ") with " +
           std::to_string(wire.expected.size()) + " answers to come");
      wire.closed = true;
      stack_.close(event.conn, now);
      break;
    case StackEvent::Kind::kClosed:
      wires_.erase(at);
      break;
    case StackEvent::Kind::kOpened:
    case StackEvent::Kind::kUnpinned:
      fail("what a client does not get");
      break;
  }
}

void RespApp::take_answers(Wire& wire) {
  size_t position = 0;
  Answer answer;
  while (true) {
    const TakeStatus status = take_answer(wire.received, position, answer);
    if (status == TakeStatus::kMalformed) {
      return fail(wire.name + ": no RESP");
    }
    if (status == TakeStatus::kNone) {
      break;
    }
    if (wire.expected.empty()) {
      return fail(wire.name + ": an answer that nobody asked for: " + answer.shown());
    }
    if (answer.shown() != wire.expected.front()) {
      return fail(wire.name + ": " + answer.shown().substr(0, 100) + " instead of " +
                  wire.expected.front().substr(0, 100));
    }
    wire.expected.pop_front();
    ++answered_;
    answer = {};
  }
  wire.received.erase(0, position);
}

// A request, whose answer is then expected.
std::string RespApp::ask(Wire& wire) {
  const std::string key = wire.name + ":" + std::to_string(rng_.below(kKeys));
  const auto value = [this] {
    const uint64_t most = rng_.below(8) == 0 ? options_.value_max : 60;
    return std::string(rng_.below(most + 1), static_cast<char>('a' + rng_.below(26)));
  };
  const auto expect = [&wire](std::string text) { wire.expected.push_back(std::move(text)); };
  ++wire.asked;
  switch (rng_.below(8)) {
    case 0:
    case 1: {
      const std::string text = value();
      wire.strings[key] = text;
      expect("+OK");
      return encode({"SET", "s" + key, text});
    }
    case 2:
    case 3: {
      const auto at = wire.strings.find(key);
      expect(at == wire.strings.end() ? "nil" : bulk(at->second));
      return encode({"GET", "s" + key});
    }
    case 4:
      expect(integer(++wire.counters[key]));
      return encode({"INCR", "c" + key});
    case 5: {
      std::deque<std::string>& list = wire.lists[key];
      list.push_back(value());
      expect(integer(static_cast<int64_t>(list.size())));
      return encode({"RPUSH", "l" + key, list.back()});
    }
    case 6: {
      std::deque<std::string>& list = wire.lists[key];
      expect(list.empty() ? "nil" : bulk(list.front()));
      if (!list.empty()) {
        list.pop_front();
      }
      return encode({"LPOP", "l" + key});
    }
    default: {
      // Over shards.
      const bool is_there = wire.strings.erase(key) != 0;
      expect(integer(is_there));
      return encode({"DEL", "s" + key, "x" + key, "y" + key});
    }
  }
}

void RespApp::run(Moment now) {
  for (const auto& [conn, wire] : wires_) {
    if (wire->closed || !wire->connected) {
      continue;
    }
    while (wire->asked < options_.requests && wire->expected.size() < options_.awaited_max) {
      std::string requests;
      for (uint64_t i = rng_.below(options_.pipeline_max) + 1; i != 0; --i) {
        requests += ask(*wire);
      }
      const Bytes bytes{reinterpret_cast<const uint8_t*>(requests.data()), requests.size()};
      if (!stack_.write(conn, {&bytes, 1}, UINT32_MAX)) {
        fail("a write was refused");
      }
      if (rng_.below(3) == 0) {
        break;
      }
    }
    if (wire->asked >= options_.requests && wire->expected.empty()) {
      ++done_;
      wire->closed = true;
      stack_.close(conn, now);
    }
  }
}

std::string RespApp::state() const {
  std::string text =
      name_ + ": " + std::to_string(answered_) + " answers, " + std::to_string(done_) + " done\n";
  for (const auto& [conn, wire] : wires_) {
    const Connection* connection = stack_.connection(conn);
    text += "  " + wire->name + ": asked " + std::to_string(wire->asked) + ", awaits " +
            std::to_string(wire->expected.size()) +
            (connection == nullptr ? ", over" : ", " + std::string(name_of(connection->state()))) +
            "\n";
  }
  return text;
}

}  // namespace pollux::tcp
