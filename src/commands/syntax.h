// The arguments of a command as a tree, for COMMAND DOCS, parsed from the row's `syntax`. That is
// the notation of redis.io with names and types:
//
//   value             an argument named "value" of type string
//   offset:integer    ... of another type
//   key#0             a key, which the row's key spec 0 finds
//   keys:pattern#1    ... that stands for keys, as something else
//   TOKEN             a word as it is; its name is "token"
//   TOKEN count:integer   an argument behind a word
//   [ ... ]           optional
//   ( ... )           a group; of several arguments a block, of several choices a oneof, of one
//                     argument that itself, or a block if it has a name
//   a|b               choices, inside brackets
//   name=X            gives X, a group as a rule, its name
//   X...              X may be repeated;  X&... together with its token
//   X@7.0.0           since this version (behind the dots)
//
// Rows are ours, so a syntax that does not parse is a bug, and asserts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pollux {

struct Argument {
  std::string name;
  std::string_view type;
  int key_spec = -1;
  std::string_view token;
  std::string_view since;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  std::vector<Argument> children;  // of a block or a oneof
};

// Views in the result point into `syntax`.
std::vector<Argument> parse_syntax(std::string_view syntax);

}  // namespace pollux
