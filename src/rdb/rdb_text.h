// One string that was read from RDB format. It points into the bytes it was read from, or holds
// its own: what was compressed, or an integer's text. By value; to be read into again and again,
// so that its room is used again.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "src/base/num.h"

namespace pollux {

class RdbText {
 public:
  // Until this is changed or, if it is not own(), the bytes it was read from go.
  std::string_view view() const {
    switch (where_) {
      case Where::kOutside:
        return outside_;
      case Where::kNumber:
        return {number_, number_size_};
      default:
        return own_;
    }
  }

  void set_outside(std::string_view bytes) {
    where_ = Where::kOutside;
    outside_ = bytes;
  }
  void set_integer(int64_t value) {
    where_ = Where::kNumber;
    number_size_ = format_int64(value, number_);
  }
  // Room for that many bytes of its own; the caller fills it.
  std::string& make_own(size_t bytes) {
    where_ = Where::kOwn;
    own_.resize(bytes);
    return own_;
  }
  void set_own(std::string&& bytes) {
    where_ = Where::kOwn;
    own_ = std::move(bytes);
  }

 private:
  enum class Where : uint8_t { kOutside, kNumber, kOwn };

  Where where_ = Where::kOutside;
  std::string_view outside_;
  std::string own_;
  char number_[kInt64TextMax];
  size_t number_size_ = 0;
};

}  // namespace pollux
