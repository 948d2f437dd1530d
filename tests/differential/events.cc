#include "tests/differential/events.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "tests/differential/resp.h"

namespace pollux {

namespace {

constexpr int kPatienceMs = 20000;

// Appends what comes; false if nothing does in time, or the end.
bool read_more(int fd, std::string& bytes) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, kPatienceMs) != 1) {
    return false;
  }
  char buffer[65536];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got <= 0) {
    return false;
  }
  bytes.append(buffer, static_cast<size_t>(got));
  return true;
}

// Takes one whole reply off the front.
bool take_reply(int fd, std::string& bytes, ReplyTree& reply) {
  size_t length = reply_length(bytes);
  while (length == 0) {
    if (!read_more(fd, bytes)) {
      return false;
    }
    length = reply_length(bytes);
  }
  if (length == kBadReply) {
    return false;
  }
  reply = parse_reply(std::string_view(bytes).substr(0, length));
  bytes.erase(0, length);
  return true;
}

}  // namespace

EventStreams::EventStreams(int redis_port, int pollux_port, bool one_order)
    : redis_(redis_port), pollux_(pollux_port), one_order_(one_order) {}

bool EventStreams::listen() { return subscribe(redis_) && subscribe(pollux_); }

bool EventStreams::subscribe(Side& side) {
  side.bytes.clear();
  if (!side.link.open()) {
    return false;
  }
  std::string request;
  append_request({"CONFIG", "SET", "notify-keyspace-events", "KEAmn"}, request);
  append_request({"PSUBSCRIBE", "__key*__:*"}, request);
  ReplyTree reply;
  return write(side.link.fd(), request.data(), request.size()) ==
             static_cast<ssize_t>(request.size()) &&
         take_reply(side.link.fd(), side.bytes, reply) && reply.text == "OK" &&
         take_reply(side.link.fd(), side.bytes, reply);
}

std::string EventStreams::Event::subject() const {
  const size_t at = channel.find('@');
  const size_t colon = channel.find(':', at);
  const std::string db = channel.substr(at + 1, colon - at - 3);
  return db + ":" + (channel.starts_with("__keyspace") ? channel.substr(colon + 1) : text);
}

bool EventStreams::read_to(Side& side, const std::string& marker, std::vector<Event>& events) {
  for (;;) {
    ReplyTree reply;
    if (!take_reply(side.link.fd(), side.bytes, reply) || reply.items.size() != 4) {
      return false;
    }
    Event event{reply.items[2].text, reply.items[3].text};
    if (event.channel == kMarkerChannel) {
      if (event.text == marker) {
        return true;
      }
      continue;
    }
    const bool expired = event.channel.starts_with("__keyspace@")
                             ? event.text == "expired"
                             : event.channel.ends_with("__:expired");
    if (!expired) {
      events.push_back(std::move(event));
    }
  }
}

std::optional<EventStreams::Difference> EventStreams::take(const std::string& marker) {
  std::vector<Event> redis;
  std::vector<Event> pollux;
  if (!read_to(redis_, marker, redis) || !read_to(pollux_, marker, pollux)) {
    return Difference{"a listener to key events got no marker", std::to_string(redis.size()),
                      std::to_string(pollux.size())};
  }
  std::map<std::string, std::vector<std::string>> by_key[2];
  for (const Event& event : redis) {
    by_key[0][one_order_ ? "all" : event.subject()].push_back(event.shown());
  }
  for (const Event& event : pollux) {
    by_key[1][one_order_ ? "all" : event.subject()].push_back(event.shown());
  }
  for (const auto& [subject, events] : by_key[0]) {
    by_key[1].try_emplace(subject);
  }
  for (const auto& [subject, theirs] : by_key[1]) {
    const std::vector<std::string>& wanted = by_key[0][subject];
    const size_t common = std::min(wanted.size(), theirs.size());
    for (size_t i = 0; i < std::max(wanted.size(), theirs.size()); i++) {
      const std::string want = i < wanted.size() ? wanted[i] : "(no event)";
      const std::string have = i < theirs.size() ? theirs[i] : "(no event)";
      if (i >= common || want != have) {
        return Difference{"events of " + printable(subject, 100) + " differ", want, have};
      }
    }
  }
  return std::nullopt;
}

}  // namespace pollux
