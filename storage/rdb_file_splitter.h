// Splits an RDB file into its parts, from bytes that come in windows of any size: what the file
// says of itself, functions, databases, and keys with values that are not built. No I/O, no clock.
// One thread.
//
//   splitter.feed(window);              // begins with byte offset() of the file
//   while ((step = splitter.next()) == kEvent) { ... splitter.event() ... }
//   kMore:   the first used() bytes of the window are done; the next window begins behind them and
//            has at least window_bytes_min() bytes, or all that the file has
//
// Bytes are hostile until the sum at the end is right. Of a value it is known where it ends; what
// is in it is for read_rdb_value, which may still refuse it. Nothing is allocated but for short
// texts and compressed ones that are unpacked, of 88 times their bytes at most. A window has to
// hold one key or function as a whole, and grows by half to all of its own size at a time: a number
// that claims gigabytes does not make anybody take memory before the bytes are there, and if
// `following` is told, it is refused at once when the file has not got them. Time is in proportion
// to the bytes, however they are fed.
//
// Refused is what redis-server 7.0.15 refuses, and more: what it would stumble over later. Skipped
// are hints. Keys that stand twice, keys whose time is over, and those without elements, which
// versions before 7.0 have saved by mistake, are the caller's matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "src/rdb/key_meta.h"
#include "src/rdb/rdb_format.h"
#include "src/rdb/rdb_reader.h"
#include "src/rdb/rdb_text.h"
#include "storage/rdb_file_format.h"
#include "storage/splitter_window.h"

namespace pollux {

// One part of a file. Which members count, the kind says; views hold until the next feed(), texts
// until the next next().
struct RdbFileEvent {
  enum class Kind : uint8_t {
    kAux,       // name, text
    kFunction,  // text: a library
    kDatabase,  // db: of the keys that follow
    kSizes,     // db, keys, expires: how many there will be
    kKey,       // db, name, meta, type, value, empty
  };
  Kind kind = Kind::kAux;
  uint64_t offset = 0;  // in the file, of the part's opcode or type
  uint32_t db = 0;
  RdbText name;
  RdbText text;
  uint64_t keys = 0;
  uint64_t expires = 0;
  RdbKeyMeta meta;  // as read: kExpireMs may lie in the past
  RdbType type = RdbType::kString;
  std::string_view value;
  bool empty = false;  // a collection without elements, which can't be built
};

class RdbFileSplitter : public SplitterWindow {
 public:
  struct Options {
    bool checksum = true;  // rdbchecksum
    // Option databases: a file with a database beyond is refused.
    uint32_t databases = std::numeric_limits<uint32_t>::max();
    size_t text_bytes_max = RdbReader::kTextBytesMax;
  };
  enum class Step : uint8_t { kEvent, kMore, kEnd, kError };
  enum class Sum : uint8_t {
    kRight,
    kAbsent,        // the file was written with rdbchecksum no
    kNotChecked,    // Options::checksum
    kNotInVersion,  // Redis up to 2.4
  };

  RdbFileSplitter() : RdbFileSplitter(Options{}) {}
  explicit RdbFileSplitter(const Options& options)
      : SplitterWindow(0, kRdbMagicBytes), options_(options) {}

  Step next();

  const RdbFileEvent& event() const { return event_; }
  // After kEnd.
  Sum sum() const { return verdict_; }
  // After kError: a sentence with the offset, for the log.
  const std::string& error() const { return error_; }

  // As the header says; 0 before it was read.
  unsigned version() const { return version_; }
  bool is_valkey() const { return valkey_; }

 private:
  enum class Part : uint8_t { kSilent, kEvent, kEnd, kStop };

  Part part(RdbReader& in);
  Part header(RdbReader& in);
  Part magic_version(std::string_view digits, bool valkey);
  Part opcode(RdbOpcode code, RdbReader& in);
  Part aux(RdbReader& in);
  Part function(RdbReader& in);
  Part select(RdbReader& in);
  Part sizes(RdbReader& in);
  Part slot_info(RdbReader& in);
  Part expire_ms(RdbReader& in);
  Part expire_seconds(RdbReader& in);
  Part idle(RdbReader& in);
  Part frequency(RdbReader& in);
  Part module_aux(RdbReader& in);
  Part end(RdbReader& in);
  Part key(RdbType type, RdbReader& in);
  Part unknown_key(RdbType type, RdbReader& in);

  Part event_of(RdbFileEvent::Kind kind);
  // A read failed: more bytes are needed, or the file is cut off, or damaged.
  Part stopped(const RdbReader& in, std::string_view what);
  Part refuse(std::string_view what);
  size_t at(const RdbReader& in) const { return window_.size() - in.rest().size(); }
  std::string name_of_key() const;

  const Options options_;
  uint64_t sum_ = 0;  // of all before the window

  unsigned version_ = 0;
  bool valkey_ = false;
  uint32_t db_ = 0;
  RdbKeyMeta meta_;  // of the key to come
  RdbFileEvent event_;
  Step last_ = Step::kMore;
  Sum verdict_ = Sum::kNotChecked;
  std::string error_;
};

}  // namespace pollux
