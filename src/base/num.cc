#include "src/base/num.h"

#include <array>
#include <bit>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>

namespace pollux {

namespace {

// "00" to "99".
constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// The smallest number with more digits than the index; 0 stands first, as 0 has a digit too.
constexpr auto kPowersOf10 = [] {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (size_t i = 1; i < powers.size(); ++i) {
    power *= 10;
    powers[i] = power;
  }
  return powers;
}();

// 1233 / 4096 is log10(2), near enough for 64 bits.
size_t count_digits(uint64_t value) {
  const auto least = static_cast<size_t>((std::bit_width(value | 1) * 1233) >> 12);
  return least + (value >= kPowersOf10[least] ? 1 : 0);
}

// Decimal digits without a leading zero (but "0"), up to `max`. 19 digits always fit a uint64.
bool parse_digits(const char* in, const char* end, uint64_t max, uint64_t& value) {
  const ptrdiff_t size = end - in;
  if (size <= 0 || size > 20) {
    return false;
  }
  const unsigned first = static_cast<unsigned char>(*in) - unsigned{'0'};
  if (first > 9 || (first == 0 && size > 1)) {
    return false;
  }
  uint64_t sum = first;
  const char* const safe = size > 19 ? in + 19 : end;
  for (++in; in < safe; ++in) {
    const unsigned digit = static_cast<unsigned char>(*in) - unsigned{'0'};
    if (digit > 9) {
      return false;
    }
    sum = sum * 10 + digit;
  }
  if (in < end) {
    const unsigned digit = static_cast<unsigned char>(*in) - unsigned{'0'};
    if (digit > 9 || sum > (std::numeric_limits<uint64_t>::max() - digit) / 10) {
      return false;
    }
    sum = sum * 10 + digit;
  }
  value = sum;
  return sum <= max;
}

double text_to_real(const char* text, char** end, double) {
  return std::strtod(text, end);
}
long double text_to_real(const char* text, char** end, long double) {
  return std::strtold(text, end);
}

// The rule that Redis has for both kinds: all of the text, no leading space, no NaN, and neither
// an overflow nor an underflow to zero. `text` is followed by a NUL.
template <typename Real>
std::optional<Real> parse_real(const char* text, size_t size) {
  if (size == 0 || std::isspace(static_cast<unsigned char>(text[0])) != 0) {
    return std::nullopt;
  }
  errno = 0;
  char* end = nullptr;
  const Real value = text_to_real(text, &end, Real{});
  const bool out_of_range = errno == ERANGE && (std::isinf(value) || value == 0);
  if (static_cast<size_t>(end - text) != size || out_of_range || std::isnan(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const char* in = text.data();
  const char* const end = in + text.size();
  uint64_t magnitude = 0;
  if (in == end || *in != '-') {
    if (!parse_digits(in, end, kMax, magnitude)) {
      return std::nullopt;
    }
    return static_cast<int64_t>(magnitude);
  }
  if (!parse_digits(in + 1, end, kMax + 1, magnitude) || magnitude == 0) {
    return std::nullopt;
  }
  return static_cast<int64_t>(-magnitude);
}

std::optional<uint64_t> parse_uint64(std::string_view text) {
  uint64_t value = 0;
  if (!parse_digits(text.data(), text.data() + text.size(), std::numeric_limits<uint64_t>::max(),
                    value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint64_t> parse_wrapping_uint64(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || __builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  return text.empty() ? std::nullopt : std::optional(negative ? 0 - value : value);
}

std::optional<long double> parse_long_double(std::string_view text) {
  if (text.size() >= kLongDoubleTextMax) {
    return std::nullopt;
  }
  char copy[kLongDoubleTextMax];
  text.copy(copy, text.size());
  copy[text.size()] = '\0';
  return parse_real<long double>(copy, text.size());
}

std::optional<double> parse_double(std::string_view text) {
  // from_chars knows fewer spellings (no '+', no "0x") but agrees with strtod on those it knows.
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && rest == text.data() + text.size() && std::isfinite(value)) {
    return value;
  }
  constexpr size_t kOnStack = 256;
  if (text.size() < kOnStack) {
    char copy[kOnStack];
    text.copy(copy, text.size());
    copy[text.size()] = '\0';
    return parse_real<double>(copy, text.size());
  }
  const std::string copy(text);
  return parse_real<double>(copy.c_str(), copy.size());
}

size_t format_int64(int64_t value, char* out) {
  if (value < 0) {
    *out = '-';
    return 1 + format_uint64(-static_cast<uint64_t>(value), out + 1);
  }
  return format_uint64(static_cast<uint64_t>(value), out);
}

// Half the instructions of std::to_chars, and every reply has a number in it.
size_t format_uint64(uint64_t value, char* out) {
  const size_t size = count_digits(value);
  char* end = out + size;
  for (; value >= 100; value /= 100) {
    end -= 2;
    std::memcpy(end, &kPairs[2 * (value % 100)], 2);
  }
  if (value >= 10) {
    std::memcpy(out, &kPairs[2 * value], 2);
  } else {
    *out = static_cast<char>('0' + value);
  }
  return size;
}

namespace {

// What is left of `size` characters of "%f" when the zeros at its end go; 0 has no sign.
size_t without_zeros(char* out, size_t size) {
  if (std::memchr(out, '.', size) != nullptr) {
    while (out[size - 1] == '0') {
      --size;
    }
    if (out[size - 1] == '.') {
      --size;
    }
  }
  if (size == 2 && out[0] == '-' && out[1] == '0') {
    out[0] = '0';
    size = 1;
  }
  return size;
}

// "%.17Lf" by integers, 0 if that would not be exact. It is from 2^-8 to below 2^56, and for
// shorter fractions below: the value times 2^71 is an integer of at most 127 bits then, its
// fraction times 10^17 one of at most 128.
size_t format_fixed(long double value, char* out) {
  static_assert(std::numeric_limits<long double>::digits == 64, "the format of x87");
  constexpr int kPointBits = 71;
  constexpr uint64_t kScale = 100'000'000'000'000'000;
  using Wide = unsigned __int128;
  uint64_t mantissa;
  uint16_t sign_and_exponent;
  std::memcpy(&mantissa, &value, sizeof(mantissa));
  std::memcpy(&sign_and_exponent, reinterpret_cast<const char*>(&value) + sizeof(mantissa),
              sizeof(sign_and_exponent));
  // The value is the mantissa times 2^(exponent - kPointBits).
  const int exponent = (sign_and_exponent & 0x7FFF) - 16383 - 63 + kPointBits;
  if (exponent > 63 || exponent < -63 ||
      (exponent < 0 && (mantissa & ((uint64_t{1} << -exponent) - 1)) != 0)) {
    return 0;
  }
  const Wide fixed = exponent < 0 ? Wide{mantissa >> -exponent} : Wide{mantissa} << exponent;
  uint64_t whole = static_cast<uint64_t>(fixed >> kPointBits);
  const Wide product = (fixed & ((Wide{1} << kPointBits) - 1)) * kScale;
  uint64_t digits = static_cast<uint64_t>(product >> kPointBits);
  const Wide rest = product & ((Wide{1} << kPointBits) - 1);
  constexpr Wide kHalf = Wide{1} << (kPointBits - 1);
  if (rest > kHalf || (rest == kHalf && digits % 2 == 1)) {
    ++digits;
    whole += digits / kScale;
    digits %= kScale;
  }

  char* to = out;
  if ((sign_and_exponent & 0x8000) != 0) {
    *to++ = '-';
  }
  to += format_uint64(whole, to);
  // A one in front keeps the zeros behind it, and gives its place to the point.
  const size_t fraction = format_uint64(kScale + digits, to);
  *to = '.';
  return static_cast<size_t>(to - out) + fraction;
}

}  // namespace

size_t format_long_double(long double value, char* out) {
  if (const size_t size = format_fixed(value, out)) {
    return without_zeros(out, size);
  }
  if (std::isinf(value)) {
    const std::string_view text = value > 0 ? "inf" : "-inf";
    return text.copy(out, text.size());
  }
  const int size = std::snprintf(out, kLongDoubleTextMax, "%.17Lf", value);
  return without_zeros(out, static_cast<size_t>(size));
}

size_t format_double(double value, char* out) {
  // Whole numbers of up to 17 digits are what %.17g writes without a point or exponent.
  constexpr double kWholeMax = 1e17;
  if (value > -kWholeMax && value < kWholeMax && value != 0) {
    const auto whole = static_cast<int64_t>(value);
    if (static_cast<double>(whole) == value) {
      return format_int64(whole, out);
    }
  }
  const auto end =
      std::to_chars(out, out + kDoubleTextMax, value, std::chars_format::general, 17).ptr;
  return static_cast<size_t>(end - out);
}

}  // namespace pollux
