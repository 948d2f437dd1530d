// RESP as the differential test needs it: requests to bytes, the length of a whole reply, and a
// reply as a tree (only for replies that are not compared byte for byte). RESP2 and RESP3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

using Request = std::vector<std::string>;

void append_request(const Request& request, std::string& out);

// True if the request can be sent as an inline command (no empty or unprintable argument).
bool fits_inline(const Request& request);
void append_inline(const Request& request, std::string& out);

// Bytes of the first whole reply in `bytes`; 0 if it is not whole yet, kBadReply if these bytes
// are no RESP.
inline constexpr size_t kBadReply = static_cast<size_t>(-1);
size_t reply_length(std::string_view bytes);

// A reply as a tree. Maps and attributes hold keys and values alternately.
struct ReplyTree {
  char type = 0;     // the RESP type byte
  bool null = false;  // $-1, *-1 or _
  std::string text;  // all that is not an aggregate
  std::vector<ReplyTree> items;
};
// `bytes` is one whole reply.
ReplyTree parse_reply(std::string_view bytes);
// One order of the tree's bytes: used to sort and to compare.
std::string flatten(const ReplyTree& tree);

// For a person: quoted, cut at `limit` bytes with the length said.
std::string printable(std::string_view bytes, size_t limit);
std::string printable(const Request& request);

}  // namespace pollux
