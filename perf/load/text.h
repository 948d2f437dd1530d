// printf to the end of a string: for reports, never per request.
#pragma once

#include <string>

namespace pollux {

// A piece is cut at 511 bytes.
void put(std::string& out, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace pollux
