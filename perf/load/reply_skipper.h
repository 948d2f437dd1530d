// Finds where replies end, in RESP2 and RESP3, however the bytes were cut; keeps none of them but
// the first of an error. One per connection. Total: any bytes give a reply, "need more" or
// "broken".
//
// A reply that holds others (an array, a map) is over when as many items have come as it and those
// in it have announced: one number, no stack, so nesting has no limit and costs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pollux {

enum class Framed : uint8_t {
  kReply,     // one reply is over
  kPush,      // a message that answers nothing (RESP3 '>') is over
  kNeedMore,  // all bytes are used up
  kBroken,    // not RESP; the connection is of no more use
};

class ReplySkipper {
 public:
  // Takes bytes from the front of `bytes` up to the end of one reply.
  Framed next(std::string_view& bytes);

  // Of the reply that has just ended:
  bool is_error() const { return error_; }  // or has one in it, as EXEC's may
  bool is_null() const { return null_; }    // itself: $-1, *-1, _

  // Its error, or the first in it: no more than kErrorTextMax bytes; for the report. Valid until
  // next(). A copy: an error may come in pieces, and no piece is there when the next one comes.
  // What a terminal might take for an order stands there as '?'.
  std::string_view error_text() const { return error_text_; }

  void reset() { *this = ReplySkipper{}; }

 private:
  static constexpr size_t kErrorTextMax = 200;

  enum class At : uint8_t { kType, kNumber, kLine, kBulk };

  void keep_error(std::string_view piece);
  bool on_type(char type);
  // The number of a header has ended. False: it is none that RESP knows.
  bool on_number();
  // An item is over. True: the reply is.
  bool item_over();

  uint64_t pending_ = 0;  // items to come, this one included; 0: between replies
  uint64_t number_ = 0;   // of a header; then bytes of a bulk to come, with its CR LF
  std::string error_text_;  // takes memory with the first error alone
  At at_ = At::kType;
  char type_ = 0;
  bool negative_ = false;
  bool top_ = false;  // the item is the reply, not one in it
  bool error_ = false;
  bool keeps_ = false;  // the item is the first error of the reply
  bool null_ = false;
  bool push_ = false;
};

}  // namespace pollux
