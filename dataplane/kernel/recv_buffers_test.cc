#include "dataplane/kernel/recv_buffers.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

class RecvBuffersTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(io_uring_queue_init(8, &ring_, 0), 0); }
  void TearDown() override { io_uring_queue_exit(&ring_); }
  static void lend(RecvBuffers& buffers, unsigned count, int bytes = 1,
                   bool too_few = false) {
    for (unsigned id = 0; id < count; ++id) {
      io_uring_cqe cqe{};
      cqe.res = bytes;
      cqe.flags = IORING_CQE_F_BUFFER | id << IORING_CQE_BUFFER_SHIFT;
      buffers.lend(cqe);
    }
    buffers.give_back(too_few);
  }

  io_uring ring_;
};

TEST_F(RecvBuffersTest, TheKernelGetsMoreWhenATurnLendsHalfOfThem) {
  constexpr unsigned kFirst = RecvBuffers::kProvidedFirst;
  RecvBuffers buffers;
  ASSERT_EQ(buffers.create(&ring_, 4 * kFirst, 64), 0);
  EXPECT_EQ(buffers.provided(), kFirst);
  for (int turn = 0; turn < 1000; ++turn) {
    lend(buffers, kFirst / 2 - 1);
  }
  EXPECT_EQ(buffers.provided(), kFirst);
  lend(buffers, kFirst / 2);
  EXPECT_EQ(buffers.provided(), 2 * kFirst);
  for (int turn = 0; turn < 5; ++turn) {
    lend(buffers, buffers.provided());
  }
  EXPECT_EQ(buffers.provided(), 4 * kFirst);
}

TEST_F(RecvBuffersTest, ManyBytesOfOneConnectionWaitInTheKernel) {
  constexpr unsigned kFirst = RecvBuffers::kProvidedFirst;
  RecvBuffers buffers;
  ASSERT_EQ(buffers.create(&ring_, 4 * kFirst, 64), 0);
  for (int turn = 0; turn < 5; ++turn) {
    lend(buffers, kFirst, /*bytes=*/64);
  }
  EXPECT_EQ(buffers.provided(), kFirst);
  lend(buffers, 0, /*bytes=*/64, /*too_few=*/true);  // in a turn without data
  EXPECT_EQ(buffers.provided(), 2 * kFirst);
  lend(buffers, kFirst, /*bytes=*/63);
  EXPECT_EQ(buffers.provided(), 4 * kFirst);
}

TEST_F(RecvBuffersTest, FewOnesAreAllWithTheKernelAtOnce) {
  RecvBuffers buffers;
  ASSERT_EQ(buffers.create(&ring_, 2, 64), 0);
  EXPECT_EQ(buffers.provided(), 2U);
  lend(buffers, 2);
  EXPECT_EQ(buffers.provided(), 2U);
}

}  // namespace
}  // namespace pollux
