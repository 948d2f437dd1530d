// The port to who writes the base of an append-only history: a snapshot as a file. The writer of
// the history owns this port and asks for one base at a time; both run on threads of their own, or
// not, and meet in these calls, which come from the history's thread.
//
// A snapshot has a cut, which the journal has, too (JournalPart::cut): all before it is in the
// base, nothing behind it is.
#pragma once

#include <cstdint>
#include <string>

namespace pollux {

class AofBaseMaker {
 public:
  enum class State : uint8_t {
    kUnderWay,
    kDone,     // it is there, as a file of the name that was given, and durable but for its name
    kFailed,   // the journal gets no cut of it any more
    kGivenUp,  // as kFailed, but not for the disk's sake: somebody else needed its place
  };

  virtual ~AofBaseMaker() = default;
  // False if another snapshot is under way, or somebody needs its place: try later.
  virtual bool order(const std::string& temporary) = 0;
  // Of the last one that was ordered.
  virtual State state() const = 0;
  // It is not needed any more. state() is kUnderWay until that is over; the file is the asker's to
  // remove.
  virtual void give_up() = 0;
  // What order() makes: an RDB file, or commands.
  virtual bool is_rdb() const = 0;
};

}  // namespace pollux
