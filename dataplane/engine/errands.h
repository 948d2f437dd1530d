// The port to a thread that may block. Workers never touch a file; what an operator asks for that
// must (CONFIG REWRITE) is an errand: a tour that has made its visits is handed over, run there,
// and comes home through its worker's inbox. dataplane/server implements it; where there is none
// (seeded tests on one thread) errands run in place.
#pragma once

#include <functional>

namespace pollux {

class Errands {
 public:
  virtual ~Errands() = default;
  // Runs `errand` once, later, on the thread that may block. Any thread; returns at once.
  virtual void run(std::function<void()> errand) = 0;
};

}  // namespace pollux
