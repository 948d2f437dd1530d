// A writer on a disk in memory, with workers and a maker of bases, stepped by hand.
#pragma once

#include <cstdint>
#include <string>

#include "storage/aof_writer_test_support.h"

namespace pollux {

using Image = SimDisk::Image;

constexpr size_t kBufferBytes = 2 * JournalLane::kBlockBytes;

// What a server of one rewrite has left, without keys.
inline Image used() {
  return {.files = {{"d/f.manifest",
                     "file f.1.base.aof seq 1 type b\nfile f.1.incr.aof seq 1 type i\n"},
                    {"d/f.1.base.aof", ""},
                    {"d/f.1.incr.aof", ""}},
          .directories = {"d"}};
}

struct AofWriterRig {
  explicit AofWriterRig(const AofWriter::Options& options = {}, const Image& image = used(),
               bool loads = true)
      : disk(1, clock, image),
        own(disk),
        others(disk, own),
        files({.names = {.directory = "d", .file = "f"}, .token = kFilesToken}, own),
        workers(3, clock, history, {.wake_bytes = 20'000}),
        base(others, workers, history),
        writer({.token = 1,
                .buffer_bytes = kBufferBytes,
                .on_durable = [this] { ++durables; },
                .on_room = [this] { ++rooms; }},
               workers.journal, own, files, base, figures) {
    writer.set_options(options);
    if (loads) {
      files.open();
      EXPECT_TRUE(run(files, own));
      files.start(files.parts().back().bytes, "", false);
      EXPECT_TRUE(run(files, own));
      writer.start();
    }
  }
  ~AofWriterRig() {
    writer.abandon();
    EXPECT_TRUE(until([this] { return writer.is_off(); }));
  }

  Journal& journal() { return workers.journal; }
  void step(int64_t wait_us = 1000) {
    base.step();
    if (cuts && base.wants_cut()) {
      base.cut();
    }
    writer.step(clock.now(), wait_us);
  }
  template <typename Fn>
  bool until(Fn fn, int steps = 20'000) {
    for (int i = 0; i < steps; ++i) {
      if (fn()) {
        return true;
      }
      step();
    }
    return false;
  }
  void pass_ms(int64_t ms) {
    const Instant end{clock.now().us + ms * 1000};
    while (clock.now() < end) {
      step(std::min<int64_t>(end.us - clock.now().us, 100'000));
    }
  }
  bool all_written() {
    return until([this] { return figures.written_ticket.get() == last(); });
  }
  bool all_durable() {
    return until([this] { return journal().durable() == journal().drawn(); });
  }
  // So many in a row.
  void fail_bases(int64_t times) {
    for (int64_t i = 1; i <= times; ++i) {
      ASSERT_TRUE(until([&] { return base.wants_cut(); }));
      base.fail();
      ASSERT_TRUE(until([&] { return figures.rewrite_failures.get() == i; }));
    }
  }
  bool rewritten() {
    return until([this] { return figures.rewriting.get() == 0; });
  }
  int64_t last() { return static_cast<int64_t>(journal().drawn().value); }
  std::string file(const std::string& name) {
    const Image seen = disk.seen();
    const auto it = seen.files.find("d/" + name);
    return it == seen.files.end() ? "none" : it->second;
  }
  std::string manifest() { return file("f.manifest"); }

  ManualClock clock{Instant{1'000'000'000'000}};
  SimDisk disk;
  DiskShare own;
  DiskShare others;
  AofFiles files;
  AofBlock figures;
  History history;
  Workers workers;
  TestBase base;
  AofWriter writer;
  bool cuts = true;
  int durables = 0;
  int rooms = 0;
};

inline std::string select(int db) {
  return resp({"SELECT", std::to_string(db)});
}
inline std::string set(const std::string& key, const std::string& value) {
  return resp({"SET", key, value});
}

}  // namespace pollux
