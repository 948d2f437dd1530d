#include "storage/rdb_file_splitter.h"

#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/num.h"
#include "src/data/crc64.h"
#include "src/rdb/value_codec.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

std::string decimal(uint64_t number) {
  char digits[kInt64TextMax];
  return {digits, format_uint64(number, digits)};
}

// The name that a module's number stands for: 9 letters of 6 bits, above 10 bits of a version.
std::string module_name(uint64_t id) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string name;
  for (unsigned shift = 58; shift >= 10; shift -= 6) {
    name += kLetters[id >> shift & 0x3f];
  }
  return name;
}

// The version of Redis' format that brought an opcode.
unsigned version_of(RdbOpcode code) {
  switch (code) {
    case RdbOpcode::kExpireMs:
      return 3;
    case RdbOpcode::kEnd:
    case RdbOpcode::kSelectDb:
    case RdbOpcode::kExpireSeconds:
      return 1;
    default:
      return 7;
  }
}

constexpr auto kFirstOpcode = static_cast<uint8_t>(RdbOpcode::kSlotImport);

}  // namespace

RdbFileSplitter::Step RdbFileSplitter::next() {
  if (last_ == Step::kEnd || last_ == Step::kError) {
    return last_;
  }
  POLLUX_ASSERT(fed_);  // what is done was summed
  Part part = Part::kStop;
  if (following_ == 0 || window_.size() - used_ >= window_bytes_min_) {
    do {
      RdbReader in(window_.substr(used_), options_.text_bytes_max);
      part = version_ == 0 ? header(in) : this->part(in);
      if (part != Part::kStop) {
        used_ = at(in);
        window_bytes_min_ = 0;
      }
    } while (part == Part::kSilent);
  }
  if (part == Part::kEvent) {
    return last_ = Step::kEvent;
  }
  if (part == Part::kEnd) {
    return last_ = Step::kEnd;
  }
  if (!error_.empty()) {
    return last_ = Step::kError;
  }
  // In one piece, and only once: the next window begins behind it.
  sum_ = options_.checksum ? crc64(window_.substr(0, used_), sum_) : 0;
  fed_ = false;
  return last_ = Step::kMore;
}

// --- errors ---

RdbFileSplitter::Part RdbFileSplitter::refuse(std::string_view what) {
  error_ = "RDB file, byte " + decimal(offset()) + ": ";
  error_ += what;
  return Part::kStop;
}

RdbFileSplitter::Part RdbFileSplitter::stopped(const RdbReader& in, std::string_view what) {
  const uint64_t lacking = in.lacking();
  if (lacking == 0) {
    return refuse(std::string(what) + " is damaged, at about byte " +
                  decimal(window_offset_ + at(in)) +
                  ". Look at the file with redis-check-rdb; load another copy or an older backup.");
  }
  if (lacking > following_) {
    return refuse(std::string(what) + " wants at least " + decimal(lacking - following_) +
                  " bytes beyond the end of the file: it was cut off (a full disk? a copy that did "
                  "not end?) or is damaged. Copy it again, or load an older backup.");
  }
  want(lacking);
  return Part::kStop;
}

std::string RdbFileSplitter::name_of_key() const {
  return told_key(event_.name.view(), db_);
}

// --- header ---

RdbFileSplitter::Part RdbFileSplitter::header(RdbReader& in) {
  std::string_view magic;
  const bool whole = in.bytes(kRdbMagicBytes, magic);
  const std::string_view start = whole ? magic : in.rest();
  for (const std::string_view name : {kRdbMagicRedis, kRdbMagicValkey}) {
    const std::string_view common = name.substr(0, start.size());
    if (start.empty() || start.substr(0, common.size()) != common) {
      continue;
    }
    return whole ? magic_version(magic.substr(name.size()), name == kRdbMagicValkey)
                 : stopped(in, "the header");
  }
  if (start.empty()) {
    return stopped(in, "the header");
  }
  return refuse("this is no RDB file: it begins with \"" + printable(start) +
                "\", not with REDIS or VALKEY." +
                (start[0] == '*' ? " It looks like an append-only file; load it as one." : ""));
}

RdbFileSplitter::Part RdbFileSplitter::magic_version(std::string_view digits, bool valkey) {
  unsigned version = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return refuse("the header is damaged: \"" + printable(digits) + "\" is no version.");
    }
    version = 10 * version + static_cast<unsigned>(c - '0');
  }
  const bool known =
      valkey ? version == kRdbVersionValkey : version >= 1 && version <= kRdbVersionMax;
  if (!known) {
    return refuse((valkey ? "RDB version " + decimal(version) + " of Valkey; this server reads " +
                                decimal(kRdbVersionValkey)
                          : "RDB version " + decimal(version) + "; this server reads 1 to " +
                                decimal(kRdbVersionMax)) +
                  ". The file comes from a newer server, or its header is damaged. Copy the keys "
                  "over the network instead, or save them from a server of an older version.");
  }
  version_ = version;
  valkey_ = valkey;
  return Part::kSilent;
}

// --- parts ---

RdbFileSplitter::Part RdbFileSplitter::event_of(RdbFileEvent::Kind kind) {
  event_.kind = kind;
  event_.offset = offset();
  event_.db = db_;
  return Part::kEvent;
}

RdbFileSplitter::Part RdbFileSplitter::part(RdbReader& in) {
  uint8_t code = 0;
  if (!in.byte(code)) {
    return stopped(in, "the next part");
  }
  return code < kFirstOpcode ? key(static_cast<RdbType>(code), in)
                             : opcode(static_cast<RdbOpcode>(code), in);
}

RdbFileSplitter::Part RdbFileSplitter::opcode(RdbOpcode code, RdbReader& in) {
  // These have no checksum: the header must not lie. One bit makes a 2 of 12.
  if (version_ < kRdbVersionSum && version_of(code) > version_) {
    return refuse("a part that version " + decimal(version_) +
                  " of RDB files, which the header tells, does not have (code " +
                  decimal(static_cast<uint8_t>(code)) +
                  "). The file is damaged; load another copy or an older backup.");
  }
  switch (code) {
    case RdbOpcode::kAux:
      return aux(in);
    case RdbOpcode::kFunction2:
      return function(in);
    case RdbOpcode::kSelectDb:
      return select(in);
    case RdbOpcode::kResizeDb:
      return sizes(in);
    case RdbOpcode::kSlotInfo:
      return slot_info(in);
    case RdbOpcode::kExpireMs:
      return expire_ms(in);
    case RdbOpcode::kExpireSeconds:
      return expire_seconds(in);
    case RdbOpcode::kIdle:
      return idle(in);
    case RdbOpcode::kFrequency:
      return frequency(in);
    case RdbOpcode::kModuleAux:
      return module_aux(in);
    case RdbOpcode::kEnd:
      return end(in);
    case RdbOpcode::kFunctionPreGa:
      return refuse(
          "functions in the form of a release candidate of Redis 7.0, which no later "
          "server reads. Delete them at the source (FUNCTION FLUSH) and save again.");
    case RdbOpcode::kSlotImport:
      return refuse(valkey_ ? "slots that were being imported when the file was saved: whose their "
                              "keys are is not known. End or cancel the migration and save again."
                            : "data of keys that only Redis 8.4 and later have (code 243). Copy "
                              "the keys over the network instead.");
  }
  return Part::kStop;  // all 13 are above
}

RdbFileSplitter::Part RdbFileSplitter::aux(RdbReader& in) {
  if (!in.text(event_.name) || !in.text(event_.text)) {
    return stopped(in, "an AUX field");
  }
  return event_of(RdbFileEvent::Kind::kAux);
}

RdbFileSplitter::Part RdbFileSplitter::function(RdbReader& in) {
  if (!in.text(event_.text)) {
    return stopped(in, "a library of functions");
  }
  return event_of(RdbFileEvent::Kind::kFunction);
}

RdbFileSplitter::Part RdbFileSplitter::select(RdbReader& in) {
  uint64_t db = 0;
  if (!in.length(db)) {
    return stopped(in, "the number of a database");
  }
  if (db >= options_.databases) {
    return refuse("keys of database " + decimal(db) + ", but option databases is " +
                  decimal(options_.databases) + ". Set it higher, or the file is damaged.");
  }
  db_ = static_cast<uint32_t>(db);
  return event_of(RdbFileEvent::Kind::kDatabase);
}

RdbFileSplitter::Part RdbFileSplitter::sizes(RdbReader& in) {
  if (!in.length(event_.keys) || !in.length(event_.expires)) {
    return stopped(in, "the sizes of a database");
  }
  return event_of(RdbFileEvent::Kind::kSizes);
}

RdbFileSplitter::Part RdbFileSplitter::slot_info(RdbReader& in) {
  uint64_t ignored = 0;
  if (!in.length(ignored) || !in.length(ignored) || !in.length(ignored)) {
    return stopped(in, "the sizes of a slot");
  }
  return Part::kSilent;
}

RdbFileSplitter::Part RdbFileSplitter::module_aux(RdbReader& in) {
  uint64_t id = 0;
  if (!in.length(id)) {
    return stopped(in, "data of a module");
  }
  return refuse("data of the module \"" + module_name(id) +
                "\", which can't be loaded here. Save again from a server without it.");
}

RdbFileSplitter::Part RdbFileSplitter::expire_ms(RdbReader& in) {
  constexpr int64_t kNone = -1;  // as Redis takes it
  int64_t time = 0;
  if (!in.time(time)) {
    return stopped(in, "the TTL of a key");
  }
  meta_.expire_ms = time == kNone ? std::nullopt : std::optional(time);
  return Part::kSilent;
}

RdbFileSplitter::Part RdbFileSplitter::expire_seconds(RdbReader& in) {
  int32_t seconds = 0;
  std::string_view bytes;
  if (!in.bytes(sizeof seconds, bytes)) {
    return stopped(in, "the TTL of a key");
  }
  std::memcpy(&seconds, bytes.data(), sizeof seconds);
  meta_.expire_ms = int64_t{1000} * seconds;
  return Part::kSilent;
}

RdbFileSplitter::Part RdbFileSplitter::idle(RdbReader& in) {
  uint64_t seconds = 0;
  if (!in.length(seconds)) {
    return stopped(in, "the idle time of a key");
  }
  meta_.idle_s = seconds;
  return Part::kSilent;
}

RdbFileSplitter::Part RdbFileSplitter::frequency(RdbReader& in) {
  uint8_t counter = 0;
  if (!in.byte(counter)) {
    return stopped(in, "the frequency of a key");
  }
  meta_.frequency = counter;
  return Part::kSilent;
}

RdbFileSplitter::Part RdbFileSplitter::key(RdbType type, RdbReader& in) {
  if (!knows_rdb_type(type)) {
    return unknown_key(type, in);
  }
  if (!in.text(event_.name)) {
    return stopped(in, "the name of a key");
  }
  const size_t start = at(in);
  if (!skip_rdb_value(type, in)) {
    // Only if it is an error: a long value may come here often.
    const bool more = in.lacking() > 0 && in.lacking() <= following_;
    return stopped(in, more ? ""
                            : "the value of " + name_of_key() + " (type " +
                                  decimal(static_cast<uint8_t>(type)) + ")");
  }
  event_.type = type;
  event_.value = window_.substr(start, at(in) - start);
  event_.empty = is_empty_rdb_value(type, event_.value);
  event_.meta = std::exchange(meta_, {});
  return event_of(RdbFileEvent::Kind::kKey);
}

RdbFileSplitter::Part RdbFileSplitter::unknown_key(RdbType type, RdbReader& in) {
  constexpr auto kHashPreGa = static_cast<RdbType>(22);
  constexpr auto kHashPackPreGa = static_cast<RdbType>(23);
  const bool of_module = type == RdbType::kModule2 || type == RdbType::kModulePreGa;
  if (!of_module && type != kHashPreGa && type != kHashPackPreGa) {
    return refuse("type " + decimal(static_cast<uint8_t>(type)) +
                  ", which is not known. The file comes from a newer server or is damaged. Look at "
                  "it with its server's own check tool; load another copy or an older backup.");
  }
  uint64_t module = 0;
  if (!in.text(event_.name) || (type == RdbType::kModule2 && !in.length(module))) {
    return stopped(in, "the name of a key");
  }
  if (of_module) {
    return refuse(name_of_key() + " holds data of " +
                  (module == 0 ? "a module" : "the module \"" + module_name(module) + "\"") +
                  ", which can't be loaded here. Delete such keys at the source and save again.");
  }
  return refuse(name_of_key() + " is a hash with TTLs on fields in the form of " +
                (valkey_ ? "Valkey 9" : "a release candidate of Redis 7.4") +
                ", which can't be loaded here. Copy such keys with HGETALL and HPEXPIREAT, or "
                "delete them at the source and save again.");
}

RdbFileSplitter::Part RdbFileSplitter::end(RdbReader& in) {
  if (version_ < kRdbVersionSum) {
    verdict_ = Sum::kNotInVersion;
    return Part::kEnd;
  }
  const size_t summed_bytes = at(in);
  std::string_view bytes;
  if (!in.bytes(kRdbSumBytes, bytes)) {
    return stopped(in, "the checksum");
  }
  uint64_t sum = 0;
  std::memcpy(&sum, bytes.data(), sizeof sum);
  if (!options_.checksum) {
    verdict_ = Sum::kNotChecked;
  } else if (sum == 0) {
    verdict_ = Sum::kAbsent;
  } else if (sum != crc64(window_.substr(0, summed_bytes), sum_)) {
    return refuse(
        "the checksum of the file is wrong: a byte before has changed since it was "
        "written. Load another copy or an older backup. (rdbchecksum no loads it as it "
        "is, with whatever is wrong.)");
  } else {
    verdict_ = Sum::kRight;
  }
  return Part::kEnd;
}

}  // namespace pollux
