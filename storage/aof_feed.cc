#include "storage/aof_feed.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/num.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

std::string shown(std::string_view arg) {
  constexpr size_t kShownBytes = 64;
  return "'" + printable(arg.substr(0, kShownBytes)) + "'";
}

bool is_word(std::string_view word, std::string_view upper) {
  return word.size() == upper.size() &&
         std::equal(word.begin(), word.end(), upper.begin(),
                    [](char a, char b) { return (a & ~0x20) == b; });
}

}  // namespace

// --- a transaction ---

void LoadGroup::add(const LoadCommand& command) {
  if (!blocks_.empty() && blocks_.back()->add(command)) {
    return;
  }
  if (blocks_.empty() || !blocks_.back()->empty()) {
    blocks_.push_back(std::make_unique<LoadBatch>());
  }
  blocks_.back()->make_room(LoadBatch::bytes_of(command));
  const bool added = blocks_.back()->add(command);
  POLLUX_ASSERT(added);
}

bool LoadGroup::next(LoadCommand& command) {
  for (; read_ < blocks_.size(); ++read_) {
    if (blocks_[read_]->next(command)) {
      return true;
    }
  }
  return false;
}

void LoadGroup::clear() {
  if (blocks_.size() > 1) {
    blocks_.resize(1);
  }
  if (!blocks_.empty()) {
    blocks_[0]->clear();
  }
  read_ = 0;
}

// --- the file ---

AofFeed::AofFeed(const Options& options, LoadBatches& batches)
    : LoadFeed(splitter_),
      options_(options),
      batches_(batches),
      splitter_(options.format, options.start) {}

LoadFeed::Step AofFeed::take() {
  for (;; waits_ = false) {
    if (!waits_ && !next_command()) {
      return end_;
    }
    if (!hand_on()) {
      waits_ = true;
      return error_.empty() ? Step::kStarved : Step::kError;
    }
  }
}

// Puts it into command_. False if there is none: then end_ says why.
bool AofFeed::next_command() {
  for (;;) {
    if (group_is_whole_) {
      if (group_.next(command_)) {
        return true;
      }
      group_.clear();
      group_is_whole_ = false;
    }
    const AofSplitter::Step step = splitter_.next();
    if (step != AofSplitter::Step::kRecord) {
      end_ = end_of_window(step);
      return false;
    }
    if (take_record(splitter_.record())) {
      return true;
    }
  }
}

// True if command_ is one that is to be done now.
bool AofFeed::take_record(const AofRecord& record) {
  if (record.kind != AofRecord::Kind::kCommand) {
    return false;
  }
  command_.offset = record.offset;
  command_.args = record.args;
  switch (record.group) {
    case AofRecord::Group::kNone:
      return true;
    case AofRecord::Group::kMulti:
      break;
    case AofRecord::Group::kInside:
      group_.add(command_);
      break;
    case AofRecord::Group::kExec:
      group_is_whole_ = true;
      break;
  }
  return false;
}

LoadFeed::Step AofFeed::end_of_window(AofSplitter::Step step) {
  switch (step) {
    case AofSplitter::Step::kRecord:
    case AofSplitter::Step::kMore:
      return Step::kMore;
    case AofSplitter::Step::kEnd:
      return Step::kEnd;
    case AofSplitter::Step::kRdb:
      return Step::kRdb;
    case AofSplitter::Step::kTruncated:
    case AofSplitter::Step::kBroken:
      break;
  }
  error_ = splitter_.error();
  return step == AofSplitter::Step::kTruncated || splitter_.is_hole() ? Step::kTruncated
                                                                      : Step::kError;
}

void AofFeed::finish() {
  const LoadBatches::Errors errors = batches_.take_errors();
  if (errors.count > 0) {
    log_line(LogLevel::kWarning,
             "%s: %llu command%s answered with an error, the first at byte %llu: %s. Those who "
             "wrote them had none, so the data may differ from what it was: was the file made with "
             "other settings, by another version, or edited?",
             options_.file.c_str(), static_cast<unsigned long long>(errors.count),
             errors.count == 1 ? " was" : "s were",
             static_cast<unsigned long long>(errors.first_offset), errors.first.c_str());
  }
  if (scripts_ > 0) {
    log_line(LogLevel::kWarning,
             "WARNING: %s holds %lld command%s FUNCTION or SCRIPT. This version of Pollux has no "
             "scripts: they were NOT done, only the keys were loaded. Keep the file, or stay with "
             "the server that runs them",
             options_.file.c_str(), static_cast<long long>(scripts_), scripts_ == 1 ? "" : "s");
  }
}

// --- a command ---

// False if it must be handed on again when a batch is there, or error_ says what is wrong with it.
bool AofFeed::hand_on() {
  if (!waits_) {
    if (is_word(command_.args[0], "SELECT")) {
      return select();
    }
    if (!place()) {
      return false;
    }
  }
  switch (place_.kind) {
    case LoadPlace::Kind::kShard:
      if (!batches_.add(place_.shard, command_)) {
        return false;
      }
      break;
    case LoadPlace::Kind::kAll:
      if (!batches_.add_for_all(command_)) {
        return false;
      }
      break;
    default:
      return true;
  }
  ++commands_;
  return true;
}

bool AofFeed::place() {
  place_ = batches_.sink().place(command_.args);
  command_.row = place_.row;
  command_.hash = place_.hash;
  command_.db = db_;
  if (place_.kind == LoadPlace::Kind::kArity) {
    return refuse(shown(command_.args[0]) + " has " + std::to_string(command_.args.size() - 1) +
                  " arguments, which is not what it takes. Keep a copy of the file and load a "
                  "backup, or take the command out.");
  }
  if (place_.kind != LoadPlace::Kind::kUnknown) {
    return true;
  }
  if (is_word(command_.args[0], "FUNCTION") || is_word(command_.args[0], "SCRIPT")) {
    ++scripts_;
    return true;
  }
  return refuse("Unknown command " + shown(command_.args[0]) +
                " reading the append only file. Was it written by a newer server, by a module or "
                "a script (EVAL), or does rename-command hide it here? Load it with the server "
                "that wrote it.");
}

bool AofFeed::select() {
  const auto db = command_.args.size() == 2 ? parse_int64(command_.args[1]) : std::nullopt;
  if (!db || *db < 0 || *db >= options_.databases) {
    return refuse("SELECT of " +
                  (command_.args.size() == 2
                       ? "database " + shown(command_.args[1])
                       : std::string("no database")) +
                  ", but option databases is " + std::to_string(options_.databases) +
                  ". What follows would end up elsewhere: raise the option, or load a backup.");
  }
  db_ = static_cast<uint32_t>(*db);
  return true;
}

bool AofFeed::refuse(std::string_view what) {
  error_ = "append-only file, byte " + std::to_string(command_.offset) + ": " + std::string(what);
  return false;
}

}  // namespace pollux
