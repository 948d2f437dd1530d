// What a command has done, as commands: for the history of changes, where the words of the request
// would do something else when they are run again (a time that counts from now, a member drawn by
// chance, a place where somebody waited). A handler whose words do the same at any time says
// nothing, and they stand for themselves.
//
// Each effect does the same to the same data at any later time, whoever runs it, with all expiry
// switched off (Keyspace::set_replaying). They are told in words that redis-server 7.0 knows, if
// there are any that say it. One thread; the buffer stays from command to command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "src/base/num.h"

namespace pollux {

// A number as a word: lives to the end of the expression, as add() wants it.
class NumberText {
 public:
  explicit NumberText(int64_t value) : size_(format_int64(value, text_)) {}
  explicit NumberText(uint64_t value) : size_(format_uint64(value, text_)) {}
  explicit NumberText(double value) : size_(format_double(value, text_)) {}
  operator std::string_view() const { return {text_, size_}; }

 private:
  char text_[kDoubleTextMax];
  size_t size_;
};

class Effects {
 public:
  // One command. The words are copied.
  void add(std::initializer_list<std::string_view> words);
  // What was done is not to be done again, though data has changed.
  void nothing() { said_ = true; }

  // Whether the words of the request are not what is to be run again, but these commands.
  bool said() const { return said_; }
  size_t count() const { return count_; }
  // RESP arrays, one behind the other; until the next change.
  std::string_view bytes() const { return bytes_; }
  // Before the next command. What is far more than most commands need is given back.
  void clear();
  size_t held_bytes() const { return bytes_.capacity(); }

 private:
  friend class EffectWords;
  void append(std::string_view word);

  std::string bytes_;
  size_t count_ = 0;
  bool said_ = false;
};

// One command whose words come one by one; it is added when this goes, and until then nothing else
// may be. If none comes behind those it begins with, there is no such command.
class EffectWords {
 public:
  EffectWords(Effects& effects, std::initializer_list<std::string_view> head);
  ~EffectWords();
  EffectWords(const EffectWords&) = delete;
  EffectWords& operator=(const EffectWords&) = delete;

  void word(std::string_view word) {
    ++more_;
    effects_.append(word);
  }

 private:
  Effects& effects_;
  const size_t head_;
  const size_t at_;  // where its bytes begin
  size_t more_ = 0;
};

}  // namespace pollux
