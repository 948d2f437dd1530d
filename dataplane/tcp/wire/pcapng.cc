#include "dataplane/tcp/wire/pcapng.h"

#include <cstddef>

namespace pollux::tcp {

namespace {

constexpr uint32_t kSectionBlock = 0x0A0D0D0A;
constexpr uint32_t kInterfaceBlock = 1;
constexpr uint32_t kPacketBlock = 6;
constexpr uint32_t kByteOrder = 0x1A2B3C4D;
constexpr uint16_t kLinkEthernet = 1;
constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionComment = 1;
constexpr uint16_t kOptionName = 2;        // of an interface
constexpr uint16_t kOptionFlags = 2;       // of a frame
constexpr uint16_t kOptionResolution = 9;  // of an interface
constexpr char kNanoseconds = 9;           // 10^-9 s

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

void append_pcapng_section(std::string& out) {
  Block section(out, kSectionBlock);
  section.u32(kByteOrder);
  section.u16(1);  // version 1.0
  section.u16(0);
  section.u32(UINT32_MAX);  // of unknown length, 64 bits
  section.u32(UINT32_MAX);
  section.end();
}

void append_pcapng_interface(std::string& out, std::string_view name, uint32_t snap_bytes) {
  Block interface(out, kInterfaceBlock);
  interface.u16(kLinkEthernet);
  interface.u16(0);
  interface.u32(snap_bytes);
  interface.option(kOptionName, name);
  interface.option(kOptionResolution, {&kNanoseconds, 1});
  interface.option(kOptionEnd, {});
  interface.end();
}

void append_pcapng_frame(std::string& out, const PcapngFrame& frame) {
  const auto ns = static_cast<uint64_t>(frame.ns);
  Block packet(out, kPacketBlock);
  packet.u32(frame.interface);
  packet.u32(static_cast<uint32_t>(ns >> 32));
  packet.u32(static_cast<uint32_t>(ns));
  packet.u32(static_cast<uint32_t>(frame.captured.size()));
  packet.u32(frame.size);
  packet.padded(frame.captured.data(), frame.captured.size());
  if (frame.direction != PcapngFrame::Direction::kUnknown) {
    const auto flags = static_cast<uint32_t>(frame.direction);  // 1: inbound, 2: outbound
    packet.option(kOptionFlags, {reinterpret_cast<const char*>(&flags), sizeof flags});
  }
  if (!frame.comment.empty()) {
    packet.option(kOptionComment, frame.comment);
  }
  if (frame.direction != PcapngFrame::Direction::kUnknown || !frame.comment.empty()) {
    packet.option(kOptionEnd, {});
  }
  packet.end();
}

}  // namespace pollux::tcp
