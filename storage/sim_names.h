// The names of a SimDisk: as they are seen, and as they are durable. What lies between are changes,
// of which a crash may leave any, whatever their order; but each as a whole, and none without those
// before it that were of the same file or the same names. Pure; one thread.
//
// A change is durable when its directory is synced: a rename's is that of the new name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"

namespace pollux {

class SimNames {
 public:
  struct Node {
    uint64_t number = 0;  // of the file or directory, never used twice
    bool directory = false;
  };
  using Map = std::map<std::string, Node, std::less<>>;

  // The directory that a name stands in: "." if there is no other.
  static std::string_view directory_of(std::string_view name);

  // Durable from the start.
  void begin(std::string_view name, Node node);

  // 0 or an errno, as open, unlink, rename and the like give it.
  int find(std::string_view name, Node& node) const;
  int check_directory(std::string_view directory) const;
  int link(std::string_view name, Node node);
  int rename(std::string_view from, std::string_view to);
  int remove(std::string_view name);
  int list(std::string_view directory, std::vector<std::string>& names) const;
  int sync(std::string_view directory);

  const Map& seen() const { return seen_; }
  // What a crash may leave now.
  Map survivor(Rng& rng) const;

 private:
  // `node` has lost the name `from` and got the name `to`; either may be empty.
  struct Change {
    std::string from;
    std::string to;
    Node node;

    std::string_view directory() const { return directory_of(to.empty() ? from : to); }
    bool follows(const Change& earlier) const;
    void apply(Map& map) const;
  };

  void change(Change change);
  // Adds to the chosen changes what they follow, and applies them all.
  void apply_with_causes(std::vector<bool>& chosen, Map& map) const;

  Map seen_;
  Map durable_;
  std::vector<Change> changes_;  // oldest first
};

}  // namespace pollux
