// DEBUG RELOAD on whole engines: workers, loader and disk are stepped in interleavings drawn by a
// seed, while clients write.
#include "dataplane/engine/reload.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/load_test_support.h"
#include "src/base/log.h"
#include "src/base/seeds.h"
#include "src/rdb/test_sink.h"
#include "storage/rdb_file_writer.h"
#include "storage/rdb_loader.h"

namespace pollux {
namespace {

constexpr int kKeys = 200;

std::string name_of(int i) { return "key:" + std::to_string(i); }

std::string file_of_keys() {
  TestSink bytes;
  RdbFileWriter writer(bytes, {.compress = false});
  writer.begin({.redis_version = "7.0.15"});
  for (int i = 0; i < kKeys; ++i) {
    RdbWriter(writer.open_key(0, {}, RdbType::kString, name_of(i)), false).text("of the file");
  }
  writer.finish();
  return bytes.take();
}

class Reloads {
 public:
  Reloads(int workers, uint64_t seed, const std::string& file)
      : start_(workers, seed, image_of(file), "enable-debug-command yes\n") {
    start_.desk().finish();  // with nothing
    start_.outcome = FileLoader::Step::kDone;
    EXPECT_TRUE(start_.scheduler.run_until_quiet());
  }

  Scheduler& scheduler() { return start_.scheduler; }
  LoadDesk& desk() { return start_.desk(); }
  std::string ask(MemoryClient& client, const Request& request) {
    return start_.ask(client, request);
  }
  bool ordered() const { return ordered_; }

  // One step of somebody; the storage thread's as the server's does it.
  void step() {
    if (scheduler().rng().below(6) != 0) {
      scheduler().step();
      return;
    }
    start_.clock.advance_us(static_cast<int64_t>(scheduler().rng().below(500)));
    if (const LoadDesk::Order* const order = desk().take_order(LoadDesk::Source::kRdb)) {
      ordered_ = true;
      empties_ = order->empties;
      options_ = {.file = order->file,
                  .format = order->format,
                  .reads = {.block_bytes = 4096, .blocks = 2},
                  .batch_bytes = 300};
      if (empties_) {
        desk().ask_to_empty();
      }
    } else if (ordered_ && loader_ == nullptr && (!empties_ || desk().is_empty())) {
      loader_ = std::make_unique<RdbLoader>(options_, start_.disk, desk(), start_.figures());
    } else if (loader_ != nullptr) {
      step_loader();
    }
  }

 private:
  static SimDisk::Image image_of(const std::string& file) {
    SimDisk::Image image;
    image.files["dump.rdb"] = file;
    return image;
  }

  void step_loader() {
    if (outcome_ == FileLoader::Step::kAgain) {
      outcome_ = loader_->step(start_.clock.now(), 0);
    }
    if (outcome_ == FileLoader::Step::kDone ||
        (outcome_ == FileLoader::Step::kFailed && loader_->take_all_back(0))) {
      loader_.reset();
      ordered_ = false;
      desk().finish(outcome_ == FileLoader::Step::kDone);
      outcome_ = FileLoader::Step::kAgain;
    }
  }

  LoadStart start_;
  RdbLoader::Options options_;
  bool ordered_ = false;
  bool empties_ = true;
  std::unique_ptr<FileLoader> loader_;
  FileLoader::Step outcome_ = FileLoader::Step::kAgain;
};

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() { log_open("/dev/null"); }
  ~ReloadTest() override { log_open(""); }
};

void add_write(TestClient& client, Rng& rng) {
  const auto any = [](const Answer&) {};
  const auto key = [&rng] { return name_of(static_cast<int>(rng.below(2 * kKeys))); };
  switch (rng.below(4)) {
    case 0:
      client.add({"SET", key(), "x"}, any);
      return;
    case 1:
      client.add({"MSET", key(), "x", key(), "x", key(), "x"}, any);
      return;
    case 2:
      client.add({"DEL", key(), key()}, any);
      return;
    default:
      client.add({"MULTI"}, any);
      client.add({"SET", key(), "x"}, any);
      client.add({"SET", key(), "x"}, any);
      client.add({"EXEC"}, any);
      return;
  }
}

// Nothing that was begun before is done while or after the file is loaded: else a key of the file
// would stand there twice, or another value behind the end.
void reload_among_writers(int workers, uint64_t seed, bool damaged) {
  std::string file = file_of_keys();
  if (damaged) {
    file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 0x40);
  }
  Reloads reloads(workers, seed, file);
  std::vector<std::unique_ptr<TestClient>> writers;
  for (int i = 0; i < 2 * workers; ++i) {
    writers.push_back(
        std::make_unique<TestClient>(reloads.scheduler().connect(i % workers)));
  }
  MemoryClient asker = reloads.scheduler().connect(static_cast<int>(seed) % workers);
  std::string answer;
  bool asked = false;
  bool may_write = true;
  for (size_t steps = 0; !answer.ends_with("\r\n") && steps < 200'000; ++steps) {
    may_write = may_write && !reloads.ordered();
    for (auto& writer : writers) {
      writer->receive();
      if (may_write && writer->awaited() < 12 && reloads.scheduler().rng().below(20) == 0) {
        add_write(*writer, reloads.scheduler().rng());
        writer->send_pipeline();
      }
    }
    if (!asked && steps == 300) {
      asked = true;
      asker.send_whole(encode({"DEBUG", "RELOAD", "NOSAVE"}));
    }
    reloads.step();
    answer += asker.take();
  }
  EXPECT_EQ(answer, damaged ? "-ERR Error trying to load the RDB dump\r\n" : "+OK\r\n");
  ASSERT_TRUE(reloads.scheduler().run_until_quiet());
  if (!damaged) {
    EXPECT_EQ(reloads.ask(asker, {"DBSIZE"}), ":" + std::to_string(kKeys) + "\r\n");
    for (int i = 0; i < kKeys; i += 3) {
      EXPECT_EQ(reloads.ask(asker, {"GET", name_of(i)}), "$11\r\nof the file\r\n");
    }
  }
  EXPECT_EQ(reloads.ask(asker, {"SET", "key:1", "y"}), "+OK\r\n");
  for (auto& writer : writers) {
    writer->receive();
    EXPECT_EQ(writer->awaited(), 0U);
    EXPECT_EQ(writer->garbage(), "");
  }
}

TEST_F(ReloadTest, TheDataIsWhatTheFileHas) {
  const Seeds seeds = seeds_to_run(80);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE(seed);
    reload_among_writers(1 + static_cast<int>(seed % 4), seed, /*damaged=*/false);
  }
}

TEST_F(ReloadTest, ADamagedFileEndsItAndTheServerGoesOn) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    reload_among_writers(1 + static_cast<int>(seed % 4), seed, /*damaged=*/true);
  }
}

}  // namespace
}  // namespace pollux
