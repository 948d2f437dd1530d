#include "dataplane/sim/net/trace.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "dataplane/sim/net/chance.h"
#include "dataplane/sim/net/frame_peek.h"

namespace pollux::tcp {

uint32_t Trace::add_place(std::string name) {
  places_.push_back(std::move(name));
  return static_cast<uint32_t>(places_.size() - 1);
}

void Trace::record(Moment now, uint32_t place, NetEvent event, FrameView frame) {
  const uint64_t what = static_cast<uint64_t>(place) << 8 | static_cast<uint64_t>(event);
  hash_ = mixed(hash_ + hash_of(frame));
  hash_ = mixed(hash_ + static_cast<uint64_t>(now.ns));
  hash_ = mixed(hash_ + what);
  if (!ring_.empty()) {
    Record& record = ring_[events_ % ring_.size()];
    record.at = now;
    record.place = place;
    record.event = event;
    record.frame_bytes = static_cast<uint32_t>(frame.size());
    std::copy_n(frame.data(), std::min(frame.size(), kHeadBytes), record.head.data());
  }
  ++events_;
}

std::string Trace::text() const {
  std::string lines;
  const uint64_t kept = std::min<uint64_t>(events_, ring_.size());
  for (uint64_t i = events_ - kept; i < events_; ++i) {
    lines += line(ring_[i % ring_.size()]);
  }
  return lines;
}

std::string Trace::line(const Record& record) const {
  char moment[40];
  std::snprintf(moment, sizeof moment, "%" PRId64 ".%09" PRId64 " ", record.at.ns / kSecondNs,
                record.at.ns % kSecondNs);
  std::string out = moment + places_[record.place] + ": ";
  out += name_of(record.event);
  if (record.frame_bytes != 0) {
    // The head stands for the whole frame, so that lengths come out right.
    Frame frame(record.frame_bytes);
    std::copy_n(record.head.data(), std::min(frame.size(), kHeadBytes), frame.data());
    out += ", " + std::to_string(frame.size()) + " bytes, " + describe(frame);
  }
  return out + "\n";
}

}  // namespace pollux::tcp
