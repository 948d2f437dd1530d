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

}  // namespace
}  // namespace pollux
