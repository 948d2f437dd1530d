#include "storage/rdb_feed.h"

#include <algorithm>
#include <utility>

#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/num.h"
#include "src/data/keyspace.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

constexpr int64_t kToldEmptyMax = 10;  // as redis-server
constexpr double kMega = 1 << 20;

constexpr std::string_view kAnotherCopy =
    " Look at the file with redis-check-rdb; load another copy or an older backup.";

}  // namespace

RdbFeed::RdbFeed(std::string file, const RdbFileSplitter::Options& format, Instant now,
                 LoadBatches& batches, LoadBlock& figures)
    : LoadFeed(splitter_),
      file_(std::move(file)),
      now_(now),
      batches_(batches),
      figures_(figures),
      splitter_(format) {}

LoadFeed::Step RdbFeed::take() {
  for (;; part_waits_ = false) {
    if (!part_waits_) {
      const RdbFileSplitter::Step step = splitter_.next();
      if (step != RdbFileSplitter::Step::kEvent) {
        return end_of_window(step);
      }
    }
    if (!take_part(splitter_.event())) {
      part_waits_ = true;
      return Step::kStarved;
    }
  }
}

LoadFeed::Step RdbFeed::end_of_window(RdbFileSplitter::Step step) {
  if (step == RdbFileSplitter::Step::kError) {
    error_ = splitter_.error();
    return Step::kError;
  }
  figures_.keys_loaded.set(keys_loaded_);
  figures_.keys_expired.set(keys_expired_);
  if (step == RdbFileSplitter::Step::kMore) {
    return Step::kMore;
  }
  if (splitter_.sum() == RdbFileSplitter::Sum::kAbsent) {
    log_line(LogLevel::kNotice,
             "RDB file was saved with checksum disabled: no check performed.");
  }
  return Step::kEnd;
}

void RdbFeed::finish() {
  if (libraries_ > 0) {
    log_line(LogLevel::kWarning,
             "WARNING: %s holds %lld librar%s of functions (FUNCTION LOAD). This version of Pollux "
             "has no scripts: they were NOT loaded, only the keys were. Keep the file, or stay "
             "with the server that runs them",
             file_.c_str(), static_cast<long long>(libraries_),
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
}

// --- parts of the file ---

// False if it must be taken again when a batch is there.
bool RdbFeed::take_part(const RdbFileEvent& event) {
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
      break;
    case RdbFileEvent::Kind::kSizes:
      batches_.expect(event.db, event.keys);
      break;
  }
  return true;
}

// The lines that redis-server writes. Fields of replication and of the machine say nothing here.
void RdbFeed::take_aux(std::string_view name, std::string_view text) {
  const std::string shown = printable(text);
  const int64_t number = parse_int64(text).value_or(0);
  if (name == "redis-ver") {
    log_line(LogLevel::kNotice, "Loading RDB produced by version %s", shown.c_str());
  } else if (name == "valkey-ver") {
    log_line(LogLevel::kNotice, "Loading RDB produced by Valkey version %s", shown.c_str());
  } else if (name == "ctime") {
    const int64_t age_s = std::max<int64_t>(now_.us / 1'000'000 - number, 0);
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

bool RdbFeed::take_key(const RdbFileEvent& event) {
  if (event.empty) {
    if (++keys_empty_ <= kToldEmptyMax) {
      log_line(LogLevel::kWarning, "Skipping empty %s",
               told_key(event.name.view(), event.db).c_str());
    }
    return true;
  }
  if (event.meta.expire_ms && *event.meta.expire_ms < now_.ms()) {
    ++keys_expired_;
    return true;
  }
  const std::string_view name = event.name.view();
  const size_t shards = batches_.shards();
  const ShardId shard = shards == 1 ? ShardId{0} : shard_of_slot(key_slot(name), shards);
  if (!batches_.add(shard, LoadRecord{.name = name,
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

std::string RdbFeed::refusal(const LoadBatches::Refused& refused) const {
  const std::string key = told_key(refused.name, refused.db);
  const std::string type = std::to_string(static_cast<int>(refused.type));
  return "RDB file, byte " + std::to_string(refused.offset) + ": " +
         (refused.why == LoadBatch::Refusal::kTwice
              ? "RDB has duplicated key: " + key + " stands in it twice, so one of its two values "
                "would be lost."
              : "the value of " + key + " (type " + type + ") is damaged.") +
         std::string(kAnotherCopy);
}

}  // namespace pollux
