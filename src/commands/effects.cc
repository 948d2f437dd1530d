#include "src/commands/effects.h"

#include <utility>

namespace pollux {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

// "*3" and its kin with the end of the line.
struct Header {
  Header(char kind, size_t number) {
    text[0] = kind;
    size = 1 + format_uint64(number, text + 1);
    text[size++] = '\r';
    text[size++] = '\n';
  }
  std::string_view view() const { return {text, size}; }

  char text[1 + kInt64TextMax + kLineEnd.size()];
  size_t size;
};

}  // namespace

void Effects::append(std::string_view word) {
  bytes_ += Header('$', word.size()).view();
  bytes_ += word;
  bytes_ += kLineEnd;
}

void Effects::add(std::initializer_list<std::string_view> words) {
  said_ = true;
  ++count_;
  bytes_ += Header('*', words.size()).view();
  for (const std::string_view word : words) {
    append(word);
  }
}

void Effects::clear() {
  constexpr size_t kKeptBytesMax = 64 << 10;
  if (bytes_.capacity() > kKeptBytesMax) {
    std::string().swap(bytes_);
  }
  bytes_.clear();
  count_ = 0;
  said_ = false;
}

EffectWords::EffectWords(Effects& effects, std::initializer_list<std::string_view> head)
    : effects_(effects), head_(head.size()), at_(effects.bytes_.size()) {
  effects_.said_ = true;
  for (const std::string_view word : head) {
    effects_.append(word);
  }
}

// How many words there are is known now, so the header is moved in before them.
EffectWords::~EffectWords() {
  if (more_ == 0) {
    effects_.bytes_.resize(at_);
    return;
  }
  effects_.bytes_.insert(at_, Header('*', head_ + more_).view());
  ++effects_.count_;
}

}  // namespace pollux
