#include "src/abi/control_page.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace pollux {
namespace {

class ControlPageTest : public ::testing::Test {
 protected:
  static constexpr int kWorkers = 3;

  void SetUp() override {
    bytes_ = ControlPage::size_for(kWorkers);
    memory_.reset(static_cast<char*>(std::aligned_alloc(64, (bytes_ + 63) / 64 * 64)));
    std::memset(memory_.get(), 0, bytes_);
    page()->version = kControlPageVersion;
    page()->workers = kWorkers;
    page()->magic.store(kControlPageMagic);
  }
  ControlPage* page() { return reinterpret_cast<ControlPage*>(memory_.get()); }

  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  size_t bytes_ = 0;
  std::unique_ptr<char, Free> memory_;
};

TEST_F(ControlPageTest, IsFoundWhereItStands) {
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), page());
}

TEST_F(ControlPageTest, OtherBytesAreNoPage) {
  EXPECT_EQ(control_page_in(memory_.get(), bytes_ - 1), nullptr);
  EXPECT_EQ(control_page_in(memory_.get(), 8), nullptr);
  page()->version = kControlPageVersion + 1;
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), nullptr);
  page()->version = kControlPageVersion;
  page()->workers = kWorkersMax + 1;
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), nullptr);
  page()->workers = kWorkers;
  page()->core_figures = kCoreFiguresMax + 1;
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), nullptr);
  page()->core_figures = kCoreFiguresMax;
  page()->port_figures = kPortFiguresMax + 1;
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), nullptr);
  page()->port_figures = kPortFiguresMax;
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), page());
  page()->magic.store(0);
  EXPECT_EQ(control_page_in(memory_.get(), bytes_), nullptr);
}

TEST_F(ControlPageTest, ACounterIsWhatWasAdded) {
  Counter& counter = page()->cores[2].commands;
  counter.add(5);
  counter.add(2);
  EXPECT_EQ(counter.get(), 7);
  counter.set(1);
  EXPECT_EQ(counter.get(), 1);
  EXPECT_EQ(page()->cores[1].commands.get(), 0);
}

// The layout is what other programs were built with: a change here is a new kControlPageVersion.
TEST(ControlPageLayout, IsStable) {
  static_assert(offsetof(ControlPage, magic) == 0);
  static_assert(offsetof(ControlPage, version) == 8);
  static_assert(offsetof(ControlPage, process_id) == 16);
  static_assert(offsetof(ControlPage, started_ms) == 24);
  static_assert(offsetof(ControlPage, cores) % 64 == 0);
  static_assert(sizeof(CoreBlock) % 64 == 0);
  static_assert(sizeof(CommandCounters) == 32);
}

}  // namespace
}  // namespace pollux
