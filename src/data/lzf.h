// LZF, the compression of strings in DUMP payloads and RDB files. What we compress is byte for byte
// what liblzf makes of it (Debian's liblzf-dev, with which redis-server compresses): its way, in
// code of our own, which also sees in 20 ns of most texts of up to 35 bytes that they won't get
// shorter. Unpacking is liblzf's, which checks both buffers. Inputs may have any length, also none.
// Any thread; one that compresses keeps 256 KiB for it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pollux {

// The shortest string that redis-server compresses, and what it has to save at least.
inline constexpr size_t kLzfWorthBytes = 21;
inline constexpr size_t kLzfSavedBytes = 4;

// Compresses `bytes` into `out`, which doesn't overlap; returns the length, 0 if it does not fit.
// What stands in `out` behind that length is undefined.
size_t lzf_pack(std::string_view bytes, std::span<char> out);

// Whether `packed`, from wherever, is something that unpacks to out.size() bytes exactly. If not,
// what stands in `out` is undefined. Reads and writes nothing outside; the time is linear in both.
bool lzf_unpack(std::string_view packed, std::span<char> out);

}  // namespace pollux
