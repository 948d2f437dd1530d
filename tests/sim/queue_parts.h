// Parts about blocking commands: who puts elements into queues, who waits for them, who moves them
// on, who ends waits. Every element has a name that never comes again, so its way can be told.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/parts.h"

namespace pollux {

// What all who work on the queues of one play know together. Any thread.
class Yard {
 public:
  // Queues are sorted sets, else lists.
  bool zsets = false;

  void put(const std::string& element);
  // An element that somebody was given; says what is wrong with that.
  std::string taken(const std::string& element);
  // What is left in the queues when all are done that are counted; others may go on taking.
  // `taken`: what had been taken when this was asked for.
  std::string left(const std::vector<std::string>& elements, const std::set<std::string>& taken);
  std::set<std::string> taken_by_now();
  // Nothing was lost but `lost_max` elements, which may have been on their way to who left.
  std::string account(size_t lost_max);

  std::atomic<int> busy{0};     // workers that have something to do still
  std::atomic<int> patient{0};  // of these, those who would wait for ever

 private:
  std::mutex mutex_;
  std::set<std::string> put_;
  std::set<std::string> taken_;
  std::set<std::string> left_;
};

// One who works there: says when it is done, if it is to be waited for.
class Yardman : public Actor {
 public:
  Yardman(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, bool counted);

 protected:
  void act() final;
  virtual void work() = 0;
  // It has done its last.
  virtual void finished() {}
  void ask_anything(const Request& request) { ask(request, {}); }

  Yard& yard_;

 private:
  const bool counted_;
  int works_left_;
};

// Puts elements into queues, in all ways in which a queue comes to life.
class Producer final : public Yardman {
 public:
  // The name must be this actor's alone. `in_order`: only at the end, one by one.
  Producer(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, Keys queues,
           std::string name, bool in_order = false);
  const std::string& own_queue() const { return own_; }

 private:
  void work() override;
  Request push(const std::string& queue);
  std::string fresh();
  Keys queues_;
  std::string name_;
  std::string own_;  // a queue that is not among the others
  bool in_order_;
  int64_t count_ = 0;
};

// Waits for elements.
class Consumer final : public Yardman {
 public:
  enum class Mode : uint8_t {
    kHurried,  // for a short time, on some queues
    kPatient,  // for ever, on all
    kInOrder,  // the first of one queue: it never gets an older one of the same producer
  };

  Consumer(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, bool counted,
           Keys queues, Mode mode);
  // CLIENT ID; 0: not known yet.
  int64_t client_id() const { return client_id_; }

 private:
  void work() override;
  void finished() override;
  void wait(const Keys& queues, const std::string& timeout);
  void take(const Answer& answer);
  void take_one(const std::string& element);
  Keys queues_;
  Mode mode_;
  std::atomic<int64_t> client_id_{0};
  std::map<std::string, int64_t> newest_;  // by producer
};

// Moves elements from one list to another, and waits for them.
class Conveyor final : public Yardman {
 public:
  Conveyor(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, bool counted,
           std::string from, std::string to);

 private:
  void work() override;
  std::string from_;
  std::string to_;
};

// Ends the waits of patient ones, and sees at the same moment whether there was anything for them.
class Releaser final : public Yardman {
 public:
  Releaser(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, Keys queues,
           std::vector<const Consumer*> waiting);

 private:
  void work() override;
  Keys queues_;
  std::vector<const Consumer*> waiting_;
};

// Looks into all queues of both databases at one moment: no element is twice there. When all others
// are done it keeps what is left.
class Inspector final : public Actor {
 public:
  Inspector(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, Keys queues);

 private:
  void act() override;
  Yard& yard_;
  Keys queues_;
};

}  // namespace pollux
