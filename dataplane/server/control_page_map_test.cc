#include "dataplane/server/control_page_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pollux {
namespace {

TEST(ControlPageMap, AnonymousPageIsZeroed) {
  ControlPageMap map;
  ASSERT_EQ(map.create("", 4), "");
  EXPECT_EQ(map.page().cores[3].commands.get(), 0);
}

TEST(ControlPageMap, AnotherMappingSeesTheCounters) {
  const std::string path = "/tmp/pollux-page-test-" + std::to_string(getpid());
  {
    ControlPageMap map;
    ASSERT_EQ(map.create(path, 2), "");
    const int fd = open(path.c_str(), O_RDONLY);
    ASSERT_GE(fd, 0);
    struct stat status;
    ASSERT_EQ(fstat(fd, &status), 0);
    const auto bytes = static_cast<size_t>(status.st_size);
    void* view = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    ASSERT_NE(view, MAP_FAILED);
    EXPECT_EQ(control_page_in(view, bytes), nullptr);
    map.complete(CommandTable(), 6379, 1);
    const ControlPage* page = control_page_in(view, bytes);
    ASSERT_NE(page, nullptr);
    EXPECT_EQ(page->workers, 2u);
    map.page().cores[1].turns.add(3);
    EXPECT_EQ(page->cores[1].turns.get(), 3);
    munmap(view, bytes);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(ControlPageMap, SaysWhyAFileCannotBeMade) {
  ControlPageMap map;
  EXPECT_NE(map.create("/nonexistent/page", 1).find("No such file"), std::string::npos);
}

// A directory that is gone with the test.
class ControlPagePath : public testing::Test {
 protected:
  ControlPagePath() {
    EXPECT_NE(mkdtemp(directory_), nullptr);
    path_ = std::string(directory_) + "/page";
    other_ = std::string(directory_) + "/other";
  }
  ~ControlPagePath() override {
    unlink(path_.c_str());
    unlink(other_.c_str());
    rmdir(directory_);
  }

  static void write_file(const std::string& path, const std::string& text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
  }
  static std::string read_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY);
    char bytes[64];
    const ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
    close(fd);
    return {bytes, static_cast<size_t>(size > 0 ? size : 0)};
  }
  // What create says, with the end behind it.
  std::string problem_here() {
    ControlPageMap map;
    return map.create(path_, 1);
  }

  char directory_[32] = "/tmp/pollux-page-XXXXXX";
  std::string path_;
  std::string other_;
};

TEST_F(ControlPagePath, LeavesForeignFilesAlone) {
  for (const std::string text : {"", "Pollux", "somebody's dear data, of some length"}) {
    write_file(path_, text);
    EXPECT_NE(problem_here().find("no control page"), std::string::npos);
    EXPECT_EQ(access(path_.c_str(), F_OK), 0);
    EXPECT_EQ(read_file(path_), text);
  }
  unlink(path_.c_str());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_NE(problem_here().find("no control page"), std::string::npos);
}

TEST_F(ControlPagePath, FollowsNoSymbolicLink) {
  const std::string page("Pollux1\0", 8);
  write_file(other_, page);
  ASSERT_EQ(symlink(other_.c_str(), path_.c_str()), 0);
  EXPECT_NE(problem_here().find("symbolic link"), std::string::npos);
  EXPECT_EQ(read_file(other_), page);
  struct stat status;
  EXPECT_EQ(lstat(path_.c_str(), &status), 0);
  unlink(other_.c_str());  // now it leads nowhere
  EXPECT_NE(problem_here().find("symbolic link"), std::string::npos);
}

TEST_F(ControlPagePath, ReplacesWhatAKilledServerLeft) {
  for (const bool complete : {false, true}) {
    // Its file outlives it as a killed server's does: by another name, that is put back.
    {
      ControlPageMap killed;
      ASSERT_EQ(killed.create(path_, 1), "");
      if (complete) {
        killed.complete(CommandTable(), 6379, 1);
      }
      ASSERT_EQ(rename(path_.c_str(), other_.c_str()), 0);
    }
    ASSERT_EQ(rename(other_.c_str(), path_.c_str()), 0);
    EXPECT_EQ(problem_here(), "");
    EXPECT_NE(access(path_.c_str(), F_OK), 0);
  }
}

// What others leave of the file system's room, or don't, is no matter to a worker that counts.
TEST_F(ControlPagePath, HasAllItsRoomFromTheStart) {
  ControlPageMap map;
  ASSERT_EQ(map.create(path_, 2), "");
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_GE(status.st_size, static_cast<off_t>(ControlPage::size_for(2)));
  EXPECT_GE(status.st_blocks * 512, status.st_size);
}

TEST_F(ControlPagePath, LeavesThePageOfARunningServerAlone) {
  ControlPageMap first;
  ASSERT_EQ(first.create(path_, 1), "");
  struct stat before;
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  for (const bool complete : {false, true}) {
    EXPECT_NE(problem_here().find("another server is running"), std::string::npos) << complete;
    struct stat after;
    ASSERT_EQ(stat(path_.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
    first.complete(CommandTable(), 6379, 1);
  }
}

TEST_F(ControlPagePath, RemovesOnlyItsOwnAtTheEnd) {
  {
    ControlPageMap map;
    ASSERT_EQ(map.create(path_, 1), "");
    unlink(path_.c_str());
    write_file(path_, "of somebody else");
  }
  EXPECT_EQ(read_file(path_), "of somebody else");
}

}  // namespace
}  // namespace pollux
