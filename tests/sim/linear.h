// Is a history linearizable? That is: does each operation look as if it had happened at one moment
// between its beginning and its end, all of them on one store of strings?
//
// The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993): take an
// operation that began before any other ended, if its answer is what the store would give, and go
// on from there; else go back. Of Lowe's improvements ("Testing for linearizability", 2017) it has
// two: what was tried once (which operations are done, and the store then) is not tried again, and
// keys that no operation joins are looked at apart.
//
// An operation whose client never got an answer may have happened at any time since, or never.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pollux {

// One command on one key. An operation of several is atomic: MSET, MGET, MULTI.
struct LinearStep {
  enum class Kind : uint8_t { kGet, kSet, kIncr, kAppend };
  Kind kind = Kind::kGet;
  std::string key;
  std::string value = {};   // kSet, kAppend
  std::string answer = {};  // as Answer::shown; empty: nobody was told (the parts of an MSET)
};

struct LinearOperation {
  std::vector<LinearStep> steps;
  // Moments in one order over all clients.
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;  // UINT64_MAX: no answer came
};

// A string as Answer::shown writes it.
inline std::string in_quotes(const std::string& text) { return '"' + text + '"'; }

// What is wrong with the history, for people; empty if it is linearizable. All keys are absent at
// first.
std::string check_linearizable(const std::vector<LinearOperation>& history);

}  // namespace pollux
