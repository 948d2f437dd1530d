// Writes replies in RESP2 or RESP3 straight into the output of a session (or of a cell on its way
// home). One thread. A handler calls exactly one top-level reply, or one header followed by as
// many elements as it announced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/base/byte_sink.h"

namespace pollux {

class Reply {
 public:
  // protocol is 2 or 3.
  Reply(ByteSink& sink, int protocol) : sink_(sink), protocol_(protocol) {}

  int protocol() const { return protocol_; }
  ByteSink& sink() { return sink_; }

  void ok();                             // +OK
  void queued();                         // +QUEUED
  void simple(std::string_view text);    // +text; CR and LF become spaces
  // An error: "CODE sentence" without the '-'. Line ends at its end go, others become spaces
  // (reply injection).
  void error(std::string_view text);
  // Like printf, at most 512 bytes of text.
  void error_format(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void integer(int64_t value);           // :n
  void bulk(std::string_view bytes);     // $n
  void bulk_int64(int64_t value);        // the decimal text as a bulk
  // A bulk in pieces: so many bytes follow through sink(), then end_bulk().
  void begin_bulk(size_t bytes);
  void end_bulk();
  void null();                           // $-1 or _
  void null_array();                     // *-1 or _
  void array(size_t count);              // *n
  void map(size_t pairs);                // %n, or *2n in RESP2
  void set(size_t count);                // ~n, or *n
  void push(size_t count);               // >n, or *n
  void real(double value);               // ,d or the text as a bulk; "%.17g" in both
  void real_text(std::string_view text);  // the same of a number that is written already
  void boolean(bool value);              // #t and #f, or :1 and :0
  void verbatim(std::string_view bytes, std::string_view type);  // =n type:, or a bulk; type: 3
  void bignum(std::string_view digits);  // ( or a bulk

  // True once error() was called; the engine counts failed calls by it.
  bool failed() const { return failed_; }
  // The code word of the first error ("WRONGTYPE", ...), for errorstats. As in Redis it is "ERR"
  // if no space comes within the first kErrorCodeMax + 1 bytes.
  static constexpr size_t kErrorCodeMax = 30;
  std::string_view error_code() const { return {error_code_, error_code_size_}; }

 private:
  void header(char type, int64_t value);

  ByteSink& sink_;
  int protocol_;
  bool failed_ = false;
  uint8_t error_code_size_ = 0;
  char error_code_[kErrorCodeMax];
};

}  // namespace pollux
