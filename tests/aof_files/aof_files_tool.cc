// Append-only files for tests of other programs, in the working directory: what is in them, and a
// history as a server keeps it.
//
//   aof_files_tool manifest FILE       the manifest as it would be written
//   aof_files_tool list FILE WINDOW    a line for each record: OFFSET and the arguments in hex, or
//                                      "time" and a number, or "#" and the text in hex; of an RDB
//                                      file at the front "rdb" and where it ends; at last "end",
//                                      "truncated" or "broken", and up to where all is whole
//   aof_files_tool cuts FILE           that last line for each beginning of the file, from 0 bytes
//   aof_files_tool serve STEP ...      starts on the directory, says with "load" which files it
//                                      finds and how they end, and does what the steps say:
//                                        append=FILE   its bytes are appended, and synced
//                                        rewrite=FILE  its bytes are the base of a rewrite
//
// WINDOW: bytes of the first window. An error ends with status 1 and a sentence.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/rdb/test_sink.h"
#include "storage/aof_files.h"
#include "storage/aof_splitter.h"
#include "storage/rdb_file_splitter.h"
#include "storage/rdb_file_writer.h"
#include "storage/splitter_test_support.h"
#include "storage/uring_disk.h"
#include "tests/file_tool.h"

namespace pollux {
namespace {

using Step = AofSplitter::Step;

std::string line_of(const AofRecord& record) {
  std::string line = std::to_string(record.offset);
  if (record.kind == AofRecord::Kind::kTimestamp) {
    return line + " time " + std::to_string(record.time_s);
  }
  if (record.kind == AofRecord::Kind::kComment) {
    return line + " # " + hex(record.text);
  }
  for (const std::string_view arg : record.args) {
    line += " " + hex(arg);
  }
  return line;
}

struct End {
  Step step;
  uint64_t valid_to;
  std::string error;
};

End split_file(std::string_view file, size_t window_bytes, bool print) {
  TestWindows windows = {.bytes = window_bytes};
  const auto take_all = [&](AofSplitter& splitter) {
    const Step step = split_in_windows(splitter, file, windows, Step::kRecord, [&] {
      if (print) {
        std::printf("%s\n", line_of(splitter.record()).c_str());
      }
    });
    return End{step, splitter.valid_to(), splitter.error()};
  };
  AofSplitter whole;
  const End end = take_all(whole);
  if (end.step != Step::kRdb) {
    return end;
  }
  RdbFileSplitter rdb;
  if (split_in_windows(rdb, file, windows, RdbFileSplitter::Step::kEvent, [] {}) !=
      RdbFileSplitter::Step::kEnd) {
    fail(rdb.error());
  }
  if (print) {
    std::printf("rdb %llu\n", static_cast<unsigned long long>(rdb.offset()));
  }
  AofSplitter tail({}, rdb.offset());
  return take_all(tail);
}

std::string told(const End& end) {
  const std::string name = end.step == Step::kEnd         ? "end "
                           : end.step == Step::kTruncated ? "truncated "
                                                          : "broken ";
  return name + std::to_string(end.valid_to);
}

void manifest(const char* path) {
  std::string error;
  const auto manifest = parse_aof_manifest(content(path), path, error);
  if (!manifest) {
    fail(error);
  }
  std::fputs(format_aof_manifest(*manifest).c_str(), stdout);
}

void cuts(const char* path) {
  const std::string file = content(path);
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    std::printf("%s\n", told(split_file(std::string_view(file).substr(0, cut), 64, false)).c_str());
  }
}

class Server {
 public:
  explicit Server(Disk& disk) : disk_(disk) {}

  void start() {
    files_.open();
    finish();
    uint64_t valid = 0;
    for (const AofFiles::Part& part : files_.parts()) {
      const End end = split_file(content(part.path), 1 << 16, false);
      std::printf("load %s %s\n", part.path.c_str(), told(end).c_str());
      const bool last = &part == &files_.parts().back();
      if (end.step != Step::kEnd && (end.step != Step::kTruncated || !last)) {
        fail(part.path + ": " + end.error);
      }
      valid = end.valid_to;
    }
    TestSink base;
    RdbFileWriter writer(base, {});
    writer.begin({.redis_version = "7.4.0", .aof_base = true});
    writer.finish();
    files_.start(valid, base.take(), true);
    finish();
    offset_ = files_.incr().bytes;
  }

  void append(const std::string& bytes) {
    write(files_.incr().file, offset_, bytes);
    offset_ += bytes.size();
  }

  void rewrite(const std::string& bytes) {
    files_.prepare_incr();
    finish();
    files_.switch_incr();
    finish();
    offset_ = 0;
    Disk::File file = Disk::kNoFile;
    if (disk_.open(files_.temp_base_path(), Disk::Mode::kNew, Disk::Cache::kSystem, file) != 0) {
      fail("can't open " + files_.temp_base_path());
    }
    write(file, 0, bytes);
    disk_.close(file);
    files_.publish_base(bytes.starts_with("REDIS"));
    finish();
  }

 private:
  void finish() {
    AofFiles::Step step;
    while ((step = files_.step()) != AofFiles::Step::kDone) {
      if (step == AofFiles::Step::kFailed) {
        fail(files_.error());
      }
      if (step == AofFiles::Step::kWaiting) {
        files_.ended(wait());
      }
    }
  }
  Disk::Completion wait() {
    Disk::Completion completion;
    while (disk_.poll({&completion, 1}, -1) == 0) {
    }
    return completion;
  }
  void write(Disk::File file, uint64_t offset, const std::string& bytes) {
    disk_.write(file, offset, bytes, 1);
    const int64_t written = wait().result;
    disk_.sync(file, 1);
    if (written != static_cast<int64_t>(bytes.size()) || wait().result != 0) {
      fail("can't write");
    }
  }

  Disk& disk_;
  AofFiles files_{{}, disk_};
  uint64_t offset_ = 0;
};

void serve(int count, char** steps) {
  std::string error;
  const auto disk = UringDisk::create(error);
  if (!disk) {
    fail(error);
  }
  Server server(*disk);
  server.start();
  for (int i = 0; i < count; ++i) {
    const std::string_view step = steps[i];
    const size_t equals = step.find('=');
    const std::string bytes = content(std::string(step.substr(equals + 1)));
    if (step.starts_with("append=")) {
      server.append(bytes);
    } else {
      server.rewrite(bytes);
    }
  }
}

int run(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "manifest" && argc == 3) {
    manifest(argv[2]);
  } else if (verb == "list" && argc == 4) {
    const End end = split_file(content(argv[2]), std::strtoul(argv[3], nullptr, 10), true);
    std::printf("%s\n", told(end).c_str());
  } else if (verb == "cuts" && argc == 3) {
    cuts(argv[2]);
  } else if (verb == "serve") {
    serve(argc - 2, argv + 2);
  } else {
    fail("aof_files_tool manifest FILE | list FILE WINDOW | cuts FILE | serve STEP ...");
  }
  return 0;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  return pollux::run(argc, argv);
}
