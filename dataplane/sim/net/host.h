// What a host of the simulated network is: code that is given frames and time, and answers through
// its Machine (machine.h). A stack under test is wrapped in one of these.
#pragma once

#include <cstdint>

#include "dataplane/sim/net/frame.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

class Machine;

// All calls come from the machine's core, in turns: first what was sent, then what the test posted,
// frames up to HostConfig::burst_max, received, tick if it is due, and flush. `now` is what the
// host's own clock says at the beginning of the turn: the same in all of its calls.
//
// Timers come behind the frames that were there when they were found due, however many bursts that
// takes: an acknowledgement that waited in the ring while the core stood still is seen before the
// timeout that it makes void. A worker with a real NIC has to do the same.
class SimHost {
 public:
  virtual ~SimHost() = default;
  // Once, before everything else. The machine outlives all calls to the host.
  virtual void attached(Machine& machine) = 0;
  // The frame is the host's: it may keep it by moving it out. What it leaves dies with the call,
  // so that an address sanitizer finds whoever still looks at it.
  virtual void receive(Frame& frame, Moment now) = 0;
  // The frames of this turn were given, if there were any: the place to work on them together, as
  // a stack does that polls its device.
  virtual void received(Moment /*now*/) {}
  // Called at next_deadline() or later: later if the core is busy or stalled. Afterwards the
  // deadline lies after `now`, or the host has more to do than one tick should, or waits for what
  // it was refused (room, memory): then it is called again, turn after turn, each of which costs.
  virtual void tick(Moment now) = 0;
  // By the host's clock; kNever: none. Asked after each turn, so it is cheap.
  virtual Moment next_deadline() const = 0;
  // Whether it wants a turn as soon as the core is free, without anything to wait for: it has not
  // done all that there was, or it polls. Asked after each turn, and by Machine::kick. While it
  // says so the network is never idle.
  virtual bool wants_turn() const { return false; }
  // The end of a turn in which anything else was called: the place to answer in batches.
  virtual void flush(Moment /*now*/) {}
  // The device is done with what was sent under this token; until now its bytes must not change.
  virtual void sent(uint64_t /*token*/) {}
};

}  // namespace pollux::tcp
