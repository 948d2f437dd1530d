// Errors of the world as values: a result is a T or a one-byte error code of the caller's enum.
// Nothing here allocates. Sentences for people are made where the error is reported.
#pragma once

#include <utility>
#include <variant>

#include "src/base/assert.h"

namespace pollux {

template <typename T, typename E>
class [[nodiscard]] Result {
  static_assert(sizeof(E) == 1, "an error is one byte; its sentence stands in a table");

 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(E error) : state_(std::in_place_index<1>, error) {}             // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Requires ok().
  T& value() {
    POLLUX_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    POLLUX_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }

  // Requires !ok().
  E error() const {
    POLLUX_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace pollux
