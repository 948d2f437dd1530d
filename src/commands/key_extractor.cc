#include "src/commands/key_extractor.h"

#include <algorithm>

#include "src/base/num.h"
#include "src/commands/args.h"

namespace pollux {

void KeyIndices::grow() {
  auto more = std::make_unique_for_overwrite<Item[]>(capacity_ * 2);
  std::copy_n(items(), size_, more.get());
  more_ = std::move(more);
  capacity_ *= 2;
}

namespace {

bool same_word(std::string_view arg, std::string_view upper_word) {
  return arg.size() == upper_word.size() &&
         std::equal(arg.begin(), arg.end(), upper_word.begin(), [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? a - ('a' - 'A') : a) == b;
         });
}

// Where the keys behind the spec's keyword begin; 0 if the keyword is not there.
int64_t find_keyword(const KeySpec& spec, Args args) {
  const auto count = static_cast<int64_t>(args.size());
  const bool forward = spec.first > 0;
  const int64_t step = forward ? 1 : -1;
  const int64_t start = forward ? spec.first : count + spec.first;
  for (int64_t i = start; i > 0 && i < count; i += step) {
    if (same_word(args[static_cast<size_t>(i)], spec.keyword)) {
      return i + 1;
    }
  }
  return 0;
}

bool extract_counted(const KeySpec& spec, Args args, int number, int64_t count_min,
                     KeyIndices& keys) {
  if (static_cast<size_t>(spec.numkeys_at) >= args.size()) {
    return false;
  }
  const auto count = parse_int64(args[static_cast<size_t>(spec.numkeys_at)]);
  if (!count || *count < count_min) {
    return false;
  }
  const auto first = static_cast<size_t>(spec.first);
  const auto step = static_cast<size_t>(spec.step);
  const size_t room = first < args.size() ? (args.size() - first + step - 1) / step : 0;
  if (static_cast<uint64_t>(*count) > room) {
    return false;
  }
  for (size_t i = 0; i < static_cast<size_t>(*count); ++i) {
    keys.append(first + i * step, number);
  }
  return true;
}

bool extract_range(const KeySpec& spec, Args args, int number, KeyIndices& keys) {
  const auto count = static_cast<int64_t>(args.size());
  int64_t first = spec.first;
  int64_t last = spec.last;
  if (!spec.keyword.empty()) {
    first = find_keyword(spec, args);
    if (first == 0) {
      return true;  // the keyword is an option
    }
    last = last < 0 ? last : first + last;
  }
  if (last < 0) {
    const int64_t share = spec.limit > 1 ? spec.limit : 1;
    last = share == 1 ? count + last : first + (count - first) / share + last;
  }
  if (last >= count || last < first) {
    return false;
  }
  for (int64_t i = first; i <= last; i += spec.step) {
    keys.append(static_cast<size_t>(i), number);
  }
  return true;
}

}  // namespace

bool extract_keys(const CommandRow& row, Args args, KeyIndices& keys) {
  if (row.key_finder != nullptr) {
    return row.key_finder(args, keys);
  }
  const int64_t count_min = (row.flags & kNoMandatoryKeys) != 0 ? 0 : 1;
  for (int i = 0; i < kKeySpecsMax; ++i) {
    const KeySpec& spec = row.keys[i];
    if (spec.first == 0) {
      break;
    }
    if (spec.first == kKeysUnknown) {
      continue;
    }
    const bool fits = spec.numkeys_at != 0 ? extract_counted(spec, args, i, count_min, keys)
                                           : extract_range(spec, args, i, keys);
    if (!fits) {
      keys.clear();
      return false;
    }
  }
  return true;
}

}  // namespace pollux
