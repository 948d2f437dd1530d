// One parsed request: its arguments as views into the bytes it was parsed from. The views live as
// long as those bytes: until the handler returns for a request executed in place.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pollux {

// args[0] is the command's name as the client wrote it. Never empty when handed to a handler.
using Args = std::span<const std::string_view>;

// Of all arguments, without what the protocol writes around them.
inline size_t argument_bytes(Args args) {
  size_t bytes = 0;
  for (const std::string_view arg : args) {
    bytes += arg.size();
  }
  return bytes;
}

}  // namespace pollux
