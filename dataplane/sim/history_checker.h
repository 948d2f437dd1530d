// Reads a journal as the storage thread would, and forgets it: for tests of what the workers put
// in.
#pragma once

#include <cstdint>

#include "storage/journal.h"
#include "storage/journal_reader.h"

namespace pollux {

class HistoryChecker {
 public:
  explicit HistoryChecker(int workers) : journal_(static_cast<size_t>(workers)) {}

  Journal& journal() { return journal_; }
  // Takes what has come, in the order of the history; fn(part) for each.
  template <typename Fn>
  void take(Fn fn) {
    while (const JournalPart* part = reader_.next()) {
      fn(*part);
      reader_.pop();
    }
  }
  // Takes it. True if each ticket that was drawn was there. Meaningful when no worker runs.
  bool dense() {
    take([](const JournalPart&) {});
    return reader_.taken() == journal_.drawn();
  }

 private:
  Journal journal_;
  JournalReader reader_{journal_};
};

}  // namespace pollux
