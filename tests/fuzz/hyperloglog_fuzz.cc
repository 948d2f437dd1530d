// libFuzzer target: whatever bytes say that they are a HyperLogLog, every function reads only
// inside of them; what is whole has the registers of a plain reading, keeps them through adds and
// merges, and stays whole.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -ffp-contract=off \
//     -fsanitize=fuzzer,address,undefined -I. tests/fuzz/hyperloglog_fuzz.cc \
//     src/data/hyperloglog.cc src/data/hll_registers.cc src/base/assert.cc -o hyperloglog_fuzz
//
// The first byte says what the bytes are, the second and third the limit; then come up to 8
// elements of 3 bytes, then the string's runs or registers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/hyperloglog.h"

namespace {

using namespace pollux;
using Registers = std::vector<uint8_t>;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// Run by run; nothing if they are not 16384 registers.
std::optional<Registers> read_plainly(std::string_view hll) {
  Registers registers;
  if (hll_is_dense(hll)) {
    for (uint32_t i = 0; i < kHllRegisters; ++i) {
      registers.push_back(hll_get_packed(hll.data() + kHllHeaderBytes, i));
    }
    return registers;
  }
  for (size_t i = kHllHeaderBytes; i < hll.size() && registers.size() <= kHllRegisters; ++i) {
    const uint8_t byte = static_cast<uint8_t>(hll[i]);
    if ((byte & 0x80) != 0) {
      registers.insert(registers.end(), byte % 4 + 1U, static_cast<uint8_t>((byte & 0x7F) / 4 + 1));
    } else if ((byte & 0x40) == 0) {
      registers.insert(registers.end(), byte + 1U, 0);
    } else if (++i < hll.size()) {
      registers.insert(registers.end(), (byte % 64U) * 256 + static_cast<uint8_t>(hll[i]) + 1, 0);
    } else {
      return std::nullopt;
    }
  }
  return registers.size() == kHllRegisters ? std::optional(registers) : std::nullopt;
}

HllHistogram histogram_of(const Registers& registers) {
  HllHistogram histogram = {};
  for (const uint8_t value : registers) {
    ++histogram[value];
  }
  return histogram;
}

// Everything that reads, in a block of the exact size.
void check_reads(std::string_view bytes) {
  const auto block = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), block.get());
  const std::string_view hll(block.get(), bytes.size());
  const std::optional<Registers> registers = read_plainly(hll);
  const std::optional<int64_t> count = hll_count(hll);
  require(count.has_value() == registers.has_value());
  const auto both = std::make_unique<HllUnion>();
  require(both->add(hll) == registers.has_value());
  if (registers) {
    require(*count == hll_estimate(histogram_of(*registers)));
    require(both->count() == *count);
    std::string target(hll);
    both->raise(target, 3000);
    require(read_plainly(target) == registers);
    std::string fresh(kHllEmpty);
    both->raise(fresh, 3000);
    require(read_plainly(fresh) == registers);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 3;
  constexpr size_t kElementBytes = 3;
  if (size < kHead) {
    return 0;
  }
  const uint8_t kind = data[0];
  const size_t sparse_max = data[1] + size_t{data[2]} * 256;
  std::string_view rest(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  std::vector<HllElement> elements;
  for (; rest.size() >= kElementBytes && elements.size() < kind % 9U;
       rest.remove_prefix(kElementBytes)) {
    const auto at = [&rest](size_t i) { return static_cast<uint8_t>(rest[i]); };
    elements.push_back({static_cast<uint16_t>((at(0) + at(1) * 256U) % kHllRegisters),
                        static_cast<uint8_t>(1 + at(2) % kHllRankMax)});
  }

  std::string hll(rest);
  if ((kind & 0x80) == 0) {
    hll.insert(0, kHllEmpty.substr(0, kHllHeaderBytes));
    if ((kind & 0x40) != 0) {
      hll[4] = 0;
      hll.resize(kHllDenseBytes, hll.back());
    }
  }
  if (!is_hll(hll)) {
    return 0;
  }
  // What is corrupt takes adds too, as far as nobody meets the damage.
  std::optional<Registers> registers = read_plainly(hll);
  for (const HllElement& element : elements) {
    const std::string before = hll;
    const HllOutcome outcome = hll_add_to(hll, element, sparse_max);
    require(is_hll(hll) && outcome != HllOutcome::kMakeDense);
    require(outcome == HllOutcome::kChanged || hll == before);
    if (registers) {
      uint8_t& held = (*registers)[element.index];
      require(outcome == (held < element.rank ? HllOutcome::kChanged : HllOutcome::kSame));
      held = std::max(held, element.rank);
    }
  }
  require(!registers || read_plainly(hll) == registers);
  check_reads(hll);
  return 0;
}
