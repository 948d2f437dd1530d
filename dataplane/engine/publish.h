// A message to all who listen to a channel, on whatever worker they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/engine/topics.h"

namespace pollux {

class Worker;

// Channel and message together. Far above what clients may send unless proto-max-bulk-len is
// raised.
inline constexpr size_t kMessageBytesMax = 1 << 30;

// Requires at most kMessageBytesMax bytes. Sends `message` to those who listen to `channel`
// (kChannel: or to a pattern that fits it) by the topics of a shard that `holder` holds. Returns
// how many they are.
int64_t publish(Worker& holder, const Topics& topics, TopicKind kind, std::string_view channel,
                std::string_view message);

}  // namespace pollux
