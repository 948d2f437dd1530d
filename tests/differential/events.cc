#include "tests/differential/events.h"

#include <poll.h>
#include <unistd.h>

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

EventStreams::EventStreams(const Place& redis, const Place& pollux, bool one_order)
    : redis_(redis), pollux_(pollux), one_order_(one_order) {}

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

std::string EventStreams::Event::key() const {
  const std::string of = subject();
  return of.substr(of.find(':') + 1);
}

std::string EventStreams::Event::name() const {
  return channel.starts_with("__keyspace") ? text : channel.substr(channel.find("__:") + 3);
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
    events.push_back(std::move(event));
  }
}

std::optional<EventStreams::Difference> EventStreams::take(const std::string& marker) {
  std::vector<Event> redis;
  std::vector<Event> pollux;
  if (!read_to(redis_, marker, redis) || !read_to(pollux_, marker, pollux)) {
    return Difference{"a listener to key events got no marker", std::to_string(redis.size()),
                      std::to_string(pollux.size())};
  }
  std::map<std::string, std::vector<Event>> by_key[2];
  for (const std::vector<Event>* side : {&redis, &pollux}) {
    for (const Event& event : *side) {
      by_key[side == &pollux][one_order_ ? "all" : event.subject()].push_back(event);
    }
  }
  for (const auto& [subject, events] : by_key[0]) {
    by_key[1].try_emplace(subject);
  }
  for (const auto& [subject, theirs] : by_key[1]) {
    if (auto difference = compare(subject, by_key[0][subject], theirs)) {
      return difference;
    }
  }
  return std::nullopt;
}

std::optional<EventStreams::Difference> EventStreams::compare(const std::string& subject,
                                                              const std::vector<Event>& redis,
                                                              const std::vector<Event>& pollux) {
  const auto expired = [](const Event& event) { return event.name() == "expired"; };
  size_t i = 0;
  size_t j = 0;
  while (i < redis.size() || j < pollux.size()) {
    const Event* wanted = i < redis.size() ? &redis[i] : nullptr;
    const Event* theirs = j < pollux.size() ? &pollux[j] : nullptr;
    if (wanted != nullptr && expired(*wanted)) {
      deaths_[wanted->key()].redis++;
      i++;
    } else if (theirs != nullptr && expired(*theirs)) {
      deaths_[theirs->key()].pollux++;
      dead_[theirs->subject()]++;
      j++;
    } else if (wanted != nullptr && theirs != nullptr && wanted->shown() == theirs->shown()) {
      dead_.erase(wanted->subject());
      i++;
      j++;
    } else if (wanted != nullptr && wanted->name() == "del" && dead_[wanted->subject()] > 0) {
      deaths_[wanted->key()].redis++;
      dead_[wanted->subject()]--;
      i++;
    } else {
      return Difference{"events of " + printable(subject, 100) + " differ",
                        wanted != nullptr ? wanted->shown() : "(no event)",
                        theirs != nullptr ? theirs->shown() : "(no event)"};
    }
  }
  return std::nullopt;
}

std::optional<EventStreams::Difference> EventStreams::compare_deaths() const {
  for (const auto& [key, deaths] : deaths_) {
    if (deaths.redis != deaths.pollux) {
      return Difference{"how often " + printable(key, 100) + " expired differs (on two channels)",
                        std::to_string(deaths.redis), std::to_string(deaths.pollux)};
    }
  }
  return std::nullopt;
}

}  // namespace pollux
