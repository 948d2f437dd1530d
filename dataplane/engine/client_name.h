// Which names a client may give itself (CLIENT SETNAME, HELLO ... SETNAME).
#pragma once

#include <algorithm>
#include <string_view>

#include "src/protocol/reply.h"

namespace pollux {

// Printable ASCII without blanks, so that CLIENT LIST can be split at them.
inline bool is_plain_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// False with the error written.
inline bool check_client_name(Reply& reply, std::string_view name) {
  if (!is_plain_word(name)) {
    reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  return true;
}

}  // namespace pollux
