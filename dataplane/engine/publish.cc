#include "dataplane/engine/publish.h"

#include <cstring>
#include <span>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/glob.h"
#include "src/base/num.h"

namespace pollux {

namespace {

// "$n\r\n", the bytes, "\r\n".
size_t bulk_size(std::string_view bytes) {
  char text[kInt64TextMax];
  return 1 + format_int64(static_cast<int64_t>(bytes.size()), text) + 2 + bytes.size() + 2;
}

char* put(char* to, std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(to, bytes.data(), bytes.size());
  }
  return to + bytes.size();
}

char* put_bulk(char* to, std::string_view bytes) {
  *to++ = '$';
  to += format_int64(static_cast<int64_t>(bytes.size()), to);
  to = put(to, "\r\n");
  to = put(to, bytes);
  return put(to, "\r\n");
}

// A push of these words; word 1 is the topic by which it is looked up.
void send(Worker& holder, const Listeners& listeners, PushKind kind,
          std::span<const std::string_view> words) {
  size_t size = 4;
  for (const std::string_view word : words) {
    size += bulk_size(word);
  }
  Payload& payload =
      holder.make_payload(size, static_cast<uint32_t>(listeners.workers().size()));
  char* to = payload.bytes();
  *to++ = '>';
  *to++ = static_cast<char>('0' + words.size());
  to = put(to, "\r\n");
  for (size_t i = 0; i < words.size(); ++i) {
    to = put_bulk(to, words[i]);
    if (i == 1) {
      payload.name_bytes = static_cast<uint32_t>(words[i].size());
      payload.name_begin =
          static_cast<uint32_t>(to - payload.bytes()) - payload.name_bytes - 2;
    }
  }
  for (const Listeners::Row& row : listeners.workers()) {
    holder.push(row.worker, payload.take_push(kind));
  }
}

}  // namespace

int64_t publish(Worker& holder, const Topics& topics, TopicKind kind, std::string_view channel,
                std::string_view message) {
  POLLUX_ASSERT(channel.size() + message.size() <= kMessageBytesMax);
  int64_t receivers = 0;
  const bool in_shard = kind == TopicKind::kShardChannel;
  if (const Listeners* listeners = topics.find(kind, channel)) {
    const std::string_view words[] = {in_shard ? "smessage" : "message", channel, message};
    send(holder, *listeners, in_shard ? PushKind::kShardChannel : PushKind::kChannel, words);
    receivers += listeners->clients();
  }
  if (in_shard) {
    return receivers;
  }
  for (const auto& [pattern, listeners] : topics.all(TopicKind::kPattern)) {
    if (glob_match(pattern, channel)) {
      const std::string_view words[] = {"pmessage", pattern, channel, message};
      send(holder, listeners, PushKind::kPattern, words);
      receivers += listeners.clients();
    }
  }
  return receivers;
}

}  // namespace pollux
