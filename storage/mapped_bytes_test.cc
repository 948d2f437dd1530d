#include "storage/mapped_bytes.h"

#include <gtest/gtest.h>

#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(MappedBytesTest, AreWhatAStringWouldBe) {
  MappedBytes bytes;
  std::string model;
  Rng rng(1);
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t what = rng.below(20);
    if (what == 0) {
      bytes.clear();
      model.clear();
    } else if (what < 8) {
      const size_t gone = static_cast<size_t>(rng.below(model.size() + 1));
      bytes.drop_front(gone);
      model.erase(0, gone);
    } else {
      const std::string more(static_cast<size_t>(rng.below(1'000'000)),
                             static_cast<char>('a' + i % 26));
      bytes.append(more);
      model += more;
    }
    ASSERT_TRUE(bytes.view() == model) << i;
  }
}

}  // namespace
}  // namespace pollux
