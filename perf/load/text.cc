#include "perf/load/text.h"

#include <cstdarg>
#include <cstdio>

namespace pollux {

void put(std::string& out, const char* format, ...) {
  char piece[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  out += piece;
}

}  // namespace pollux
