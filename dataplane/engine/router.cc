#include "dataplane/engine/router.h"

#include "dataplane/engine/topics.h"
#include "src/base/hash.h"
#include "src/commands/key_extractor.h"
#include "src/commands/scan.h"
#include "src/data/keyspace.h"

namespace pollux {

namespace {

ShardId shard_of(std::string_view key, int shards) {
  return shard_of_slot(key_slot(key), static_cast<size_t>(shards));
}

Placement place_by_keys(const CommandRow& row, Args args, int shards) {
  Placement placement{.where = Where::kShard};
  const KeySpec& spec = row.keys[0];
  const bool one_key = spec.first > 0 && spec.last == spec.first && row.keys[1].first == 0 &&
                       row.key_finder == nullptr && spec.numkeys_at == 0;
  if (one_key) {
    const std::string_view key = args[static_cast<size_t>(spec.first)];
    placement.first_key_hash = key_hash(key);
    if (shards > 1) {
      placement.shard = shard_of(key, shards);
    }
    return placement;
  }
  KeyIndices keys;
  if (!extract_keys(row, args, keys)) {
    // The handler answers what is wrong, and touches no key.
    return placement;
  }
  if (keys.on_tour()) {
    placement.where = Where::kEachWorker;
    return placement;
  }
  if (keys.need_all()) {
    placement.where = shards > 1 ? Where::kLease : Where::kShard;
    return placement;
  }
  if (keys.size() == 0) {
    return placement;
  }
  placement.first_key_hash = key_hash(args[keys[0]]);
  if (shards == 1) {
    return placement;
  }
  placement.shard = shard_of(args[keys[0]], shards);
  for (size_t i = 1; i < keys.size(); ++i) {
    if (shard_of(args[keys[i]], shards) != placement.shard) {
      placement.where = Where::kLease;
      break;
    }
  }
  return placement;
}

Args channels_of(const CommandRow& row, Args args) {
  const auto first = static_cast<size_t>(row.channels.first);
  if (first == 0 || args.size() <= first) {
    return {};
  }
  const size_t end =
      row.channels.last < 0 ? args.size() : static_cast<size_t>(row.channels.last) + 1;
  return args.subspan(first, end - first);
}

Placement place_by_channels(const CommandRow& row, Args args, int shards) {
  Placement placement{.where = Where::kShard};
  const Args channels = channels_of(row, args);
  for (size_t i = 0; i < channels.size(); ++i) {
    const ShardId shard = topic_shard(channels[i], shards);
    if (i == 0) {
      placement.shard = shard;
    } else if (shard != placement.shard) {
      placement.where = Where::kLease;
    }
  }
  return placement;
}

ShardSet channel_set(const CommandRow& row, Args args, int shards) {
  const Args channels = channels_of(row, args);
  ShardSet set;
  for (const std::string_view channel : channels) {
    if (row.route == Route::kListen && on_every_shard(TopicKind::kChannel, channel)) {
      return ShardSet::all(shards);
    }
    set.add(topic_shard(channel, shards));
  }
  return channels.empty() ? ShardSet::all(shards) : set;
}

}  // namespace

Placement place(const CommandRow& row, Args args, int shards) {
  if (row.route == Route::kKeys) [[likely]] {
    return place_by_keys(row, args, shards);
  }
  switch (row.route) {
    case Route::kSession:
      return {.where = Where::kSession};
    case Route::kKeys:
      break;  // see above
    case Route::kAllShards:
      return {.where = shards == 1 ? Where::kShard : Where::kLease};
    case Route::kEachShard:
      return {.where = Where::kEachShard};
    case Route::kEachWorker:
      return {.where = Where::kEachWorker};
    case Route::kExec:
      return {.where = Where::kExec};
    case Route::kChannels:
      return place_by_channels(row, args, shards);
    case Route::kListen:
      return {.where = Where::kLease};
    case Route::kCursor: {
      Placement placement{.where = Where::kShard};
      const auto cursor = args.size() > 1 ? parse_scan_cursor(args[1]) : std::nullopt;
      if (cursor && cursor->shard < static_cast<uint32_t>(shards)) {
        placement.shard = ShardId{static_cast<uint16_t>(cursor->shard)};
      }
      return placement;
    }
  }
  return {};
}

ShardSet lease_set(const CommandRow& row, Args args, int shards) {
  if (row.route == Route::kAllShards) {
    return ShardSet::all(shards);
  }
  if (row.route == Route::kListen || row.route == Route::kChannels) {
    return channel_set(row, args, shards);
  }
  ShardSet set;
  KeyIndices keys;
  if (extract_keys(row, args, keys)) {
    if (keys.need_all()) {
      return ShardSet::all(shards);
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      set.add(shard_of(args[keys[i]], shards));
    }
  }
  return set;
}

}  // namespace pollux
