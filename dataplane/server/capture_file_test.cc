#include "dataplane/server/capture_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "dataplane/tcp/interface/queue_test_support.h"
#include "src/base/time.h"

namespace pollux {
namespace {

class CaptureFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "capture-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(name);
    device_.choose({{tcp::kPeer, 32}});
  }
  void TearDown() override {
    const std::filesystem::path mine = std::filesystem::current_path();
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(mine);
  }
  void come(int times) {
    for (int i = 0; i < times; ++i) {
      queue_.add(tcp::segment(tcp::flow_of(50'000)));
      std::array<tcp::RxFrame, 1> got;
      ASSERT_EQ(device_.receive(got), 1U);
      device_.release(got);
    }
  }
  static size_t files() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("."), {}));
  }

  std::filesystem::path before_;
  tcp::Queue queue_;
  tcp::Capture capture_{1, [] { return tcp::Moment{monotonic_ns()}; }};
  tcp::CapturedDevice device_{capture_, 0, queue_};
  CaptureFile file_{capture_, 64 * 1024};
};

TEST_F(CaptureFileTest, WorkersStopCopyingWhenItIsFull) {
  come(2'000);
  usleep(5'000);
  EXPECT_TRUE(file_.write());
  EXPECT_LE(std::filesystem::file_size(std::filesystem::directory_iterator(".")->path()), 65'536U);
  const auto lost = capture_.lost();
  come(5'000);
  EXPECT_EQ(capture_.lost(), lost) << "copies of which nobody knows whose they are";
  EXPECT_EQ(capture_.next(tcp::kNever), nullptr);
  // Chosen anew it has a file again.
  device_.choose({});
  EXPECT_FALSE(file_.write());
  device_.choose({{tcp::kPeer, 32}});
  come(1);
  EXPECT_TRUE(file_.write());
  EXPECT_EQ(files(), 2U);
  file_.finish();
}

TEST_F(CaptureFileTest, WithoutAFolderNothingIsCopied) {
  std::filesystem::remove_all(std::filesystem::current_path());
  EXPECT_TRUE(file_.write());
  come(5'000);
  EXPECT_EQ(capture_.lost(), 0U);
  std::filesystem::current_path(before_);
  device_.choose({});
  file_.write();
  std::filesystem::current_path(std::filesystem::temp_directory_path());
  const std::filesystem::path mine = "capture-again-" + std::to_string(getpid());
  std::filesystem::create_directory(mine);
  std::filesystem::current_path(mine);
}

}  // namespace
}  // namespace pollux
