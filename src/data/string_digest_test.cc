// Digests from the documentation of DIGEST: of Redis (the first) and of Dragonfly.
#include "src/data/string_digest.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

std::string digest(std::string_view bytes) {
  const DigestText text = digest_text(bytes);
  return {text.begin(), text.end()};
}

TEST(StringDigest, IsWhatOthersSay) {
  EXPECT_EQ(digest("Hello world"), "b6acb9d84a38ff74");
  EXPECT_EQ(digest("Hello, Dragonfly!"), "063b4909128e92b7");
  EXPECT_EQ(digest("test"), "9ec9f7918d7dfc40");
  EXPECT_EQ(digest("hello"), "9555e8555c62dcfd");
}

}  // namespace
}  // namespace pollux
