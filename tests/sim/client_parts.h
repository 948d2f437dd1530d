// Parts about CLIENT: those who cache what they read (TRACKING), those who write it, those who hold
// everybody back (PAUSE).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/board.h"
#include "tests/sim/parts.h"

namespace pollux {

// Writes rising numbers to keys that are its alone, one by one or together.
class Raiser final : public Actor {
 public:
  Raiser(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys, Board& board);

 private:
  void act() override;
  Keys keys_;
  Board& board_;
  int64_t value_ = 0;
};

// Flushes everything, and says so on the board.
class Flusher final : public Actor {
 public:
  Flusher(SimEngine& sim, int worker, uint64_t seed, int rounds, Board& board);

 private:
  void act() override;
  Board& board_;
};

// Reads keys and keeps what it read until it is told otherwise. Whenever it gets a reply to a
// request that it sent when some write (or FLUSHALL) was already answered, it holds nothing any
// more that the write has changed. If it asks for one thing at a time and `pair` is not empty, it
// never holds an older `pair[0]` than the `pair[1]` that it knows, which are always written in this
// order.
class Cacher final : public Actor {
 public:
  enum class Mode : uint8_t { kReads, kOptIn, kBroadcast };

  Cacher(SimEngine& sim, int worker, uint64_t seed, int rounds, Mode mode, Keys keys, Keys pair,
         Board& board);

 private:
  struct Held {
    int64_t value;
    int64_t since;
  };

  void act() override;
  void begin_tracking();
  void read(const Keys& keys);
  void keep(const std::string& key, const Answer& value);
  bool take_push(const Answer& message);
  void after_reply(const Board::Values& written, int64_t flushed);
  void check_pair();

  const Mode mode_;
  Keys keys_;
  Keys pair_;
  Board& board_;
  bool tracking_ = false;
  std::map<std::string, Held> held_;
};

// Holds writers back, looks twice, lets them go: nothing has changed between the looks.
class Pauser final : public Actor {
 public:
  Pauser(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  Keys keys_;
  std::string seen_;
};

}  // namespace pollux
