// The blocks of a capture that tcpdump, tshark and Wireshark read: pcapng, times in nanoseconds, in
// the byte order of this machine. Text that is appended, to a string that becomes a file.
//
// https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng (blocks SHB, IDB, EPB).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

// As the first block; then the interfaces, numbered from 0; then frames.
void append_pcapng_section(std::string& out);
// Of Ethernet; frames are cut to `snap_bytes`.
void append_pcapng_interface(std::string& out, std::string_view name, uint32_t snap_bytes);

struct PcapngFrame {
  enum class Direction : uint8_t { kUnknown, kReceived, kSent };

  uint32_t interface = 0;
  int64_t ns = 0;     // since 1970, or whatever the clock's begin is
  Bytes captured;     // its first bytes
  uint32_t size = 0;  // of the whole
  Direction direction = Direction::kUnknown;
  std::string_view comment;
};
void append_pcapng_frame(std::string& out, const PcapngFrame& frame);

}  // namespace pollux::tcp
