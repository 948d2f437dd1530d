// The server log, in Redis' line format ("PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL message").
// Any thread may log; workers only where something went wrong, never per request.
#pragma once

#include <string_view>

namespace pollux {

enum class LogLevel : unsigned char { kDebug, kVerbose, kNotice, kWarning };

// Where lines go: an empty path is standard output. Returns false, with errno set, if the file
// can't be opened; the old destination stays.
bool log_open(std::string_view path);
// To standard error from here on, or until log_open: of a program whose output is its result.
void log_to_stderr();
void log_set_level(LogLevel level);
LogLevel log_level();

// printf-like; the line is cut at 1,024 bytes.
void log_line(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace pollux
