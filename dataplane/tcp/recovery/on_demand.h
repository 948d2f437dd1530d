// State that few connections have, or not for long: a pointer, and a block of its own that is made
// when it is first asked for. How large it is, is for the memory's account.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace pollux::tcp {

template <typename T>
class OnDemand : public std::unique_ptr<T> {
 public:
  // `args`: of its constructor, should it not be there.
  template <typename... Args>
  T& made(Args&&... args) {
    if (*this == nullptr) {
      std::unique_ptr<T>::operator=(std::make_unique<T>(std::forward<Args>(args)...));
    }
    return **this;
  }
  uint32_t memory_bytes() const { return *this == nullptr ? 0 : sizeof(T); }
};

}  // namespace pollux::tcp
