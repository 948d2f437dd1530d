// A learning switch: forwards a frame to where its destination was last heard from, and to all
// ports but its own if that is nowhere, or a group. It takes no time itself; its queues are those
// of the links that leave it. Networks are trees: there is no spanning tree protocol, and a loop
// would flood for ever.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/tcp/wire/address.h"

namespace pollux::tcp {

class Switch final : public FrameSink {
 public:
  // Addresses beyond are not learnt, and so flooded.
  static constexpr size_t kAddressesMax = 4'096;

  explicit Switch(std::string name) : name_(std::move(name)) {}

  // The link that leaves by the next port; returns the port's number, from 0.
  uint32_t add_port(Link& out);
  void arrive(Frame frame, uint32_t port) override;
  // All that was learnt, as after a restart.
  void forget() { ports_of_.clear(); }

  const std::string& name() const { return name_; }
  size_t ports() const { return outs_.size(); }
  size_t learnt() const { return ports_of_.size(); }
  uint64_t forwarded() const { return forwarded_; }
  uint64_t flooded() const { return flooded_; }
  uint64_t filtered() const { return filtered_; }  // its destination is where it came from
  uint64_t runts() const { return runts_; }        // without a whole Ethernet header: dropped

 private:
  void flood(const Frame& frame, uint32_t except);

  const std::string name_;
  std::vector<Link*> outs_;
  std::map<MacAddress, uint32_t> ports_of_;
  uint64_t forwarded_ = 0;
  uint64_t flooded_ = 0;
  uint64_t filtered_ = 0;
  uint64_t runts_ = 0;
};

}  // namespace pollux::tcp
