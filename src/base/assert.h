// What only a bug can cause. On in release: a wrong answer costs users more than a restart.
#pragma once

namespace pollux {

[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace pollux

#define POLLUX_ASSERT(expression)                                    \
  (__builtin_expect(static_cast<bool>(expression), 1)                \
       ? static_cast<void>(0)                                        \
       : ::pollux::assert_failed(#expression, __FILE__, __LINE__))
