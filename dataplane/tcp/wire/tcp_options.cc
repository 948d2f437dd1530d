#include "dataplane/tcp/wire/tcp_options.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

enum OptionKind : uint8_t {
  kEnd = 0,
  kNop = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamps = 8,
};
enum OptionBytes : uint8_t {
  kMssBytes = 4,
  kWindowScaleBytes = 3,
  kSackPermittedBytes = 2,
  kSackHeadBytes = 2,
  kSackBlockBytes = 8,
  kTimestampsBytes = 10,
};

// SACK blocks: one to four (RFC 2018 3); more do not fit into a header.
bool read_sack(Bytes option, TcpOptions& out) {
  const size_t blocks = (option.size() - kSackHeadBytes) / kSackBlockBytes;
  if (blocks == 0 || blocks > kSackBlocksMax ||
      option.size() != kSackHeadBytes + blocks * kSackBlockBytes) {
    return false;
  }
  out.sack = {};
  out.sack_count = static_cast<uint8_t>(blocks);
  for (size_t i = 0; i < blocks; ++i) {
    const uint8_t* at = &option[kSackHeadBytes + i * kSackBlockBytes];
    out.sack[i] = {Seq{load32(at)}, Seq{load32(at + 4)}};
  }
  return true;
}

// `option` is all of one, kind and length included. False: its length is not that of its kind.
bool read_option(Bytes option, TcpOptions& out) {
  switch (option[0]) {
    case kMss:
      if (option.size() != kMssBytes) {
        return false;
      }
      out.mss = load16(&option[2]);
      return true;
    case kWindowScale:
      if (option.size() != kWindowScaleBytes) {
        return false;
      }
      out.window_scale = std::min(option[2], kWindowScaleMax);
      return true;
    case kSackPermitted:
      if (option.size() != kSackPermittedBytes) {
        return false;
      }
      out.sack_permitted = true;
      return true;
    case kSack:
      return read_sack(option, out);
    case kTimestamps:
      if (option.size() != kTimestampsBytes) {
        return false;
      }
      out.timestamps = {load32(&option[2]), load32(&option[6])};
      return true;
    default:
      return true;
  }
}

// All but SACK blocks.
size_t words_before_sack(const TcpOptions& options) {
  size_t words = options.timestamps ? 3 : 0;
  words += options.sack_permitted && !options.timestamps ? 1 : 0;
  return words + (options.mss ? 1 : 0) + (options.window_scale ? 1 : 0);
}

size_t blocks_that_fit(const TcpOptions& options) {
  const size_t room = kTcpOptionsBytesMax - words_before_sack(options) * 4;
  return std::min<size_t>(options.sack_count, (room - 4) / kSackBlockBytes);
}

uint8_t* write_word(uint8_t* at, uint32_t word) {
  store32(at, word);
  return at + 4;
}

constexpr uint32_t word_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d;
}

}  // namespace

TcpOptions parse_tcp_option_list(Bytes options) {
  TcpOptions out;
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      out.malformed = true;
      break;
    }
    if (!read_option(options.first(options[1]), out)) {
      out.malformed = true;
    }
    options = options.subspan(options[1]);
  }
  return out;
}

size_t tcp_options_bytes(const TcpOptions& options) {
  const size_t blocks = blocks_that_fit(options);
  return words_before_sack(options) * 4 + (blocks != 0 ? 4 + blocks * kSackBlockBytes : 0);
}

size_t write_tcp_option_list(Room out, const TcpOptions& options) {
  POLLUX_ASSERT(options.sack_count <= kSackBlocksMax);
  POLLUX_ASSERT(out.size() >= kTcpOptionsBytesMax || out.size() >= tcp_options_bytes(options));
  uint8_t* at = out.data();
  if (options.mss) {
    at = write_word(at, word_of(kMss, kMssBytes, 0, 0) | *options.mss);
  }
  const uint32_t permitted = options.sack_permitted
                                 ? word_of(kSackPermitted, kSackPermittedBytes, 0, 0)
                                 : word_of(kNop, kNop, 0, 0);
  if (options.timestamps) {
    at = write_word(at, permitted | word_of(0, 0, kTimestamps, kTimestampsBytes));
    at = write_word(at, options.timestamps->value);
    at = write_word(at, options.timestamps->echo);
  } else if (options.sack_permitted) {
    at = write_word(at, word_of(kNop, kNop, kSackPermitted, kSackPermittedBytes));
  }
  if (options.window_scale) {
    POLLUX_ASSERT(*options.window_scale <= kWindowScaleMax);
    at = write_word(at, word_of(kNop, kWindowScale, kWindowScaleBytes, *options.window_scale));
  }
  if (const size_t blocks = blocks_that_fit(options); blocks != 0) {
    const auto bytes = static_cast<uint8_t>(kSackHeadBytes + blocks * kSackBlockBytes);
    at = write_word(at, word_of(kNop, kNop, kSack, bytes));
    for (const SeqRange& block : options.sack_blocks().first(blocks)) {
      at = write_word(at, block.begin.value);
      at = write_word(at, block.end.value);
    }
  }
  return static_cast<size_t>(at - out.data());
}

}  // namespace pollux::tcp
