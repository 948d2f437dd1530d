// Captures of the simulated network that tcpdump, tshark and Wireshark read: one interface a tap,
// and lost frames with a comment that says how (filter: frame.comment).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

class PcapWriter {
 public:
  // Frames beyond are not written: a capture is for eyes. What was left out is counted.
  static constexpr size_t kBytesMax = 256 << 20;

  // Captured bytes of a frame; longer ones are cut.
  explicit PcapWriter(uint32_t snap_bytes = 65'535);

  // kBegin: what the sender puts on the link, with comments on what became of it there at once
  // (queue full, lost, changed); kEnd: what the receiver gets; kBoth: two interfaces. What is lost
  // under way stands at the end, with a comment, or, without an end, once more at the begin.
  enum class Where : uint8_t { kBegin, kEnd, kBoth };
  // The writer outlives the link's last frame.
  void tap(Link& link, Where where = Where::kBegin);

  // For what is no link. Returns the interface's number.
  uint32_t add_interface(std::string_view name);
  void write(uint32_t interface, Moment at, FrameView frame, std::string_view comment = {});

  const std::string& bytes() const { return out_; }
  uint64_t left_out() const { return left_out_; }
  // False if it can't be written, and errno says why.
  bool save(const std::string& path) const;

 private:
  class Tap final : public LinkTap {
   public:
    Tap(PcapWriter& writer, uint32_t interface, Where where)
        : writer_(writer), interface_(interface), where_(where) {}
    void see(Moment now, NetEvent event, FrameView frame) override;

   private:
    void see_offered(Moment now, NetEvent event, FrameView frame);

    PcapWriter& writer_;
    const uint32_t interface_;
    const Where where_;    // kBoth: at the begin, and there is another at the end
    Frame offered_;        // what is being offered, as it was sent
    std::string comment_;  // on it
  };

  const uint32_t snap_bytes_;
  uint32_t interfaces_ = 0;
  std::deque<Tap> taps_;
  std::string out_;
  uint64_t left_out_ = 0;
};

}  // namespace pollux::tcp
