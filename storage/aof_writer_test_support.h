// For tests of the history's writer: a disk for two, workers that put changes into a journal, whose
// every change is known, and who makes the base. And what is found in the files later.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/num.h"
#include "storage/aof_splitter.h"
#include "storage/aof_writer.h"
#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"

namespace pollux {

// What two users of one disk see of it, which are not to meet: tokens of the second one are told by
// their highest bit.
class DiskShare final : public Disk {
 public:
  explicit DiskShare(Disk& disk) : disk_(disk) {}
  DiskShare(Disk& disk, DiskShare& first) : disk_(disk), other_(&first), mark_(kMark) {
    first.other_ = this;
  }

  int open(std::string_view name, Mode mode, Cache cache, File& file) override {
    return disk_.open(name, mode, cache, file);
  }
  void close(File file) override { disk_.close(file); }
  int size(File file, uint64_t& bytes) override { return disk_.size(file, bytes); }
  int truncate(File file, uint64_t bytes) override { return disk_.truncate(file, bytes); }
  int rename(std::string_view from, std::string_view to) override { return disk_.rename(from, to); }
  int remove(std::string_view name) override { return disk_.remove(name); }
  int make_directory(std::string_view name) override { return disk_.make_directory(name); }
  int list(std::string_view directory, std::vector<std::string>& names) override {
    return disk_.list(directory, names);
  }
  int sync_directory(std::string_view directory) override {
    return disk_.sync_directory(directory);
  }
  void read(File file, uint64_t offset, std::span<char> into, uint64_t token) override {
    disk_.read(file, offset, into, token | mark_);
  }
  void write(File file, uint64_t offset, std::string_view bytes, uint64_t token) override {
    disk_.write(file, offset, bytes, token | mark_);
  }
  void sync(File file, uint64_t token) override { disk_.sync(file, token | mark_); }
  size_t depth_max() const override { return disk_.depth_max(); }
  size_t poll(std::span<Completion> out, int64_t wait_us) override {
    Completion completion;
    if (ended_.empty() && disk_.poll({&completion, 1}, wait_us) != 0) {
      hand_out(completion);
      while (disk_.poll({&completion, 1}, 0) != 0) {
        hand_out(completion);
      }
    }
    size_t count = 0;
    for (; count < out.size() && !ended_.empty(); ++count) {
      out[count] = ended_.front();
      ended_.pop_front();
    }
    return count;
  }
  void wake() override { disk_.wake(); }

 private:
  static constexpr uint64_t kMark = 1ULL << 63;
  void hand_out(Completion completion) {
    DiskShare& to = (completion.token & kMark) == mark_ ? *this : *other_;
    completion.token &= ~kMark;
    to.ended_.push_back(completion);
  }

  Disk& disk_;
  DiskShare* other_ = nullptr;
  const uint64_t mark_ = 0;
  std::deque<Completion> ended_;
};

inline std::string resp(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

// All changes that there ever were: commands, each in its database. `upto`: how many stand up to
// the end of a ticket, of this life.
struct History {
  struct Command {
    uint32_t db = 0;
    std::vector<std::string> words;
    bool operator==(const Command&) const = default;
  };
  std::vector<Command> commands;
  std::vector<size_t> upto;  // [0]: what was loaded

  size_t up_to(Ticket ticket) const { return upto[ticket.value]; }
  // As a base in commands: that of a file which says how much of the history it is.
  std::string base(size_t count) const {
    std::map<std::pair<uint32_t, std::string>, std::string> state;
    for (size_t i = 0; i < count; ++i) {
      if (commands[i].words.size() == 3) {
        state[{commands[i].db, commands[i].words[1]}] = commands[i].words[2];
      }
    }
    std::string bytes = resp({"SET", "count", std::to_string(count)});
    uint32_t db = 0;
    for (const auto& [key, value] : state) {
      if (key.first != db) {
        db = key.first;
        bytes += resp({"SELECT", std::to_string(db)});
      }
      bytes += resp({"SET", key.second, value});
    }
    return bytes;
  }
};

// Workers and what they have put into the journal.
class Workers {
 public:
  Workers(size_t count, ManualClock& clock, History& history, const Journal::Options& options)
      : journal(count, options), clock_(clock), history_(history) {
    history_.upto = {history_.commands.size()};
  }

  // An entry of these commands. Not published.
  Ticket begin(uint16_t worker, const std::vector<History::Command>& commands) {
    JournalLane& lane = journal.lane(WorkerId{worker});
    const Ticket ticket = journal.draw();
    lane.begin(ticket, clock_.now());
    for (const History::Command& command : commands) {
      lane.select(command.db);
      lane.append(resp(command.words));
      history_.commands.push_back(command);
    }
    history_.upto.push_back(history_.commands.size());
    EXPECT_EQ(history_.upto.size(), ticket.value + 1);
    return ticket;
  }
  void publish(uint16_t worker) {
    JournalLane& lane = journal.lane(WorkerId{worker});
    lane.publish();
    journal.tell_reader(lane);
  }
  Ticket set(uint32_t db, const std::string& key, const std::string& value, uint16_t worker = 0) {
    const Ticket ticket = begin(worker, {{db, {"SET", key, value}}});
    publish(worker);
    return ticket;
  }
  Ticket cut(uint16_t worker = 0) {
    JournalLane& lane = journal.lane(WorkerId{worker});
    const Ticket ticket = begin(worker, {});
    lane.mark_cut();
    publish(worker);
    return ticket;
  }

  Journal journal;

 private:
  ManualClock& clock_;
  History& history_;
};

// Makes bases when it is told to: refuses, or is ordered; then there is a cut; then it is written.
class TestBase final : public AofBaseMaker {
 public:
  TestBase(DiskShare& disk, Workers& workers, History& history)
      : disk_(disk), workers_(workers), history_(history) {}

  bool order(const std::string& temporary) override {
    EXPECT_NE(state_, State::kUnderWay);
    ++asked;
    if (busy) {
      return false;
    }
    name_ = temporary;
    state_ = State::kUnderWay;
    bytes_.clear();
    given_up = wrote_ = fails_ = false;
    cut_ = {};
    return true;
  }
  State state() const override { return state_; }
  void give_up() override {
    EXPECT_EQ(state_, State::kUnderWay);
    given_up = true;
  }
  bool is_rdb() const override { return false; }

  bool ordered() const { return state_ == State::kUnderWay && !given_up; }
  bool wants_cut() const { return ordered() && cut_ == Ticket{}; }
  Ticket cut(uint16_t worker = 0) {
    cut_ = workers_.cut(worker);
    bytes_ = history_.base(history_.up_to(cut_));
    return cut_;
  }
  void fail() {
    EXPECT_FALSE(under_way_);
    state_ = State::kFailed;
  }
  // Behind what is under way.
  void fail_when_it_can() { fails_ = true; }
  // Does what it can, without waiting.
  void step() {
    Disk::Completion completion;
    if (under_way_ && disk_.poll({&completion, 1}, 0) != 0) {
      under_way_ = false;
      if (completion.result < 0) {
        end(State::kFailed);
      } else if (wrote_) {
        end(State::kDone);
      } else {
        wrote_ = true;
        disk_.sync(file_, 5);
        under_way_ = true;
      }
    }
    if (state_ != State::kUnderWay || under_way_) {
      return;
    }
    if (given_up) {
      end(State::kGivenUp);
    } else if (fails_) {
      end(State::kFailed);
    } else if (cut_ != Ticket{} && !held) {
      if (disk_.open(name_, Disk::Mode::kNew, Disk::Cache::kSystem, file_) != 0) {
        file_ = Disk::kNoFile;
        end(State::kFailed);
        return;
      }
      disk_.write(file_, 0, bytes_, 5);
      under_way_ = true;
    }
  }

  bool busy = false;
  bool held = false;  // it is not written yet
  bool given_up = false;
  int asked = 0;

 private:
  void end(State state) {
    state_ = given_up ? State::kGivenUp : fails_ ? State::kFailed : state;
    if (file_ != Disk::kNoFile) {
      disk_.close(std::exchange(file_, Disk::kNoFile));
    }
  }

  DiskShare& disk_;
  Workers& workers_;
  History& history_;
  State state_ = State::kFailed;
  std::string name_;
  std::string bytes_;
  Ticket cut_;
  Disk::File file_ = Disk::kNoFile;
  bool under_way_ = false;
  bool wrote_ = false;
  bool fails_ = false;
};

inline constexpr uint64_t kFilesToken = 77;

// Steps until the files have done what they were told; false: they have failed.
inline bool run(AofFiles& files, Disk& disk) {
  AofFiles::Step step;
  while ((step = files.step()) != AofFiles::Step::kDone && step != AofFiles::Step::kFailed) {
    Disk::Completion completion;
    if (step == AofFiles::Step::kWaiting && disk.poll({&completion, 1}, -1) != 0) {
      files.ended(completion);
    }
  }
  return step == AofFiles::Step::kDone;
}

// What a start finds in the files of a history.
struct Found {
  size_t commands = 0;    // of the history, that are there
  uint64_t valid_to = 0;  // of the last part
  std::string error;      // not what may be there
};

namespace found_detail {

inline bool is_select(const AofRecord& record) {
  return record.args[0] == "SELECT";
}

inline History::Command command_of(const AofRecord& record, uint32_t db) {
  return {db, {record.args.begin(), record.args.end()}};
}

// All commands in order: the base is one of them all up to some count.
inline void find_base(std::string_view bytes, const History& history, Found& found) {
  AofSplitter splitter;
  splitter.feed(bytes, 0);
  while (splitter.next() == AofSplitter::Step::kRecord) {
    found.commands = parse_uint64(splitter.record().args[2]).value_or(0);
    break;
  }
  if (found.commands > history.commands.size() || bytes != history.base(found.commands)) {
    found.error = "a base that never was";
  }
}

// False if it is not whole.
inline bool find_incr(std::string_view bytes, const History& history, Found& found) {
  AofSplitter splitter;
  splitter.feed(bytes, 0);
  AofSplitter::Step step;
  uint32_t db = UINT32_MAX;
  size_t at = found.commands;
  bool in_group = false;
  int64_t time_s = 0;
  found.valid_to = 0;
  while ((step = splitter.next()) == AofSplitter::Step::kRecord) {
    const AofRecord& record = splitter.record();
    if (record.kind == AofRecord::Kind::kCommand) {
      if (is_select(record)) {
        db = static_cast<uint32_t>(parse_uint64(record.args[1]).value_or(UINT32_MAX));
      } else if (at == history.commands.size() || history.commands[at] != command_of(record, db)) {
        return false;
      } else {
        ++at;
      }
      in_group =
          record.group == AofRecord::Group::kMulti || record.group == AofRecord::Group::kInside;
    } else {
      EXPECT_FALSE(in_group);
      EXPECT_GE(record.time_s, time_s);
      time_s = record.time_s;
    }
    if (!in_group) {
      found.commands = at;
      found.valid_to = splitter.valid_to();
    }
  }
  return step == AofSplitter::Step::kEnd;
}

}  // namespace found_detail

// Reads parts(), behind open(). The last one may end anywhere, but not before `durable` commands.
inline Found find(AofFiles& files, Disk& disk, const History& history, size_t durable) {
  Found found;
  const auto& parts = files.parts();
  DiskCalls calls(disk);
  for (const AofFiles::Part& part : parts) {
    const std::string bytes = calls.contents(part.path);
    const bool last = &part == &parts.back();
    if (files.manifest().base && &part == &parts.front()) {
      if (!bytes.empty()) {  // that of a first start
        found_detail::find_base(bytes, history, found);
      }
      found.valid_to = bytes.size();
    } else if (!found_detail::find_incr(bytes, history, found) && !last) {
      found.error = part.path + " is cut off or has what never was, and is not the last one";
    }
    if (!found.error.empty()) {
      return found;
    }
  }
  if (found.commands < durable) {
    found.error = "only " + std::to_string(found.commands) + " of " + std::to_string(durable) +
                  " durable commands are there";
  }
  return found;
}

}  // namespace pollux
