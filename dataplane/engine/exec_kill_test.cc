// A client that is killed, or vanishes, at any moment of an EXEC whose commands visit every worker
// while it holds shards: the EXEC is done to its end, and the client is gone all the same.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class ExecKillTest : public testing::Test {
 protected:
  // A new engine with a client that takes none of its replies and has begun an EXEC.
  void begin(size_t phases) {
    log_open("/dev/null");
    scheduler_ = std::make_unique<Scheduler>(SimOptions{});
    for (int i = 0; i < 3; ++i) {
      scheduler_->sim().transport(i).set_exact(true);
    }
    const SimEngine& sim = scheduler_->sim();
    client_ = scheduler_->connect(0);
    client_.set_window(0);
    client_.send_whole(encode({"ECHO", "not read"}) + encode({"MULTI"}) +
                       encode({"SET", sim.key_on(1, "k"), "1"}) +
                       encode({"CLIENT", "LIST"}) +
                       encode({"SET", sim.key_on(2, "k"), "1"}) + encode({"EXEC"}));
    scheduler_->run_until([] { return false; }, phases);
  }
  void expect_gone() {
    EXPECT_TRUE(scheduler_->run_until_quiet());
    EXPECT_TRUE(client_.closed());
    EXPECT_EQ(scheduler_->sim().leaks(), "");
    EXPECT_EQ(scheduler_->engine().clients().load(), 0);
    // All of it or nothing.
    MemoryClient other = scheduler_->connect(0);
    const SimEngine& sim = scheduler_->sim();
    other.send_whole(encode({"EXISTS", sim.key_on(1, "k"), sim.key_on(2, "k")}));
    EXPECT_TRUE(scheduler_->run_until_quiet());
    EXPECT_NE(other.take(), ":1\r\n");
  }

  std::unique_ptr<Scheduler> scheduler_;
  MemoryClient client_;
};

TEST_F(ExecKillTest, AKilledClientIsGone) {
  for (size_t phases = 1; phases < 120; ++phases) {
    SCOPED_TRACE(phases);
    begin(phases);
    Worker& worker = scheduler_->engine().worker(0);
    worker.for_each_session([&worker](Session& session) { worker.kill(session); });
    if (scheduler_->engine().clients().load() == 0) {
      client_.reset();  // it may have been killed before it was heard of
    }
    expect_gone();
  }
}

TEST_F(ExecKillTest, AClientThatVanishesIsGone) {
  for (size_t phases = 1; phases < 120; ++phases) {
    SCOPED_TRACE(phases);
    begin(phases);
    client_.reset();
    expect_gone();
  }
}

}  // namespace
}  // namespace pollux
