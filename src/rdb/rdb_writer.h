// Writes the pieces that values are made of in RDB format (rdb_format.h), byte for byte as
// redis-server 7.0 does: integers as short as they are, texts of more than 20 bytes compressed
// where that saves 4. Bytes leave through the sink's window; of a value nothing is held but the
// compressed form of the one text that is being written. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/byte_sink.h"
#include "src/data/listpack.h"
#include "src/rdb/rdb_format.h"

namespace pollux {

class RdbWriter {
 public:
  // `compress`: the option rdbcompression.
  RdbWriter(ByteSink& sink, bool compress) : sink_(sink), compress_(compress) {}

  void byte(uint8_t value);
  void opcode(RdbOpcode code) { byte(static_cast<uint8_t>(code)); }
  void length(uint64_t value);
  // A string, in whichever form is due.
  void text(std::string_view bytes);
  // The string that is this bare listpack, framed.
  void listpack(std::string_view bare);
  // The string that is this integer's text.
  void integer(int64_t value);
  void element(const PackedValue& value) {
    value.is_integer() ? integer(value.integer()) : text(value.string());
  }
  void real(double value);
  // A time in ms, 8 bytes.
  void time(int64_t value);
  // As they are, without a length.
  void bytes(std::string_view bytes) { sink_.append(bytes); }

 private:
  bool compressed(std::string_view bytes);

  ByteSink& sink_;
  const bool compress_;
  std::string packed_;  // room for compressed bytes
  std::string framed_;  // and for a listpack
};

}  // namespace pollux
