// Sentences for an operator about what the system refuses at the start: the reason, and what to
// change.
#pragma once

#include <string>
#include <string_view>

namespace pollux {

// A call of io_uring failed with `error`.
std::string uring_refusal(int error);
// `call` (eventfd2, signalfd4), which makes a descriptor, failed with `error`.
std::string descriptor_refusal(std::string_view call, int error);

}  // namespace pollux
