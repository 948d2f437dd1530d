#include "dataplane/sim/net/pcap.h"

#include <algorithm>
#include <cstdio>

#include "dataplane/tcp/wire/pcapng.h"

namespace pollux::tcp {

PcapWriter::PcapWriter(uint32_t snap_bytes) : snap_bytes_(snap_bytes) {
  append_pcapng_section(out_);
}

uint32_t PcapWriter::add_interface(std::string_view name) {
  append_pcapng_interface(out_, name, snap_bytes_);
  return interfaces_++;
}

void PcapWriter::write(uint32_t interface, Moment at, FrameView frame, std::string_view comment) {
  if (out_.size() > kBytesMax) {
    ++left_out_;
    return;
  }
  append_pcapng_frame(out_, {.interface = interface,
                             .ns = at.ns,
                             .captured = frame.first(std::min<size_t>(frame.size(), snap_bytes_)),
                             .size = static_cast<uint32_t>(frame.size()),
                             .comment = comment});
}

void PcapWriter::tap(Link& link, Where where) {
  if (where != Where::kEnd) {
    taps_.emplace_back(*this, add_interface(link.name() + ", sent"), where);
    link.add_tap(taps_.back());
  }
  if (where != Where::kBegin) {
    taps_.emplace_back(*this, add_interface(link.name() + ", arrived"), Where::kEnd);
    link.add_tap(taps_.back());
  }
}

void PcapWriter::Tap::see(Moment now, NetEvent event, FrameView frame) {
  if (event == NetEvent::kArrived) {
    if (where_ == Where::kEnd) {
      writer_.write(interface_, now, frame);
    }
  } else if (event == NetEvent::kLostUnderWay) {
    if (where_ != Where::kBoth) {
      writer_.write(interface_, now, frame, name_of(event));
    }
  } else if (where_ != Where::kEnd) {
    see_offered(now, event, frame);
  }
}

void PcapWriter::Tap::see_offered(Moment now, NetEvent event, FrameView frame) {
  if (event == NetEvent::kOffered) {
    offered_.assign(frame.begin(), frame.end());
    comment_.clear();
    return;
  }
  if (event != NetEvent::kOnItsWay) {
    comment_ += comment_.empty() ? "" : ", ";
    comment_ += name_of(event);
  }
  if (event == NetEvent::kOnItsWay || is_loss(event)) {
    writer_.write(interface_, now, offered_, comment_);
  }
}

bool PcapWriter::save(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    return false;
  }
  const bool is_written = std::fwrite(out_.data(), 1, out_.size(), file) == out_.size();
  return std::fclose(file) == 0 && is_written;
}

}  // namespace pollux::tcp
