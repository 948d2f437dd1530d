// Keyspace notifications of both servers, compared: one connection to each listens to all of them
// while the streams run. Events of a key must come in the same order with the same names, on the
// key's channel and on the event's; with one worker, events of all keys must, too.
//
// "expired" has no place in that order: when a key that nobody asks for is found to be dead is each
// server's own. But a key dies once: of each name the deaths are counted, and are as many on both
// sides when all keys have been asked for. Where Redis says "del" of a key that Pollux says
// "expired" of (known.md), the two are one event, and a death.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/link.h"

namespace pollux {

class EventStreams {
 public:
  EventStreams(const Place& redis, const Place& pollux, bool one_order);

  // On fresh connections; false if a server does not answer.
  bool listen();

  // The channel that a marker must be published to, on both servers, behind what was done; then
  // take reads up to the marker with this text.
  static constexpr const char* kMarkerChannel = "__keyspace@end__:marker";
  struct Difference {
    std::string what;
    std::string redis;
    std::string pollux;
  };
  std::optional<Difference> take(const std::string& marker);

  // Whether the deaths since forget_deaths are as many on both sides.
  std::optional<Difference> compare_deaths() const;
  // FLUSHALL: a dead key that nobody has found is gone with the others, and nobody tells. All keys
  // must have been asked for since, or what died since is forgotten on one side alone.
  void forget_deaths() {
    deaths_.clear();
    dead_.clear();
  }

 private:
  struct Event {
    std::string channel;
    std::string text;
    std::string shown() const { return channel + " " + text; }
    // "db:key" that it is about.
    std::string subject() const;
    // The key alone: what SWAPDB moves is found dead there or here.
    std::string key() const;
    // What happened: del, expired, ...
    std::string name() const;
  };
  struct Side {
    explicit Side(const Place& place) : link(place) {}
    Link link;
    std::string bytes;
  };
  static bool subscribe(Side& side);
  static bool read_to(Side& side, const std::string& marker, std::vector<Event>& events);
  std::optional<Difference> compare(const std::string& subject, const std::vector<Event>& redis,
                                    const std::vector<Event>& pollux);

  struct Deaths {
    int redis = 0;
    int pollux = 0;
  };
  Side redis_;
  Side pollux_;
  bool one_order_;
  std::map<std::string, Deaths> deaths_;  // by key
  // What Pollux has called expired, by "db:key", and how often since both servers last told the
  // same of it. Kept from one look to the next: Redis may say "del" of it much later.
  std::map<std::string, int> dead_;
};

}  // namespace pollux
