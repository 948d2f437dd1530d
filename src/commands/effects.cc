#include "src/commands/effects.h"

#include "src/protocol/resp_words.h"

namespace pollux {

void Effects::append(std::string_view word) {
  RespAppender out(bytes_);
  write_resp_word(out, word);
}

void Effects::add(std::initializer_list<std::string_view> words) {
  said_ = true;
  ++count_;
  RespAppender out(bytes_);
  write_resp_command(out, {words.begin(), words.size()});
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
  char line[kRespLineBytesMax];
  const char* const end = put_resp_line(line, '*', head_ + more_);
  effects_.bytes_.insert(at_, line, static_cast<size_t>(end - line));
  ++effects_.count_;
}

}  // namespace pollux
