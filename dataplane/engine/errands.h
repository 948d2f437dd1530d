// The port to a thread that may block. Workers never touch a file; what an operator asks for that
// must (CONFIG REWRITE) is an errand: a tour that has made its visits is handed over, run there,
// and comes home through its worker's box. dataplane/server implements it; where there is none
// (seeded tests on one thread) errands run in place.
#pragma once

#include <atomic>
#include <functional>

namespace pollux {

struct Tour;

class Errands {
 public:
  virtual ~Errands() = default;
  // Runs `errand` once, later, on the thread that may block. Any thread; returns at once.
  virtual void run(std::function<void()> errand) = 0;
};

// Where tours wait that are back from an errand: pushed by the thread that ran it, taken all at
// once by the worker at home.
class ErrandBox {
 public:
  // Any thread. Wake the worker afterwards if it sleeps: both sides are seq_cst ("push, then look
  // at the flag" here, "flag, then look at the box" there), so that one of them sees the other.
  void push(Tour& tour);
  // The worker. A chain by Tour::next_back, in no order; null if there is none.
  Tour* take() {
    // acquire: pairs with push; what the errand wrote into the tour is there.
    return first_.load(std::memory_order_relaxed) == nullptr
               ? nullptr
               : first_.exchange(nullptr, std::memory_order_acquire);
  }
  bool empty() const { return first_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  std::atomic<Tour*> first_{nullptr};
};

}  // namespace pollux
