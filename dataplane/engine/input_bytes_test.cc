#include "dataplane/engine/input_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(InputBytesTest, HoldsNothingBeforeAndAfter) {
  InputBytes input;
  EXPECT_EQ(sizeof input, sizeof(void*));
  EXPECT_EQ(input.held_bytes(), 0U);
  EXPECT_EQ(input.unread(), "");
  EXPECT_FALSE(input.used_up());
  input.append("");
  EXPECT_EQ(input.held_bytes(), 0U);
  input.append("PING");
  EXPECT_GE(input.held_bytes(), 4U);
  input.use(4);
  EXPECT_TRUE(input.used_up());
  input.clear();
  EXPECT_EQ(input.held_bytes(), 0U);
  EXPECT_FALSE(input.used_up());
}

TEST(InputBytesTest, RoomThatIsReservedIsThereWithoutAMove) {
  InputBytes input;
  input.append("*1\r\n$1000\r\n");
  input.reserve(2'000);
  const char* const at = input.unread().data();
  input.append(std::string(1'900, 'x'));
  EXPECT_EQ(input.unread().data(), at);
  input.reserve(10);  // there is more
  EXPECT_EQ(input.capacity(), 2'000U);
}

// A request of many small arguments is known as far as the next one only.
TEST(InputBytesTest, RoomThatIsReservedInSmallStepsDoubles) {
  InputBytes input;
  int moves = 0;
  for (size_t bytes = 1; bytes <= 1'000'000; bytes += 100) {
    const size_t before = input.capacity();
    input.reserve(bytes);
    moves += input.capacity() != before ? 1 : 0;
  }
  EXPECT_LE(moves, 20);
}

// Against a string from which the front is erased.
TEST(InputBytesTest, IsAsAString) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    InputBytes input;
    std::string model;
    for (int step = 0; step < 400; ++step) {
      switch (rng.below(5)) {
        case 0:
        case 1: {
          const std::string bytes(rng.below(rng.below(10) == 0 ? 5'000 : 60),
                                  static_cast<char>('a' + rng.below(26)));
          if (rng.below(2) == 0) {
            input.drop_used();
          }
          input.append(bytes);
          model += bytes;
          break;
        }
        case 2:
        case 3: {
          const size_t bytes = std::min<size_t>(rng.below(100), model.size());
          input.use(bytes);
          model.erase(0, bytes);
          break;
        }
        default:
          if (rng.below(8) == 0) {
            input.clear();
            model.clear();
          } else {
            input.reserve(rng.below(1'000));
          }
      }
      ASSERT_EQ(input.unread(), model) << seed;
      ASSERT_EQ(input.used_up(), model.empty() && input.held_bytes() > 0);
      ASSERT_EQ(input.size() - input.used(), model.size());
      ASSERT_LE(input.size(), input.capacity());
    }
  }
}

}  // namespace
}  // namespace pollux
