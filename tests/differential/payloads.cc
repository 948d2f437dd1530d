#include "tests/differential/payloads.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace pollux {
namespace {

constexpr size_t kSumBytes = 8;
constexpr size_t kVersionBytes = 2;
constexpr size_t kFooterBytes = kSumBytes + kVersionBytes;

// Types, the first byte.
constexpr char kSet = 2;
constexpr char kHash = 4;
constexpr char kZset2 = 5;
constexpr char kZsetListpack = 17;
constexpr char kListQuicklist2 = 18;
constexpr char kStreamListpacks2 = 19;
constexpr char kSetListpack = 20;
constexpr char kStreamListpacks3 = 21;

// In hexadecimal, of redis-server 7.0.15: integers, texts, a list, sets, a hash, sorted sets.
constexpr const char* kPayloads[] = {
    "00c0fb0a0049c4c6f4d7263f68",
    "000a353030303030303030300a0069a90fd57e0ff425",
    "000568656c6c6f0a006372df766534200a",
    "00c3094064016161e057000161610a00e8a3b507b06df271",
    "120102131300000004008161020101f290eefe048001ff0a001cc6cfae71404f95",
    "0b180400000004000000fdffffff0100000002000000701101000a0015ef637b140fcd64",
    "020101780a00ffe880ba760c2f09",
    "1012120000000400816602817602816e020c01ff0a0001369481d35b8974",
    "111d1d0000000600816202dffe0281610283312e350481630283696e6604ff0a007356ad6cc2484ad0",
    "0502c3094041017a7ae03400017a7a00000000000004400161000000000000f03f0a00478151d81e1c5080",
};

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// Puts the CRC-64 of Jones behind the bytes, computed bit by bit.
void seal(std::string& summed) {
  constexpr uint64_t kPolynomial = 0x95ac9329ac4bc9b5;
  uint64_t sum = 0;
  for (const char c : summed) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; bit++) {
      sum = (sum >> 1) ^ ((sum & 1) != 0 ? kPolynomial : 0);
    }
  }
  summed.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

void change(std::string& body, Rng& rng) {
  static constexpr unsigned char kBytes[] = {0,    1,    2,    0x3f, 0x40, 0x7f,
                                             0x80, 0x81, 0xc3, 0xfe, 0xff};
  const size_t at = rng.below(body.size());
  switch (rng.below(6)) {
    case 0:
      body[at] = static_cast<char>(rng.pick(kBytes));
      break;
    case 1:
      body[at] = static_cast<char>(body[at] ^ (1 << rng.below(8)));
      break;
    case 2:
      body[at] = static_cast<char>(body[at] + (rng.chance(2) ? 1 : -1));
      break;
    case 3:
      body.insert(at, 1, static_cast<char>(rng.pick(kBytes)));
      break;
    case 4:
      body.erase(at, 1 + rng.below(3));
      break;
    default:
      body[0] = static_cast<char>(rng.below(22));
      break;
  }
}

}  // namespace

std::string some_payload(Rng& rng) {
  std::string payload = from_hex(rng.pick(kPayloads));
  if (rng.chance(10)) {
    payload.resize(rng.below(payload.size()));
  }
  return payload;
}

std::string mutated_payload(std::string_view payload, Rng& rng) {
  std::string body(payload.substr(0, payload.size() - kFooterBytes));
  for (uint64_t i = 1 + rng.below(3); i > 0 && !body.empty(); i--) {
    change(body, rng);
  }
  body += payload.substr(payload.size() - kFooterBytes, kVersionBytes);
  seal(body);
  return body;
}

bool only_ours(std::string_view payload) {
  return payload[0] == kSetListpack || payload[0] == kStreamListpacks3;
}

bool payloads_agree(std::string_view redis, std::string_view pollux) {
  if (redis == pollux) {
    return true;
  }
  if (redis.size() < kFooterBytes || pollux.size() < kFooterBytes) {
    return false;
  }
  if (redis[0] != pollux[0]) {
    return redis[0] == kZset2 && pollux[0] == kZsetListpack;
  }
  const auto sorted = [](std::string_view payload) {
    std::string bytes(payload.substr(0, payload.size() - kSumBytes));
    std::sort(bytes.begin(), bytes.end());
    return bytes;
  };
  switch (redis[0]) {
    case kListQuicklist2:
      return true;
    case kStreamListpacks2:
      return redis.size() == pollux.size();
    case kSet:
    case kHash:
      return sorted(redis) == sorted(pollux);
    default:
      return false;
  }
}

}  // namespace pollux
