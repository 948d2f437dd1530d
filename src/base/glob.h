// Redis' glob patterns (KEYS, SCAN MATCH, CONFIG GET, channels): * ? [a-z] [^a] \x.
// At worst pattern x text steps, never exponential (CVE-2022-36021 class).
#pragma once

#include <string_view>

namespace pollux {

// To the letter what redis-server 7.0 answers, also where it surprises: an empty text is matched by
// the empty pattern only (not by "*", which KEYS and SCAN therefore test for first), a '[' without
// its ']' ends with the pattern, a backslash at the end is itself, ranges may run backwards and
// compare bytes as signed, and `ignore_case` (ASCII) doesn't reach a byte escaped in brackets.
bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace pollux
