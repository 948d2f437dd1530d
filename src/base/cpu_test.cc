#include "src/base/cpu.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

namespace pollux {
namespace {

using List = std::vector<int>;

TEST(CpuTest, ListsRangesAndSteps) {
  EXPECT_EQ(parse_cpu_list("0"), List({0}));
  EXPECT_EQ(parse_cpu_list("0,2,4-7"), List({0, 2, 4, 5, 6, 7}));
  EXPECT_EQ(parse_cpu_list("1-9:2"), List({1, 3, 5, 7, 9}));
  EXPECT_EQ(parse_cpu_list("0-3:8"), List({0}));
  EXPECT_EQ(parse_cpu_list("3-3"), List({3}));
  EXPECT_EQ(parse_cpu_list("1023"), List({1023}));
}

TEST(CpuTest, OrderStaysAndRepeatsGo) {
  EXPECT_EQ(parse_cpu_list("4,2,1-5"), List({4, 2, 1, 3, 5}));
}

TEST(CpuTest, MalformedListsAreRefused) {
  for (const char* text : {"", ",", "1,", ",1", "a", "1-", "-1", "3-1", "1-3:", "1-3:0", "1 ", " 1",
                           "1-2-3", "+1", "1024", "0-1024", "99999999999", "1-3:2:2", "1;2"}) {
    EXPECT_FALSE(parse_cpu_list(text).has_value()) << text;
  }
}

TEST(CpuTest, ThisMachineIsUsable) {
  EXPECT_FALSE(allowed_cpus().empty());
  EXPECT_EQ(missing_cpu_features(), "");
}

TEST(CpuTest, PinsAndNamesAThread) {
  std::thread thread([] {
    const int cpu = allowed_cpus().back();
    EXPECT_TRUE(pin_thread(cpu));
    EXPECT_EQ(allowed_cpus(), List({cpu}));
    EXPECT_FALSE(pin_thread(kCpuMax));
    name_thread("a-name-longer-than-the-kernel-keeps");
    char name[16];
    ASSERT_EQ(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    EXPECT_STREQ(name, "a-name-longer-t");
  });
  thread.join();
}

TEST(CpuTest, GivesWay) {
  const auto priority = [] { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); };
  const int before = priority();
  std::thread thread([&] {
    lower_thread_priority();
    EXPECT_EQ(priority(), 19);
  });
  thread.join();
  EXPECT_EQ(priority(), before);
}

}  // namespace
}  // namespace pollux
