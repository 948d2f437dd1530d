// Parts about TTLs of hash fields: hashes whose fields end all the time while they are renamed,
// copied and flushed over the shards, and who reads them or hears of them. Every value has a name
// that never comes again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/parts.h"

namespace pollux {

// What all who play with the fields of one play know together. Any thread.
class FieldBook {
 public:
  FieldBook(int keepers, int listeners) : keeping(keepers), deaf(listeners) {}

  // Of all that has happened; what is written down later is greater.
  int64_t now();
  // The value may be in the hash from now on.
  void written(const std::string& key, const std::string& value);
  // Its keeper knows that it is not in the hash any more.
  void gone(const std::string& key, const std::string& value);
  // Somebody was told of it who asked at `asked_at`. Says what is wrong with that.
  std::string seen(const std::string& key, const std::string& value, int64_t asked_at);
  // The key went with its last field, or was deleted: an event del.
  void died(const std::string& key);
  std::map<std::string, int64_t> deaths();

  std::atomic<int> keeping;       // who is not done with that
  std::atomic<int> deaf;          // who does not listen yet
  std::atomic<int64_t> ended{0};  // fields, by their TTL

 private:
  std::mutex mutex_;
  int64_t now_ = 0;
  std::map<std::pair<std::string, std::string>, int64_t> gone_at_;  // 0: not yet
  std::map<std::string, int64_t> deaths_;
};

// The only one who writes its hashes, which have a database of their own, and always in a
// transaction that is told the time: so it knows to the millisecond what must be in them.
class FieldKeeper final : public Actor {
 public:
  static constexpr uint64_t kFields = 6;

  FieldKeeper(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book, Keys places,
              int db);

 private:
  struct Field {
    std::string value;
    int64_t at_ms;  // -1: for ever
  };
  using Fields = std::map<std::string, Field>;
  // What an element of EXEC's answer must be; and what is known then.
  using Step = std::function<bool(const Answer&)>;

  void act() override;
  void queue(const Request& request, Step step);
  void queue_looks();
  void queue_move();
  void queue_change();
  void queue_end();
  void take(const Answer& answer);
  void end_by(int64_t now_ms);
  void put(const std::string& place, const std::string& name, Field field);
  bool drop(const std::string& place, const std::string& name);
  void drop_all(const std::string& place, bool with_event);
  const std::string& some_place() { return places_[below(places_.size())]; }
  std::string some_field() { return "f" + std::to_string(below(kFields)); }

  FieldBook& book_;
  Keys places_;
  const std::string db_;
  int acts_left_;  // and on, until some field has ended by its TTL
  bool last_ = false;
  int64_t count_ = 0;
  bool selected_ = false;
  int64_t now_ms_ = 0;
  std::map<std::string, Fields> model_;  // by place
  std::vector<std::pair<Request, Step>> steps_;
  std::vector<std::pair<std::string, std::string>> gone_;  // place and value
};

// Reads hashes of keepers in all ways, from any worker: no value that was gone when it asked; and
// in a transaction nothing that has ended.
class FieldReader final : public Actor {
 public:
  struct Hash {
    std::string key;
    int db;
  };
  FieldReader(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book,
              std::vector<Hash> hashes);

 private:
  void act() override;
  void read_at_once(const std::string& key);
  void take(const std::string& key, const Answer& value, int64_t asked_at);
  FieldBook& book_;
  std::vector<Hash> hashes_;
};

// Listens to the events of the keepers' keys: none of a key that is not there, and in the end each
// has gone as often as it should have. It waits for what is still to come, for ever.
class FieldListener final : public Actor {
 public:
  FieldListener(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book);

 private:
  void act() override;
  bool take_push(const Answer& answer);
  FieldBook& book_;
  bool asked_ = false;
  std::map<std::string, bool> alive_;
  std::map<std::string, int64_t> deaths_;
};

}  // namespace pollux
