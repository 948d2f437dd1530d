#include "dataplane/sim/net/pcap.h"

#include <algorithm>
#include <cstdio>

namespace pollux::tcp {

namespace {

constexpr uint32_t kSectionBlock = 0x0A0D0D0A;
constexpr uint32_t kInterfaceBlock = 1;
constexpr uint32_t kPacketBlock = 6;
constexpr uint32_t kByteOrder = 0x1A2B3C4D;
constexpr uint16_t kLinkEthernet = 1;
constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionComment = 1;
constexpr uint16_t kOptionName = 2;
constexpr uint16_t kOptionResolution = 9;
constexpr char kNanoseconds = 9;  // 10^-9 s

// One block in the byte order of this machine, as the magic number tells readers.
class Block {
 public:
  Block(std::string& out, uint32_t type) : out_(out), begin_(out.size()) {
    u32(type);
    u32(0);
  }
  void u16(uint16_t value) { raw(&value, sizeof value); }
  void u32(uint32_t value) { raw(&value, sizeof value); }
  void padded(const void* bytes, size_t size) {
    raw(bytes, size);
    out_.append((4 - size % 4) % 4, '\0');
  }
  void option(uint16_t code, std::string_view value) {
    u16(code);
    u16(static_cast<uint16_t>(value.size()));
    padded(value.data(), value.size());
  }
  // Its length stands at both ends.
  void end() {
    const auto length = static_cast<uint32_t>(out_.size() - begin_ + 4);
    u32(length);
    out_.replace(begin_ + 4, 4, reinterpret_cast<const char*>(&length), 4);
  }

 private:
  void raw(const void* bytes, size_t size) { out_.append(static_cast<const char*>(bytes), size); }

  std::string& out_;
  const size_t begin_;
};

}  // namespace

PcapWriter::PcapWriter(uint32_t snap_bytes) : snap_bytes_(snap_bytes) {
  Block section(out_, kSectionBlock);
  section.u32(kByteOrder);
  section.u16(1);  // version 1.0
  section.u16(0);
  section.u32(UINT32_MAX);  // of unknown length, 64 bits
  section.u32(UINT32_MAX);
  section.end();
}

uint32_t PcapWriter::add_interface(std::string_view name) {
  Block interface(out_, kInterfaceBlock);
  interface.u16(kLinkEthernet);
  interface.u16(0);
  interface.u32(snap_bytes_);
  interface.option(kOptionName, name);
  interface.option(kOptionResolution, {&kNanoseconds, 1});
  interface.option(kOptionEnd, {});
  interface.end();
  return interfaces_++;
}

void PcapWriter::write(uint32_t interface, Moment at, FrameView frame, std::string_view comment) {
  if (out_.size() > kBytesMax) {
    ++left_out_;
    return;
  }
  const size_t captured = std::min<size_t>(frame.size(), snap_bytes_);
  const auto ns = static_cast<uint64_t>(at.ns);
  Block packet(out_, kPacketBlock);
  packet.u32(interface);
  packet.u32(static_cast<uint32_t>(ns >> 32));
  packet.u32(static_cast<uint32_t>(ns));
  packet.u32(static_cast<uint32_t>(captured));
  packet.u32(static_cast<uint32_t>(frame.size()));
  packet.padded(frame.data(), captured);
  if (!comment.empty()) {
    packet.option(kOptionComment, comment);
    packet.option(kOptionEnd, {});
  }
  packet.end();
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
