// Who this is, as INFO, HELLO and the log say it.
#pragma once

#include <string_view>

namespace pollux {

inline constexpr std::string_view kPolluxVersion = "0.1.0";

}  // namespace pollux
