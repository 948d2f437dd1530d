// Numbers as text, with Redis' rules: which spellings are a number, and to the digit what a number
// is written as. Total functions: any bytes in, a value or nothing out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pollux {

inline constexpr size_t kInt64TextMax = 20;       // "-9223372036854775808"
inline constexpr size_t kDoubleTextMax = 40;
inline constexpr size_t kLongDoubleTextMax = 5 * 1024;  // %.17Lf of LDBL_MAX fits

// A canonical decimal int64: optional '-', no '+', no spaces, no leading zeros, no "-0".
// The test by which Redis stores a string as an integer (string2ll).
std::optional<int64_t> parse_int64(std::string_view text);
// The same for uint64 (cursors, client ids): digits only.
std::optional<uint64_t> parse_uint64(std::string_view text);
// Digits, with a sign or none, as strtoull takes them: what is negative wraps around 2^64.
std::optional<uint64_t> parse_wrapping_uint64(std::string_view text);

// A finite or infinite long double in any spelling strtold takes as a whole, without leading
// space; not NaN, not over or under the range (the rule of INCRBYFLOAT). At most
// kLongDoubleTextMax - 1 bytes.
std::optional<long double> parse_long_double(std::string_view text);
// The same for double (scores), of any length.
std::optional<double> parse_double(std::string_view text);

// Writes the decimal text and returns its length. `out` holds kInt64TextMax bytes.
size_t format_int64(int64_t value, char* out);
size_t format_uint64(uint64_t value, char* out);

// INCRBYFLOAT's reply: "%.17Lf" without trailing zeros (and no "-0"), "inf", "-inf". `out` holds
// kLongDoubleTextMax bytes.
size_t format_long_double(long double value, char* out);

// A double as redis-server 7.0 replies it: "%.17g", so "0.10000000000000001", "-0", "inf", "-nan".
// `out` holds kDoubleTextMax bytes.
size_t format_double(double value, char* out);

}  // namespace pollux
