// Takes what all lanes of a journal hold, in the order of the one history: ticket n+1 after n,
// without gaps. One thread, as its owner says.
//
//   while (const JournalPart* part = reader.next()) { ...; reader.pop(); }
//   reader.taken(): all tickets up to that one were taken, whole
#pragma once

#include <cstddef>

#include "storage/journal.h"

namespace pollux {

class JournalReader {
 public:
  // Nothing of the journal was read before.
  explicit JournalReader(Journal& journal) : journal_(journal) {}

  // The part that is next in the history; null if it was not published yet. The view lives until
  // pop().
  const JournalPart* next();
  void pop();
  // The last ticket of which all was popped.
  Ticket taken() const { return taken_; }

 private:
  Journal& journal_;
  Ticket taken_;
  JournalPart part_;
  size_t lane_ = 0;  // where the last part was: most often the next one is there, too
  bool there_ = false;  // part_ is, in lane_
};

}  // namespace pollux
