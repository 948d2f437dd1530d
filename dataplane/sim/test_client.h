// A Redis client for tests, over a MemoryClient: pipelines requests, takes replies apart and hands
// each to the check that was given with its request. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/sim/memory_transport.h"

namespace pollux {

// A reply of RESP2 or RESP3. Maps and sets are arrays of their elements.
struct Answer {
  enum class Kind : uint8_t { kSimple, kError, kInteger, kBulk, kNull, kArray };
  Kind kind = Kind::kNull;
  std::string text;     // kSimple, kError, kBulk
  int64_t number = 0;   // kInteger
  std::vector<Answer> elements;

  bool is_null() const { return kind == Kind::kNull; }
  // For people and for comparison: +OK -ERR... :5 "bulk" nil [ ... ]
  std::string shown() const;
};

// Takes one reply off the front of `bytes` from `position` on: kNone if it is not all there yet.
enum class TakeStatus : uint8_t { kTaken, kNone, kMalformed };
TakeStatus take_answer(std::string_view bytes, size_t& position, Answer& answer);

using Request = std::vector<std::string>;
std::string encode(const Request& request);

class TestClient {
 public:
  using Check = std::function<void(const Answer&)>;

  explicit TestClient(MemoryClient wire) : wire_(wire) {}

  // Adds a request to the pipeline that the next send_pipeline sends.
  void add(const Request& request, Check check);
  // One more reply to the request that was added last (SUBSCRIBE of several channels).
  void add_answer(Check check) { checks_.push_back(std::move(check)); }
  // Is shown everything first, and takes what is no reply but a push.
  void set_push_taker(std::function<bool(const Answer&)> taker) { push_taker_ = std::move(taker); }
  // The same, for a request without a reply (CLIENT REPLY).
  void add_unanswered(const Request& request);
  void send_pipeline();

  // Takes what has come and runs the checks; true if a reply came.
  bool receive();
  // Requests whose replies are still to come.
  size_t awaited() const { return checks_.size(); }
  // What came and can't be: bytes that are no RESP, or a reply nobody asked for. Empty if none.
  const std::string& garbage() const { return garbage_; }
  MemoryClient& wire() { return wire_; }
  const MemoryClient& wire() const { return wire_; }

 private:
  MemoryClient wire_;
  std::string pipeline_;
  std::string received_;
  std::deque<Check> checks_;
  std::function<bool(const Answer&)> push_taker_;
  std::string garbage_;
};

}  // namespace pollux
