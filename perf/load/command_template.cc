#include "perf/load/command_template.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "src/base/num.h"
#include "src/protocol/quoted.h"
#include "src/protocol/resp_words.h"

namespace pollux {

namespace {

constexpr size_t kPartsMax = 16;  // of one word
constexpr size_t kRandIntBytes = 12;

struct Placeholder {
  std::string_view text;
  char kind;
};
constexpr Placeholder kPlaceholders[] = {
    {"__key__", 'k'}, {"__data__", 'd'}, {"__rand_int__", 'r'}};

// The first placeholder of a word; null if there is none.
const Placeholder* first_placeholder(std::string_view word, size_t& where) {
  const Placeholder* found = nullptr;
  where = std::string_view::npos;
  for (const Placeholder& one : kPlaceholders) {
    const size_t at = word.find(one.text);
    if (at < where) {
      where = at;
      found = &one;
    }
  }
  return found;
}

}  // namespace

ValuePool::ValuePool(const ValueShape& shape, uint64_t seed) : shape_(shape) {
  // Beside the longest value, room for its place to vary.
  bytes_.assign(shape.bytes_max + (shape.random ? 64 * 1024 : 0), 'x');
  if (shape.random) {
    Rng rng(seed);
    for (char& c : bytes_) {
      c = static_cast<char>(rng.next());
    }
  }
}

std::string_view ValuePool::draw(Rng& rng) const {
  const size_t more = shape_.bytes_max - shape_.bytes_min;
  const size_t bytes = shape_.bytes_min + (more == 0 ? 0 : rng.below(more + 1));
  const size_t places = bytes_.size() - shape_.bytes_max;
  return std::string_view(bytes_).substr(places == 0 ? 0 : rng.below(places), bytes);
}

bool CommandTemplate::parse(std::string_view line, std::string_view key_prefix,
                            CommandTemplate& out) {
  std::string text;
  std::vector<std::string_view> words;
  if (!split_quoted(line, text, words) || words.empty()) {
    return false;
  }
  out = CommandTemplate{};
  out.name_ = words[0];
  for (char& c : out.name_) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  RespAppender start(out.chunks_.emplace_back().fixed);
  start.line('*', words.size());
  for (const std::string_view word : words) {
    out.add_word(word, key_prefix);
  }
  return std::all_of(out.chunks_.begin(), out.chunks_.end(),
                     [](const Chunk& chunk) { return chunk.parts.size() <= kPartsMax; });
}

void CommandTemplate::add_word(std::string_view word, std::string_view key_prefix) {
  size_t where = 0;
  if (first_placeholder(word, where) == nullptr) {
    if (!chunks_.back().parts.empty()) {
      chunks_.emplace_back();
    }
    RespAppender fixed(chunks_.back().fixed);
    write_resp_word(fixed, word);
    return;
  }
  Chunk& chunk = chunks_.emplace_back();
  while (const Placeholder* next = first_placeholder(word, where)) {
    if (where > 0) {
      chunk.parts.push_back({Piece::kText, std::string(word.substr(0, where))});
    }
    switch (next->kind) {
      case 'k':
        has_key_ = true;
        chunk.parts.push_back({Piece::kKey, std::string(key_prefix)});
        break;
      case 'd':
        has_data_ = true;
        chunk.parts.push_back({Piece::kData, {}});
        break;
      default:
        chunk.parts.push_back({Piece::kRandInt, {}});
        break;
    }
    word.remove_prefix(where + next->text.size());
  }
  if (!word.empty()) {
    chunk.parts.push_back({Piece::kText, std::string(word)});
  }
}

size_t CommandTemplate::bytes_max(const ValueShape& shape) const {
  size_t bytes = 0;
  for (const Chunk& chunk : chunks_) {
    bytes += chunk.fixed.size() + kRespLineBytesMax + 2;
    for (const Part& part : chunk.parts) {
      bytes +=
          part.text.size() + kInt64TextMax + (part.piece == Piece::kData ? shape.bytes_max : 0);
    }
  }
  return bytes;
}

char* CommandTemplate::render(char* out, KeyDraw& keys, const ValuePool& values, Rng& rng) const {
  for (const Chunk& chunk : chunks_) {
    if (chunk.parts.empty()) {
      std::memcpy(out, chunk.fixed.data(), chunk.fixed.size());
      out += chunk.fixed.size();
      continue;
    }
    // The draws come first, for the length that stands before them.
    std::array<std::string_view, kPartsMax> drawn;
    std::array<std::array<char, kInt64TextMax>, kPartsMax> digits;
    size_t bytes = 0;
    for (size_t i = 0; i < chunk.parts.size(); ++i) {
      const Part& part = chunk.parts[i];
      char* const text = digits[i].data();
      switch (part.piece) {
        case Piece::kText:
          drawn[i] = {text, 0};
          break;
        case Piece::kKey:
          drawn[i] = {text, format_uint64(keys.next(rng), text)};
          break;
        case Piece::kData:
          drawn[i] = values.draw(rng);
          break;
        case Piece::kRandInt: {
          uint64_t number = keys.next(rng);
          for (size_t at = kRandIntBytes; at > 0; --at, number /= 10) {
            text[at - 1] = static_cast<char>('0' + number % 10);
          }
          drawn[i] = {text, kRandIntBytes};
          break;
        }
      }
      bytes += part.text.size() + drawn[i].size();
    }
    RespCursor cursor(out);
    cursor.line('$', bytes);
    for (size_t i = 0; i < chunk.parts.size(); ++i) {
      cursor.text(chunk.parts[i].text);
      cursor.text(drawn[i]);
    }
    cursor.text("\r\n");
    out += cursor.at() - out;
  }
  return out;
}

}  // namespace pollux
