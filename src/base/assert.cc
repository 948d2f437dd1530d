#include "src/base/assert.h"

#include <execinfo.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace pollux {

void assert_failed(const char* expression, const char* file, int line) {
  // Nothing here allocates: the heap may be what is broken.
  std::fprintf(stderr, "BUG: assertion failed: %s\n  at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  constexpr int kFramesMax = 64;
  void* frames[kFramesMax];
  const int count = backtrace(frames, kFramesMax);
  backtrace_symbols_fd(frames, count, STDERR_FILENO);
  std::abort();
}

}  // namespace pollux
