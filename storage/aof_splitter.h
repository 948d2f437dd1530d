// Splits an append-only file into its records, from bytes that come in windows of any size:
// commands as views of their arguments, and lines that begin with #. No I/O, no clock. One thread.
//
//   splitter.feed(window, following);  // begins with byte offset() of the file
//   while ((step = splitter.next()) == kRecord) { ... splitter.record() ... }
//   kMore:   the first used() bytes of the window are done; the next window begins behind them and
//            has at least window_bytes_min() bytes, or all that the file has
//
// How it ends:
//   kEnd        behind the last record.
//   kTruncated  within a record, or within MULTI ... EXEC, which counts as cut off at its MULTI:
//               all before valid_to() is whole. With aof-load-truncated yes, the last file of a
//               history is cut there and taken; of any other file it is an error.
//   kBroken     what stands there is no record. redis-check-aof --fix would cut at valid_to(), and
//               lose what follows.
//   kRdb        the file begins with an RDB file. Nothing of the window is used: an RdbFileSplitter
//               takes it over, and behind its end another AofSplitter begins (`start`).
//
// What a crash leaves of bytes that were not synced may be zeros: a record that is broken by a zero
// byte, with nothing but zeros behind it, counts as cut off, where redis-server 7.0 refuses to
// start.
//
// A window has to hold one command as a whole, and grows by half to all of its own size at a time:
// a number is believed as far as there are bytes. Memory is that and a view for each argument; time
// is in proportion to the bytes, however they are fed.
//
// Recovery to a moment: the file ends, for the caller, at the first kTimestamp that is later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/splitter_window.h"

namespace pollux {

// Which members count, the kind says; views hold until the next feed(), spans until the next
// next().
struct AofRecord {
  enum class Kind : uint8_t {
    kCommand,    // group, args: at least one
    kTimestamp,  // time_s: what follows happened then or later (aof-timestamp-enabled)
    kComment,    // text: of any other line that begins with #, without that and its end
  };
  // A command's place in a transaction, whose commands are to be done together or not at all.
  enum class Group : uint8_t { kNone, kMulti, kInside, kExec };
  Kind kind = Kind::kCommand;
  Group group = Group::kNone;
  uint64_t offset = 0;  // in the file, of its first byte
  std::span<const std::string_view> args;
  int64_t time_s = 0;
  std::string_view text;
};

class AofSplitter : public SplitterWindow {
 public:
  struct Options {
    // Of one argument: proto-max-bulk-len, if it was never higher while the file was written.
    uint64_t bulk_bytes_max = 512ULL << 20;
  };
  enum class Step : uint8_t { kRecord, kMore, kEnd, kTruncated, kBroken, kRdb };
  // As redis-server reads them: with its end, one byte less than 1 KiB.
  static constexpr size_t kCommentBytesMax = 1023;

  AofSplitter() : AofSplitter(Options{}) {}
  // `start`: the byte of the file that the first window begins with. Only at 0 an RDB file may
  // stand.
  explicit AofSplitter(const Options& options, uint64_t start = 0)
      : SplitterWindow(start, 1), options_(options), valid_to_(start) {}

  Step next();

  const AofRecord& record() const { return record_; }
  // Where the last record ended that stands in no MULTI without EXEC.
  uint64_t valid_to() const { return valid_to_; }
  // After kBroken: what broke it is a zero byte, though more than zeros follow. A machine that
  // stops leaves that of bytes that no sync covered: some sectors are there, others are not.
  bool is_hole() const { return last_ == Step::kBroken && only_zeros_; }
  // After kTruncated and kBroken: a sentence with the offset, for the log.
  const std::string& error() const { return error_; }

 private:
  Step start_of_file();
  Step one_record();
  Step command();
  Step comment();
  Step zeros();

  // Reads `mark`, digits, CR LF at `at`. False: then stopped_ says what to return.
  bool number(char mark, uint64_t max, std::string_view what, size_t& at, uint64_t& value);
  bool line_end(size_t& at);
  Step take_group();
  void done_to(size_t at);

  Step more(uint64_t lacking);
  Step truncated();
  Step broken(size_t at, std::string_view what);
  bool stop(Step step);

  const Options options_;
  AofRecord record_;
  std::vector<std::string_view> args_;
  bool started_ = false;  // it is known that this is no RDB file
  bool in_multi_ = false;
  bool only_zeros_ = false;  // since a zero byte broke a record
  uint64_t valid_to_ = 0;
  Step stopped_ = Step::kMore;
  Step last_ = Step::kMore;
  std::string error_;
};

}  // namespace pollux
