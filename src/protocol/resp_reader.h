// Bytes to requests: RESP arrays of bulks and inline commands, as redis-server 7.0 reads them.
// Total: any bytes give a request, "need more", or a protocol error with Redis' sentence.
// One per connection, one thread; holds no bytes, and no memory while the connection is idle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

struct ReadLimits {
  int64_t bulk_bytes_max = 512LL << 20;  // proto-max-bulk-len
  int64_t multibulk_max = 2147483647;    // arguments of one request
  size_t inline_bytes_max = 64 * 1024;   // a line without its end: inline, or a count
  bool authenticated = true;             // before AUTH: 10 arguments of 16 KiB
};

enum class ReadStatus : uint8_t {
  kRequest,   // `args` holds it; `consumed` bytes are used up
  kEmpty,     // an empty line or an empty array: nothing to answer; `consumed` bytes are used up
  kNeedMore,  // call again with the same bytes and more behind them
  kError,     // error() says which; the connection must be closed after the reply
};

class RespReader {
 public:
  RespReader();
  ~RespReader();
  RespReader(RespReader&&) noexcept;
  RespReader& operator=(RespReader&&) noexcept;

  // Reads one request from the front of `bytes`. `args` is cleared and filled with views into
  // `bytes` (or, for inline commands with quotes, into memory of this reader that lives until the
  // next call or reset). After kNeedMore the next call must pass bytes that begin with the same
  // ones, at any address; parsing resumes where it stopped, so that a request sent byte by byte
  // costs linear time. `args` and `consumed` mean nothing after kNeedMore and kError.
  ReadStatus read(std::string_view bytes, const ReadLimits& limits,
                  std::vector<std::string_view>& args, size_t& consumed);

  // After kError: the sentence, "ERR Protocol error: ...". Lives until the next call or reset.
  std::string_view error() const { return text_ == nullptr ? std::string_view() : *text_; }

  // After kNeedMore: at least this many bytes in all are needed before a call can get further.
  size_t bytes_wanted() const { return bytes_wanted_; }

  // Bytes that it holds for a half-read request, beside those of the request itself.
  size_t held_bytes() const;

  // Forgets a half-read request (its bytes were dropped or will be read again from their start).
  void reset();

 private:
  struct Half;  // what is known of a half-read request

  ReadStatus read_on(Half& half, std::string_view bytes, const ReadLimits& limits,
                     std::vector<std::string_view>& args, size_t& consumed);
  ReadStatus read_count(Half& half, std::string_view bytes, const ReadLimits& limits);
  ReadStatus read_bulk(Half& half, std::string_view bytes, const ReadLimits& limits,
                       std::vector<std::string_view>& args);
  ReadStatus read_inline(Half& half, std::string_view bytes, const ReadLimits& limits,
                         std::vector<std::string_view>& args, size_t& consumed);
  ReadStatus need(size_t bytes);
  ReadStatus fail(std::string_view sentence);
  ReadStatus fail_expected_dollar(char got);

  size_t bytes_wanted_ = 0;
  // Only while a request is half read that is too long to be read again from its start.
  std::unique_ptr<Half> half_;
  // Only for what does not stand in the bytes: words that were quoted, or what is wrong.
  std::unique_ptr<std::string> text_;
};

}  // namespace pollux
