#include "storage/rdb_loader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/num.h"
#include "src/data/keyspace.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

// Batches a shard: one that is filled, one that is built, two on their way. With few shards more,
// so that the disk may pause for a moment.
constexpr size_t kBatchesPerShard = 4;
constexpr size_t kBatchesMin = 16;
constexpr int64_t kTellAgainMs = 5'000;
constexpr int64_t kToldEmptyMax = 10;  // as redis-server
constexpr double kMega = 1 << 20;

size_t batches_for(const RdbLoader::Options& options, size_t shards) {
  return options.batches != 0 ? options.batches : std::max(kBatchesPerShard * shards, kBatchesMin);
}

constexpr std::string_view kAnotherCopy =
    " Look at the file with redis-check-rdb; load another copy or an older backup.";

}  // namespace

RdbLoader::RdbLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures)
    : options_(options),
      disk_(disk),
      sink_(sink),
      figures_(figures),
      shards_(sink.shards()),
      reads_(disk, options.reads),
      splitter_(options.format),
      filling_(shards_, nullptr) {
  figures.loading.set(1);
  const size_t count = batches_for(options, shards_);
  POLLUX_ASSERT(count > shards_);  // or all might wait half full
  for (size_t i = 0; i < count; ++i) {
    batches_.push_back(std::make_unique<LoadBatch>(options.batch_bytes));
    free_.push_back(batches_.back().get());
  }
}

RdbLoader::Step RdbLoader::step(Instant now, int64_t wait_us) {
  const bool worked = work(now);
  if (stage_ == Stage::kEnded) {
    return done_ ? Step::kDone : Step::kFailed;
  }
  std::array<Disk::Completion, 16> completions;
  const size_t count = disk_.poll(completions, worked ? 0 : wait_us);
  for (size_t i = 0; i < count; ++i) {
    reads_.ended(completions[i]);
  }
  return Step::kAgain;
}

void RdbLoader::give_up() {
  if (stage_ != Stage::kEnded) {
    reads_.stop();
    stage_ = Stage::kEnding;
  }
}

// False if there is nothing to do until a read ends or a batch comes back.
bool RdbLoader::work(Instant now) {
  switch (stage_) {
    case Stage::kStart:
      open(now);
      return true;
    case Stage::kReading:
      tell_progress(now);
      return read_on();
    case Stage::kBuilding:
      if (free_.size() == batches_.size()) {
        finish();
        return true;
      }
      return take_back();
    case Stage::kEnding:
      if (!reads_.idle()) {
        return false;
      }
      stage_ = Stage::kEnded;
      return true;
    case Stage::kEnded:
      break;
  }
  return true;
}

void RdbLoader::open(Instant now) {
  began_ = now;
  told_ms_ = now.ms();
  figures_.started_s.set(now.us / 1'000'000);
  if (const int error = reads_.open(options_.file); error != 0) {
    fail_to_read("opened", error);
    return;
  }
  figures_.total_bytes.set(static_cast<int64_t>(reads_.bytes()));
  stage_ = Stage::kReading;
}

bool RdbLoader::read_on() {
  if (starved_) {
    return take_back();
  }
  if (!fed_) {
    if (!reads_.advance(std::exchange(used_, 0), splitter_.window_bytes_min())) {
      if (reads_.error() != 0) {
        fail_to_read("read", reads_.error());
      }
      return reads_.error() != 0;
    }
    splitter_.feed(reads_.window(), reads_.following());
    fed_ = true;
  }
  return take_parts();
}

// Those of the window, or until a batch is missing.
bool RdbLoader::take_parts() {
  for (; stage_ == Stage::kReading; part_waits_ = false) {
    if (!part_waits_) {
      const RdbFileSplitter::Step step = splitter_.next();
      if (step != RdbFileSplitter::Step::kEvent) {
        end_of_window(step);
        return true;
      }
    }
    if (!take_part(splitter_.event())) {
      part_waits_ = true;
      return stage_ != Stage::kReading;
    }
  }
  return true;
}

void RdbLoader::end_of_window(RdbFileSplitter::Step step) {
  fed_ = false;
  if (step == RdbFileSplitter::Step::kError) {
    fail(options_.file + ": " + splitter_.error());
    return;
  }
  used_ = splitter_.used();
  figures_.loaded_bytes.set(static_cast<int64_t>(splitter_.offset()));
  publish_keys();
  if (step == RdbFileSplitter::Step::kMore) {
    return;
  }
  if (splitter_.sum() == RdbFileSplitter::Sum::kAbsent) {
    log_line(LogLevel::kNotice,
             "RDB file was saved with checksum disabled: no check performed.");
  }
  for (size_t i = 0; i < shards_; ++i) {
    send(ShardId{static_cast<uint16_t>(i)});
  }
  reads_.stop();
  stage_ = Stage::kBuilding;
}

void RdbLoader::publish_keys() {
  figures_.keys_loaded.set(keys_loaded_);
  figures_.keys_expired.set(keys_expired_);
}

void RdbLoader::finish() {
  if (libraries_ > 0) {
    log_line(LogLevel::kWarning,
             "WARNING: %s holds %lld librar%s of functions (FUNCTION LOAD). This version of Pollux "
             "has no scripts: they were NOT loaded, only the keys were. Keep the file, or stay "
             "with the server that runs them",
             options_.file.c_str(), static_cast<long long>(libraries_),
             libraries_ == 1 ? "y" : "ies");
  }
  const auto loaded = static_cast<long long>(keys_loaded_);
  const auto expired = static_cast<long long>(keys_expired_);
  if (keys_empty_ == 0) {
    log_line(LogLevel::kNotice, "Done loading RDB, keys loaded: %lld, keys expired: %lld.", loaded,
             expired);
  } else {
    log_line(LogLevel::kWarning,
             "Done loading RDB, keys loaded: %lld, keys expired: %lld, empty keys skipped: %lld.",
             loaded, expired, static_cast<long long>(keys_empty_));
  }
  figures_.loading.set(0);
  done_ = true;
  stage_ = Stage::kEnding;
}

// --- parts of the file ---

// False if it must be taken again when a batch is there.
bool RdbLoader::take_part(const RdbFileEvent& event) {
  switch (event.kind) {
    case RdbFileEvent::Kind::kKey:
      return take_key(event);
    case RdbFileEvent::Kind::kAux:
      take_aux(event.name.view(), event.text.view());
      break;
    case RdbFileEvent::Kind::kFunction:
      ++libraries_;
      break;
    case RdbFileEvent::Kind::kDatabase:
    case RdbFileEvent::Kind::kSizes:
      break;
  }
  return true;
}

// The lines that redis-server writes. Fields of replication and of the machine say nothing here.
void RdbLoader::take_aux(std::string_view name, std::string_view text) {
  const std::string shown = printable(text);
  const int64_t number = parse_int64(text).value_or(0);
  if (name == "redis-ver") {
    log_line(LogLevel::kNotice, "Loading RDB produced by version %s", shown.c_str());
  } else if (name == "valkey-ver") {
    log_line(LogLevel::kNotice, "Loading RDB produced by Valkey version %s", shown.c_str());
  } else if (name == "ctime") {
    const int64_t age_s = std::max<int64_t>(began_.us / 1'000'000 - number, 0);
    log_line(LogLevel::kNotice, "RDB age %lld seconds", static_cast<long long>(age_s));
  } else if (name == "used-mem") {
    log_line(LogLevel::kNotice, "RDB memory usage when created %.2f Mb",
             static_cast<double>(number) / kMega);
    figures_.saved_memory_bytes.set(number);
  } else if (name == "aof-base" && number != 0) {
    log_line(LogLevel::kNotice, "RDB is base AOF");
  } else if (name == "aof-preamble" && number != 0) {
    log_line(LogLevel::kNotice, "RDB has an AOF tail");
  } else if (name.starts_with('%')) {
    log_line(LogLevel::kNotice, "RDB '%s': %s", printable(name).c_str(), shown.c_str());
  } else {
    log_line(LogLevel::kDebug, "RDB field that says nothing here: %s", printable(name).c_str());
  }
}

bool RdbLoader::take_key(const RdbFileEvent& event) {
  if (event.empty) {
    if (++keys_empty_ <= kToldEmptyMax) {
      log_line(LogLevel::kWarning, "Skipping empty %s",
               told_key(event.name.view(), event.db).c_str());
    }
    return true;
  }
  if (event.meta.expire_ms && *event.meta.expire_ms < began_.ms()) {
    ++keys_expired_;
    return true;
  }
  const std::string_view name = event.name.view();
  if (!send_on({.name = name,
                .hash = key_hash(name),
                .db = event.db,
                .type = event.type,
                .meta = event.meta,
                .value = event.value,
                .offset = event.offset})) {
    return false;
  }
  ++keys_loaded_;
  return true;
}

// --- batches ---

// False if there is none to put it into, now.
bool RdbLoader::send_on(const LoadRecord& record) {
  const ShardId shard = shards_ == 1 ? ShardId{0} : shard_of_slot(key_slot(record.name), shards_);
  LoadBatch*& batch = filling_[shard.value];
  if (batch != nullptr && batch->add(record)) [[likely]] {
    return true;
  }
  send(shard);
  const size_t bytes = LoadBatch::bytes_of(record);
  const bool large = bytes > options_.batch_bytes;
  while (free_.empty() || (large && large_is_out_)) {
    if (!take_back()) {
      starved_ = true;
      return false;
    }
    if (stage_ != Stage::kReading) {
      return false;  // what came back says that the file is damaged; the record is gone
    }
  }
  batch = free_.back();
  free_.pop_back();
  batch->make_room(bytes);
  const bool added = batch->add(record);
  POLLUX_ASSERT(added);
  if (large) {
    large_is_out_ = true;
    send(shard);
  }
  return true;
}

void RdbLoader::send(ShardId shard) {
  if (LoadBatch* const batch = std::exchange(filling_[shard.value], nullptr)) {
    sink_.send(shard, *batch);
  }
}

// What is done with. False if nothing is: then the next batch wakes this thread.
bool RdbLoader::take_back() {
  bool any = false;
  while (LoadBatch* const batch = sink_.take_back(/*wake=*/!any)) {
    any = true;
    if (batch->refusal() != LoadBatch::Refusal::kNone) {
      refuse(*batch);
    }
    large_is_out_ = large_is_out_ && !batch->is_large();
    batch->clear();
    free_.push_back(batch);
  }
  starved_ = starved_ && !any;
  return any;
}

// --- the log ---

void RdbLoader::fail(std::string_view sentence) {
  if (error_.empty()) {
    error_ = sentence;
  }
  give_up();
}

void RdbLoader::fail_to_read(std::string_view what, int error) {
  fail(options_.file + " can't be " + std::string(what) + ": " +
       (error == ReadAhead::kCutOff
            ? "it has become shorter while it was read. Does somebody write to it? Load a file "
              "that is complete."
            : std::string(std::strerror(error)) +
                  ". Options dir and dbfilename say which file is loaded; it must be a regular "
                  "file that this user may read, on a disk that works. To start empty, move it "
                  "away."));
}

// Of several that come back, the first one of the file is told.
void RdbLoader::refuse(const LoadBatch& batch) {
  const LoadRecord& record = batch.refused();
  if (record.offset > refused_at_) {
    return;
  }
  refused_at_ = record.offset;
  error_.clear();
  const std::string key = told_key(record.name, record.db);
  const std::string type = std::to_string(static_cast<int>(record.type));
  fail(options_.file + ": RDB file, byte " + std::to_string(record.offset) + ": " +
       (batch.refusal() == LoadBatch::Refusal::kTwice
            ? "RDB has duplicated key: " + key + " stands in it twice, so one of its two values "
              "would be lost."
            : "the value of " + key + " (type " + type + ") is damaged.") +
       std::string(kAnotherCopy));
}

void RdbLoader::tell_progress(Instant now) {
  if (now.ms() - told_ms_ < kTellAgainMs) {
    return;
  }
  told_ms_ = now.ms();
  const auto total = static_cast<double>(reads_.bytes());
  const auto loaded = static_cast<double>(figures_.loaded_bytes.get());
  log_line(LogLevel::kNotice, "Loading %s: %.1f%% (%.0f of %.0f Mb), %lld keys",
           options_.file.c_str(), loaded / total * 100, loaded / kMega, total / kMega,
           static_cast<long long>(keys_loaded_));
}

}  // namespace pollux
