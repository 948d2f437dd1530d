// LZF, the compression of strings in DUMP payloads and RDB files. The work is done by liblzf
// (Debian's liblzf-dev): it is the code that the format comes from and that redis-server carries a
// copy of, so that what we compress is byte for byte what redis-server writes, which no code of our
// own would promise. It is small, takes no memory and checks both buffers; what it leaves to its
// caller (inputs of no or few bytes, lengths over 32 bits) is settled here. Any thread; a
// compression takes 256 KiB of stack.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pollux {

// The shortest string that redis-server compresses, and what it has to save at least.
inline constexpr size_t kLzfWorthBytes = 21;
inline constexpr size_t kLzfSavedBytes = 4;

// Compresses `bytes` into `out`, which doesn't overlap; returns the length, 0 if it does not fit.
size_t lzf_pack(std::string_view bytes, std::span<char> out);

// Whether `packed`, from wherever, is something that unpacks to out.size() bytes exactly. If not,
// what stands in `out` is undefined. Reads and writes nothing outside; the time is linear in both.
bool lzf_unpack(std::string_view packed, std::span<char> out);

}  // namespace pollux
