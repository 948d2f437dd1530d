// RDB files for tests of other programs: what is in one, and one read and written anew.
//
//   rdb_file_tool list FILE WINDOW    a line for each part; texts and values in hex:
//                                       aux NAME TEXT | function TEXT | db N | sizes N KEYS EXPIRES
//                                       key DB NAME EXPIRE_MS IDLE FREQUENCY TYPE VALUE
//                                     with - for what is not there, and at last "end" and the sum
//   rdb_file_tool rewrite FILE OUT    every value is built and written again; functions and AUX
//                                     fields, but ours, are kept
//
// WINDOW: bytes of the first window. An error ends with status 1 and a sentence.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "src/data/keyspace.h"
#include "src/rdb/test_sink.h"
#include "src/rdb/value_codec.h"
#include "storage/rdb_file_splitter.h"
#include "storage/rdb_file_writer.h"
#include "storage/splitter_test_support.h"
#include "tests/file_tool.h"

namespace pollux {
namespace {

using Kind = RdbFileEvent::Kind;
using Step = RdbFileSplitter::Step;

// Calls `take` with each event.
template <typename Take>
RdbFileSplitter split(std::string_view file, size_t window_bytes, Take&& take) {
  RdbFileSplitter splitter;
  TestWindows windows = {.bytes = window_bytes};
  if (split_in_windows(splitter, file, windows, Step::kEvent,
                       [&] { take(splitter.event(), splitter); }) == Step::kError) {
    fail(splitter.error());
  }
  return splitter;
}

template <typename Number>
std::string or_dash(const std::optional<Number>& number) {
  return number ? std::to_string(*number) : "-";
}

std::string line_of(const RdbFileEvent& event) {
  const std::string db = std::to_string(event.db);
  switch (event.kind) {
    case Kind::kAux:
      return "aux " + hex(event.name.view()) + " " + hex(event.text.view());
    case Kind::kFunction:
      return "function " + hex(event.text.view());
    case Kind::kDatabase:
      return "db " + db;
    case Kind::kSizes:
      return "sizes " + db + " " + std::to_string(event.keys) + " " + std::to_string(event.expires);
    case Kind::kKey:
      break;
  }
  return "key " + db + " " + hex(event.name.view()) + " " + or_dash(event.meta.expire_ms) + " " +
         or_dash(event.meta.idle_s) + " " + or_dash(event.meta.frequency) + " " +
         std::to_string(static_cast<unsigned>(event.type)) + " " + hex(event.value);
}

// As a loader would.
bool is_left_out(const RdbFileEvent& event) {
  return event.kind == RdbFileEvent::Kind::kKey && event.empty;
}

void list(const char* path, size_t window_bytes) {
  const RdbFileSplitter splitter =
      split(content(path), window_bytes, [](const RdbFileEvent& event, const RdbFileSplitter&) {
        if (!is_left_out(event)) {
          std::printf("%s\n", line_of(event).c_str());
        }
      });
  const char* const sums[] = {"right", "absent", "not-checked", "not-in-version"};
  std::printf("end %s\n", sums[static_cast<size_t>(splitter.sum())]);
}

// One key that takes every value in turn.
class Rewriter {
 public:
  Rewriter() { keys_.bind(ShardId{0}, 0, Instant{1}); }
  ~Rewriter() {
    store_.flush(0);
    store_.tick(Instant{1}, INT64_MAX);
  }

  void take(const RdbFileEvent& event, const RdbFileSplitter& from) {
    if (!begun_) {
      begun_ = true;
      writer_.begin({.redis_version = "7.4.0", .field_ttls = from.version() >= 12});
    }
    switch (event.kind) {
      case Kind::kAux:
        break;
      case Kind::kFunction:
        writer_.function_library(event.text.view());
        break;
      case Kind::kDatabase:
        break;
      case Kind::kSizes:
        writer_.database(event.db, event.keys, event.expires);
        break;
      case Kind::kKey:
        if (!is_left_out(event)) {
          rewrite(event);
        }
    }
  }
  std::string finish() {
    writer_.finish();
    return sink_.take();
  }

 private:
  void rewrite(const RdbFileEvent& event) {
    Edit edit(keys_, Key::of("k"));
    LooseValue value(edit.memory());
    RdbReader in(event.value);
    if (!read_rdb_value(event.type, in, EncodingLimits{}, value) || !in.at_end()) {
      fail("key " + hex(event.name.view()) + " is damaged");
    }
    value.give_to(edit);
    edit.notify(KeyEvent::kRestore);
    writer_.key(event.db, event.meta, event.name.view(), *edit.entry());
  }

  ShardStore store_{ShardId{0}, 1};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  TestSink sink_;
  RdbFileWriter writer_{sink_, {}};
  bool begun_ = false;
};

void rewrite(const char* from, const char* to) {
  Rewriter rewriter;
  split(content(from), 1 << 16, [&](const RdbFileEvent& event, const RdbFileSplitter& splitter) {
    rewriter.take(event, splitter);
  });
  const std::string out = rewriter.finish();
  std::ofstream file(to, std::ios::binary);
  if (!file.write(out.data(), static_cast<std::streamsize>(out.size())).flush()) {
    fail("can't write " + std::string(to));
  }
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  const std::string_view verb = argc == 4 ? argv[1] : "";
  if (verb == "list") {
    pollux::list(argv[2], std::strtoul(argv[3], nullptr, 10));
  } else if (verb == "rewrite") {
    pollux::rewrite(argv[2], argv[3]);
  } else {
    pollux::fail("rdb_file_tool list FILE WINDOW | rewrite FILE OUT");
  }
  return 0;
}
