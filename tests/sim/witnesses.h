// Clients of a server that crashes, who know what must be there afterwards. What a crash leaves is
// to be a prefix of the history, so each writes so that it can be told from its keys how far that
// prefix goes; and each remembers what it was told when, which the prefix has to reach: all of it
// with appendfsync always, all but the last seconds with everysec. Also what was only read.
//
// FLUSHALL comes in between: who does it counts how often, in a key, so what was told is known to
// be of before or behind the last one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dataplane/sim/test_client.h"
#include "tests/sim/lives.h"

namespace pollux {

// When a request left.
struct Sent {
  int64_t flush = 0;    // the last one that had been answered
  int64_t at_us = 0;
  uint64_t period = 0;  // of the promise that held; 0: none
};
// What its reply is worth.
struct Told {
  int64_t flush = 0;
  bool certain = false;  // whatever happens
  uint64_t period = 0;   // of everysec, else 0
  int64_t at_us = 0;  // without gaps
};

// What the server has promised, over all of its lives.
class Promise {
 public:
  enum class Kind : uint8_t { kNone, kEverysec, kAlways };
  // What everysec may lose was answered so long before the last write that was done was sent: a
  // second to the next sync, a second that it may take, and what this test's time jumps by.
  static constexpr int64_t kLossUsMax = 3'000'000;
  // Time in which no write is done counts as that: while the disk is full, none is accepted, and
  // those of the last second before are not on disk yet.
  static constexpr int64_t kGapUsMax = 500'000;

  void begin(Kind kind) { kind_ = kind, ++period_, last_write_us_ = written_us_ = 0; }
  // It is going to be another.
  void end() { kind_ = Kind::kNone; }
  // All that was told is to be there: of a server that has not crashed, or has ended well.
  void keep_all(bool all) { all_ = all; }
  // How errors begin that may come.
  void set_refusals(const std::vector<std::string>& refusals) { refusals_ = refusals; }
  bool may_come(const Answer& answer) const;
  Kind kind() const { return kind_; }

  Sent sent(Instant now) const { return {flush_, now.us, kind_ == Kind::kNone ? 0 : period_}; }
  Told told(const Sent& sent, Instant now, bool write);
  // Whether it is to be there, if the last FLUSHALL that is there is number `flush`.
  bool holds(const Told& told, int64_t flush) const;

  // WAITAOF has said that all is on disk.
  void waited() { ++waits_; }
  int64_t waits() const { return waits_; }

  int64_t flush() const { return flush_; }
  void flushed(int64_t flush) { flush_ = std::max(flush_, flush); }
  void reset(int64_t flush) { flush_ = flush, all_ = false, end(); }

 private:
  int64_t us_since_write(int64_t at_us) const {
    return std::clamp<int64_t>(at_us - last_write_us_, 0, kGapUsMax);
  }

  Kind kind_ = Kind::kNone;
  bool all_ = false;
  uint64_t period_ = 0;
  int64_t flush_ = 0;  // the last one that was answered
  int64_t last_write_us_ = 0;
  int64_t written_us_ = 0;  // then, without gaps
  int64_t waits_ = 0;
  std::vector<std::string> refusals_;
};

// A number that has been reached, as far as anybody was told.
class Reached {
 public:
  void add(int64_t number, const Told& told) { all_[number].push_back(told); }
  // The highest one that must have been; `none` without.
  int64_t least(const Promise& promise, int64_t flush, int64_t none) const;
  // How many must have been between the two.
  int64_t between(int64_t low, int64_t high, const Promise& promise, int64_t flush) const;
  // What is there is certain, and nothing else is known.
  void reset(int64_t number, int64_t flush);
  void clear() { all_.clear(); }

 private:
  std::map<int64_t, std::vector<Told>> all_;
};

// What a survivor has, as a witness has asked for it.
using Answers = std::vector<Answer>;

class Witness {
 public:
  explicit Witness(Promise& promise) : promise_(promise) {}
  virtual ~Witness() = default;

  // A life begins.
  virtual void attach(LiveServer& server, int worker);
  // Takes what came; does something now and then.
  void act();
  void receive() { client_->receive(); }
  void send() { client_->send_pipeline(); }
  // What came and can't be; empty if nothing did.
  std::string garbage() const { return client_->garbage().empty() ? wrong_ : client_->garbage(); }
  // Requests whose answers tell what is left of its keys.
  virtual std::vector<Request> look() const = 0;
  // What is wrong with that, behind `flush` FLUSHALLs; empty if nothing is.
  virtual std::string judge(const Answers& answers, int64_t flush) = 0;
  // That is what there is now.
  virtual void adopt(const Answers& answers, int64_t flush) = 0;

 protected:
  using Took = std::function<void(const Answer&, const Told&)>;

  virtual void go() = 0;
  virtual size_t awaited_max() const { return 0; }
  // It does something in one of so many turns.
  virtual uint64_t idleness() const { return 5; }
  // A request. An error is for `refused`.
  void add(const Request& request, Took took = {}, bool write = true,
           std::function<void()> refused = {});
  LiveServer& server() { return *server_; }
  Rng& rng() { return server_->rng(); }

  Promise& promise_;

 private:
  LiveServer* server_ = nullptr;
  std::unique_ptr<TestClient> client_;
  std::string wrong_;
};

// Writes 1, 2, 3 ... into some keys in turns, in a database of its own, alone or two of them
// together, and now and then waits until that is on disk.
class Sequencer final : public Witness {
 public:
  static constexpr int64_t kKeys = 5;
  Sequencer(Promise& promise, int number, bool pipelines);
  void attach(LiveServer& server, int worker) override;
  std::vector<Request> look() const override;
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;

  int db() const { return db_; }
  std::string key(int64_t i) const;
  void seen(int64_t i, const Told& told) { reached_.add(i, told); }
  // As judge has found it last; 0: none of its keys is there.
  int64_t found() const { return found_; }

 private:
  void go() override;
  size_t awaited_max() const override { return pipelines_ ? 5 : 0; }
  void add_two(bool multi);
  void add_wait();
  void done(int64_t i, const Told& told);

  const std::string name_;
  const int db_;
  const bool pipelines_;
  int64_t sent_ = 0;
  int64_t done_ = 0;  // of these, in this life; 0: none
  Told done_told_;
  std::set<int64_t> halves_;  // the first ones of two
  Reached reached_;
  int64_t found_ = 0;
};

// Reads what a sequencer has written, and writes down what it has seen.
class Reader final : public Witness {
 public:
  Reader(Promise& promise, int number, Sequencer& sequencer)
      : Witness(promise), key_("seen:" + std::to_string(number)), sequencer_(sequencer) {}
  void attach(LiveServer& server, int worker) override;
  std::vector<Request> look() const override;
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;

 private:
  void go() override;
  // What is not durable yet is to be read, too.
  uint64_t idleness() const override { return 2; }

  const std::string key_;
  Sequencer& sequencer_;
  int64_t last_ = 0;
  std::map<int64_t, int64_t> flushes_;  // by what was seen: those that were before
};

// Sets a key to long values of which each piece tells its number, so that a hole in one can be
// seen: sectors that a crash has left out, which read as zeros.
class Weaver final : public Witness {
 public:
  Weaver(Promise& promise, int number)
      : Witness(promise), key_("long:" + std::to_string(number)) {}
  std::vector<Request> look() const override { return {{"GET", key_}}; }
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;
  // Values with holes that were found, all of them never promised: without checksums in the file
  // nobody can tell (storage/README.md).
  int holes() const { return holes_; }

 private:
  void go() override;
  static size_t size_of(int64_t i);
  static std::string text_of(int64_t i);
  // Which value that is, whatever holes it has: 0: none, -1: none that was sent.
  int64_t number_of_text(const std::string& text) const;

  const std::string key_;
  int64_t sent_ = 0;
  Reached reached_;
  std::string adopted_;  // what the last life has found, and its number
  int64_t adopted_number_ = 0;
  int holes_ = 0;
};

// Moves money in transactions.
class Banker final : public Witness {
 public:
  static constexpr int kAccounts = 8;
  static constexpr int kMoney = 100;
  static std::string account(uint64_t i) { return "account:" + std::to_string(i); }
  using Witness::Witness;
  std::vector<Request> look() const override;
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers&, int64_t) override {}

 private:
  void go() override;
};

// Empties everything and counts how often; then there are accounts again.
class Flusher final : public Witness {
 public:
  Flusher(Promise& promise, bool again) : Witness(promise), again_(again) {}
  // The first one of all is to come before the others begin.
  void begin_first();
  std::vector<Request> look() const override { return {{"GET", "flushes"}}; }
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;
  static int64_t flushes(const Answer& answer);

 private:
  void go() override;
  void flush();

  const bool again_;
  int64_t sent_ = 0;
  Reached reached_;
};

// A list that one pushes to.
class Pusher final : public Witness {
 public:
  // `moves`: elements go on into a second list, else they are taken.
  Pusher(Promise& promise, int number, bool moves);
  std::vector<Request> look() const override;
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;

  const std::string& from() const { return from_; }
  const std::string& to() const { return to_; }
  bool moves() const { return moves_; }
  void add_taker() { ++takers_; }
  void taken(int64_t i, const Told& told);

 private:
  void go() override;

  const std::string from_;
  const std::string to_;
  const bool moves_;
  int64_t takers_ = 0;
  int64_t sent_ = 0;
  int64_t taken_max_ = 0;  // of what takers were told
  Reached pushed_;
  Reached taken_;
};

// Waits for what comes there.
class Taker final : public Witness {
 public:
  Taker(Promise& promise, Pusher& pusher) : Witness(promise), pusher_(pusher) {
    pusher.add_taker();
  }
  std::vector<Request> look() const override { return {}; }
  std::string judge(const Answers&, int64_t) override { return ""; }
  void adopt(const Answers&, int64_t) override {}

 private:
  void go() override;
  Pusher& pusher_;
};

// Adds members to a set, and has some of them taken out, whichever.
class Drawer final : public Witness {
 public:
  Drawer(Promise& promise, int number)
      : Witness(promise), key_("set:" + std::to_string(number)) {}
  std::vector<Request> look() const override { return {{"SMEMBERS", key_}}; }
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;

 private:
  void go() override;

  const std::string key_;
  int64_t sent_ = 0;
  std::map<int64_t, Told> added_;
  std::map<int64_t, Told> drawn_;
  uint64_t draws_ = 0;  // under way
};

// A key that comes with a short time to live, again and again; now and then it is kept for good, or
// deleted.
class Locker final : public Witness {
 public:
  Locker(Promise& promise, int number)
      : Witness(promise), key_("lock:" + std::to_string(number)) {}
  std::vector<Request> look() const override { return {{"PTTL", key_}, {"GET", key_}}; }
  std::string judge(const Answers& answers, int64_t flush) override;
  void adopt(const Answers& answers, int64_t flush) override;

 private:
  struct Step {
    int64_t value = 0;  // 0: not there
    bool ends = false;
    bool answered = false;
    Told told;
  };
  void go() override;
  // What is to be after the request, if its answer does not say otherwise.
  void add_step(const Request& request, int64_t value, bool ends);

  const std::string key_;
  int64_t number_ = 0;
  std::vector<Step> steps_{1};
};

}  // namespace pollux
