// What the files of the streams' commands share: ids and ranges among the arguments, the type
// check, replies of ids and entries.
#pragma once

#include <string>
#include <string_view>

#include "src/commands/args.h"
#include "src/data/stream.h"

namespace pollux {

inline constexpr std::string_view kInvalidStreamId =
    "ERR Invalid stream ID specified as stream command argument";

inline bool check_stream(Context& ctx, const Entry& entry) {
  return check_type(ctx, entry, ValueType::kStream);
}

// The stream to be changed. Requires that the edit's key is one.
inline Stream& writable_stream(Edit& edit) { return static_cast<Stream&>(*edit.collection()); }
// The same after an absent key was made an empty one.
Stream& make_stream(Edit& edit);

// Each of these answers its error and returns false.
bool read_stream_id(Context& ctx, size_t index, StreamId& id, uint64_t missing_seq = 0);
// An end of a range: an id, "-" or "+", or "(" and an id, which is not in the range itself.
bool read_range_start(Context& ctx, size_t index, StreamId& start);
bool read_range_end(Context& ctx, size_t index, StreamId& end);
// That all arguments from `first` on are ids.
bool check_stream_ids(Context& ctx, size_t first);
// The id in an argument that was checked.
inline StreamId checked_stream_id(std::string_view arg) { return *parse_stream_id(arg, 0); }

// KEEPREF, DELREF or ACKED.
bool is_refs_word(std::string_view arg, StreamRefs& refs);

// "NOGROUP No such key 'k' or consumer group 'g'", and more words.
void reply_no_group(Context& ctx, std::string_view key, std::string_view group,
                    std::string_view after = {});
// "NOGROUP No such consumer group 'g' for key name 'k'".
void reply_no_group_of_key(Context& ctx, std::string_view key, std::string_view group);

void reply_stream_id(Reply& reply, StreamId id);
// Names and values in an array, and the same behind the id in an array of two.
void reply_fields(Reply& reply, const StreamEntry& entry);
void reply_stream_entry(Reply& reply, const StreamEntry& entry);
// The entry with this id in that form; false, with nothing written, if there is none.
bool reply_entry_of(Reply& reply, const Stream& stream, StreamId id);
// An array of those from `from` to `to`, at most `max`.
void reply_stream_range(Reply& reply, const Stream& stream, StreamId from, StreamId to,
                        uint64_t max);

// --- effects; each is one only if somebody keeps a history ---

// An id as a word: lives to the end of the expression.
class StreamIdText {
 public:
  explicit StreamIdText(StreamId id) : size_(format_stream_id(id, text_)) {}
  operator std::string_view() const { return {text_, size_}; }

 private:
  char text_[kStreamIdTextMax];
  size_t size_;
};

// These entries of a group as they are pending now: to whom, since when, how often.
void tell_pending(Context& ctx, std::string_view key, const StreamGroup& group,
                  std::span<const StreamId> ids);
// Up to where the group has read.
void tell_group_read(Context& ctx, std::string_view key, const StreamGroup& group);
// They are pending no more.
void tell_acknowledged(Context& ctx, std::string_view key, std::string_view group,
                       std::span<const StreamId> ids);
void tell_unreferenced(Context& ctx, std::string_view key, const StreamLosses& losses);
// Entries were deleted by their ids.
void tell_deleted(Context& ctx, std::string_view key, std::span<const StreamId> ids);

// Lines of a HELP subcommand.
void reply_lines(Reply& reply, std::span<const std::string_view> lines);

}  // namespace pollux
