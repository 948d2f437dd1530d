// Cookies (syn_cookie.h) that have opened a connection: each opens one, or what completed the
// handshake, should it come late or again, has the request in it run twice.
//
// A fixed number of 64-bit ids, 8 in a line by their hash, of which the last 8 stay: no time, no
// order over lines. So the latest of a line are always known; at 60 cookies a second one in a
// thousand is forgotten before it has ceased to be good (137 s), at 120 one in twenty. Belongs to
// one core; 256 KiB.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace pollux::tcp {

class SpentCookies {
 public:
  static constexpr unsigned kLineBits = 12;
  static constexpr size_t kLines = size_t{1} << kLineBits;
  static constexpr size_t kLineIds = 8;

  // `id`: all 64 bits of a keyed hash.
  bool has(uint64_t id) const {
    const Line& line = line_of(id);
    return std::find(line.ids.begin(), line.ids.end(), id) != line.ids.end();
  }
  void add(uint64_t id) {
    Line& line = line_of(id);
    std::copy_backward(line.ids.begin(), line.ids.end() - 1, line.ids.end());
    line.ids.front() = id;
  }

 private:
  struct alignas(64) Line {
    std::array<uint64_t, kLineIds> ids;
  };
  static_assert(sizeof(Line) == 64);

  // By the upper bits: the lower ones may stand in a cookie, where a peer sees them.
  Line& line_of(uint64_t id) const { return lines_[id >> (64 - kLineBits)]; }

  const std::unique_ptr<Line[]> lines_ = std::make_unique<Line[]>(kLines);
};

}  // namespace pollux::tcp
