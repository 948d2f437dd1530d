// The little language in which the table of commands describes arguments, and the generator of
// arguments by seed. A specification is words and kinds:
//
//   SET <key> <value> [NX|XX|EX <ttl>]*
//
// WORD is itself (in any case), <kind> a random value of that kind, (a|b) one of, [a|b] one of or
// nothing; a star after ) repeats 1 to 4 times, after ] 0 to 4 times, so that options come twice
// and contradict each other. Kinds hold plenty of edges: limits of integers, empty strings,
// binary, 70 KB values, and what is no such value at all.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/differential/resp.h"
#include "tests/differential/rules.h"

namespace pollux {

class Rng {
 public:
  explicit Rng(uint64_t seed) : engine_(seed) {}
  // 0 to n-1.
  uint64_t below(uint64_t n) { return engine_() % n; }
  bool chance(uint64_t one_in) { return below(one_in) == 0; }
  uint64_t bits() { return engine_(); }
  template <typename T, size_t N>
  const T& pick(const T (&from)[N]) {
    return from[below(N)];
  }

 private:
  std::mt19937_64 engine_;
};

// What may be done to the arguments of a command to make them wrong.
enum class Mutilate : uint8_t {
  kAny,
  kNoSwap,  // a small integer in the wrong place would be a TTL that ends during the test
  kNever,   // a shorter form answers what Redis leaves open
};

// One row of the table of commands.
struct CommandSpec {
  int weight;  // how often, relative to the others
  Rule rule;
  std::string_view text;
  Mutilate mutilate = Mutilate::kAny;
};
// The rows of commands that belong together.
struct CommandFamily {
  std::string_view name;
  std::span<const CommandSpec> rows;
};
// All there are.
std::span<const CommandFamily> command_families();

// EXISTS of every key that <key> can be. Redis counts an expired key in DBSIZE until somebody has
// looked at it; after this request nobody has to guess.
const Request& exists_all_keys();

class Grammar {
 public:
  // Absolute times of the stream are relative to base_time_ms (milliseconds since 1970). With the
  // name of a family, most commands are of that family.
  Grammar(std::string_view family, uint64_t base_time_ms);

  // A random command; one in about fifteen is mutilated (arguments dropped, added, replaced).
  struct Generated {
    Request request;
    Rule rule;
    bool mutilated;
    bool in_family;
  };
  Generated generate(Rng& rng) const;

  // A value of a kind, by name.
  std::string value(std::string_view kind, Rng& rng) const;

 private:
  struct Node {
    enum class Type : uint8_t { kWord, kKind, kSequence, kChoice } type = Type::kSequence;
    std::string text;  // word or kind
    bool optional = false;
    bool repeats = false;
    std::vector<Node> children;
  };
  struct Row {
    const CommandSpec* spec;
    Node node;
    bool in_family;
  };

  void add(const CommandSpec& spec, bool in_family);
  static Node parse_sequence(std::string_view text, size_t* at);
  static Node parse_choice(std::string_view text, size_t* at);
  void expand(const Node& node, Rng& rng, Request& out) const;
  void mutilate(Request& request, bool may_swap, Rng& rng) const;

  std::vector<Row> rows_;
  std::vector<uint16_t> wheel_;  // row numbers, each as often as its weight
  std::vector<uint16_t> family_wheel_;  // of these, the family's; empty without one
  uint64_t base_time_ms_;
};

}  // namespace pollux
