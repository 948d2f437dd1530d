// What a host of the simulated network is: code that is given frames and time, and answers through
// its Machine (machine.h). A stack under test is wrapped in one of these.
#pragma once

#include <cstdint>

#include "dataplane/sim/net/frame.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

class Machine;

// All calls come from the machine's core, in turns: first what was sent, then what the test posted,
// frames up to HostConfig::burst_max, tick if it is due, and flush. `now` is what the host's own
// clock says at the beginning of the turn: the same in all of its calls.
class SimHost {
 public:
  virtual ~SimHost() = default;
  // Once, before everything else. The machine outlives all calls to the host.
  virtual void attached(Machine& machine) = 0;
  // The frame is the host's: it may keep it by moving it out. What it leaves dies with the call,
  // so that an address sanitizer finds whoever still looks at it.
  virtual void receive(Frame& frame, Moment now) = 0;
  // Called at next_deadline() or later: later if the core is busy or stalled. Afterwards the
  // deadline lies after `now`; a host that has more to do than one tick should takes several.
  virtual void tick(Moment now) = 0;
  // By the host's clock; kNever: none. Asked after each turn, so it is cheap.
  virtual Moment next_deadline() const = 0;
  // The end of a turn in which anything else was called: the place to answer in batches.
  virtual void flush(Moment /*now*/) {}
  // The device is done with what was sent under this token; until now its bytes must not change.
  virtual void sent(uint64_t /*token*/) {}
};

}  // namespace pollux::tcp
