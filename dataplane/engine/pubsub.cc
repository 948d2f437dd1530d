// Publish and subscribe. A subscription is changed at home, under a lease of the shards that its
// topics are on: no message is between the change and its confirmation, and none is counted that
// would not be delivered. A message is sequenced by the channel's shard and needs no lease.
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/publish.h"
#include "dataplane/engine/worker.h"
#include "src/base/glob.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

// The words of confirmations, by TopicKind.
constexpr std::string_view kSubscribed[] = {"subscribe", "psubscribe", "ssubscribe"};
constexpr std::string_view kUnsubscribed[] = {"unsubscribe", "punsubscribe", "sunsubscribe"};

size_t count_of(const Session& session, TopicKind kind) {
  return session.subscriptions == nullptr ? 0 : session.subscriptions->count_with(kind);
}

// Confirmations are pushes: CLIENT REPLY OFF doesn't silence them.
ByteSink& confirmations(Context& ctx) {
  Session& session = *engine_host(ctx).session;
  return session.reply_mode == ReplyMode::kOn ? ctx.reply.sink() : session.out;
}

void subscribe_to(Context& ctx, TopicKind kind) {
  EngineHost& host = engine_host(ctx);
  host.worker->deliver_what_came();
  Reply reply(confirmations(ctx), host.session->protocol);
  for (const std::string_view name : ctx.args.subspan(1)) {
    host.worker->subscribe(*host.session, kind, name);
    reply.push(3);
    reply.bulk(kSubscribed[static_cast<size_t>(kind)]);
    reply.bulk(name);
    reply.integer(static_cast<int64_t>(count_of(*host.session, kind)));
  }
}

void unsubscribe_from(Context& ctx, TopicKind kind) {
  EngineHost& host = engine_host(ctx);
  Session& session = *host.session;
  host.worker->deliver_what_came();
  std::vector<std::string> names(ctx.args.begin() + 1, ctx.args.end());
  if (names.empty() && session.subscriptions != nullptr) {
    for (const auto& [name, place] : session.subscriptions->of(kind)) {
      names.emplace_back(name);
    }
  }
  Reply reply(confirmations(ctx), session.protocol);
  const std::string_view word = kUnsubscribed[static_cast<size_t>(kind)];
  for (const std::string& name : names) {
    host.worker->unsubscribe(session, kind, name);
    reply.push(3);
    reply.bulk(word);
    reply.bulk(name);
    reply.integer(static_cast<int64_t>(count_of(session, kind)));
  }
  if (names.empty()) {
    reply.push(3);
    reply.bulk(word);
    reply.null();
    reply.integer(static_cast<int64_t>(count_of(session, kind)));
  }
}

void subscribe(Context& ctx) { subscribe_to(ctx, TopicKind::kChannel); }
void psubscribe(Context& ctx) { subscribe_to(ctx, TopicKind::kPattern); }
void ssubscribe(Context& ctx) {
  if (engine_host(ctx).in_exec) {
    ctx.reply.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    return;
  }
  subscribe_to(ctx, TopicKind::kShardChannel);
}
void unsubscribe(Context& ctx) { unsubscribe_from(ctx, TopicKind::kChannel); }
void punsubscribe(Context& ctx) { unsubscribe_from(ctx, TopicKind::kPattern); }
void sunsubscribe(Context& ctx) { unsubscribe_from(ctx, TopicKind::kShardChannel); }

// --- on the channel's shard ---

const Topics& topics_of(Context& ctx, std::string_view channel) {
  Engine& engine = *engine_host(ctx).engine;
  return engine.side(topic_shard(channel, engine.worker_count())).topics();
}

void publish_as(Context& ctx, TopicKind kind) {
  const std::string_view channel = ctx.args[1];
  if (channel.size() + ctx.args[2].size() > kMessageBytesMax) {
    ctx.reply.error("ERR the message is longer than 1 GiB: send it in parts");
    return;
  }
  ctx.reply.integer(publish(*engine_host(ctx).worker, topics_of(ctx, channel), kind, channel,
                            ctx.args[2]));
}

void publish_message(Context& ctx) { publish_as(ctx, TopicKind::kChannel); }
void spublish(Context& ctx) { publish_as(ctx, TopicKind::kShardChannel); }

void write_counts(Context& ctx, TopicKind kind) {
  const Args channels = ctx.args.subspan(2);
  ctx.reply.array(channels.size() * 2);
  for (const std::string_view channel : channels) {
    const Listeners* listeners = topics_of(ctx, channel).find(kind, channel);
    ctx.reply.bulk(channel);
    ctx.reply.integer(listeners == nullptr ? 0 : listeners->clients());
  }
}

void pubsub_numsub(Context& ctx) { write_counts(ctx, TopicKind::kChannel); }
void pubsub_shardnumsub(Context& ctx) { write_counts(ctx, TopicKind::kShardChannel); }

void pubsub_numpat(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  const Topics& topics = host.engine->side(ShardId{0}).topics();  // any shard's: all have the same
  ctx.reply.integer(static_cast<int64_t>(topics.all(TopicKind::kPattern).size()));
}

// --- from worker to worker ---

// A channel that is on every shard is told by the one it would be routed to.
void list_channels(Worker& worker, Tour& tour, TopicKind kind) {
  if (tour.args.size() > 3) {
    return;  // an error, said at the end of the tour
  }
  const bool all = tour.args.size() < 3;
  const ShardId shard = worker.shard().id();
  Reply reply(tour.body, tour.protocol);
  for (const auto& [name, listeners] : worker.engine().side(shard).topics().all(kind)) {
    if (topic_shard(name, worker.engine().worker_count()) == shard &&
        (all || glob_match(tour.args[2], name))) {
      reply.bulk(name);
      ++tour.number;
    }
  }
}

void channels_visit(Worker& worker, Tour& tour) {
  list_channels(worker, tour, TopicKind::kChannel);
}

void shardchannels_visit(Worker& worker, Tour& tour) {
  list_channels(worker, tour, TopicKind::kShardChannel);
}

void pubsub_channels(Context& ctx) {
  if (ctx.args.size() > 3) {
    ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "PUBSUB"));
    return;
  }
  ctx.reply.array(static_cast<size_t>(engine_host(ctx).tour->number));
}

void pubsub_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "CHANNELS [<pattern>]",
      "    Channels that somebody listens to and that match.",
      "NUMPAT",
      "    How many different patterns are listened to.",
      "NUMSUB [<channel> ...]",
      "    How many clients listen to each of the channels, patterns left aside.",
      "SHARDCHANNELS [<pattern>]",
      "    Shard channels that somebody listens to and that match.",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    How many clients listen to each of the shard channels.",
  };
  write_help(ctx.reply, "PUBSUB", kLines);
}

// --- MONITOR ---

// A second MONITOR of a client is not answered, as in Redis.
void monitor(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (host.in_exec) {
    ctx.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    return;
  }
  if (host.worker->start_monitor(*host.session)) {
    ctx.reply.ok();
  }
}

constexpr uint32_t kListening = kPubsub | kNoScript | kLoading | kStale | kWhileSubscribed;
constexpr uint32_t kSending = kPubsub | kLoading | kStale | kFast | kMayReplicate;
constexpr uint32_t kLooking = kPubsub | kLoading | kStale;
constexpr KeySpec kShardChannel = {.first = 1, .last = 1, .flags = "not_key"};
constexpr KeySpec kShardChannels = {.first = 1, .last = -1, .flags = "not_key"};

constexpr CommandRow kSubcommands[] = {
    {.name = "channels", .arity = -2, .flags = kLooking, .acl = 0, .handler = pubsub_channels,
     .route = Route::kEachWorker, .each_worker = channels_visit,
     .group = "pubsub", .since = "2.8.0", .summary = "Lists the channels that are listened to.",
     .complexity = "O(N) for N channels", .syntax = "[pattern:pattern]"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = pubsub_help,
     .route = Route::kSession,
     .group = "pubsub", .since = "6.2.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "numpat", .arity = 2, .flags = kLooking, .acl = 0, .handler = pubsub_numpat,
     .route = Route::kChannels,
     .group = "pubsub", .since = "2.8.0", .summary = "Counts the patterns that are listened to.",
     .complexity = "O(1)"},
    {.name = "numsub", .arity = -2, .flags = kLooking, .acl = 0, .handler = pubsub_numsub,
     .route = Route::kChannels, .channels = {2, -1},
     .group = "pubsub", .since = "2.8.0", .summary = "Counts who listens to each of the channels.",
     .complexity = "O(N) for N channels", .syntax = "[channel...]"},
    {.name = "shardchannels", .arity = -2, .flags = kLooking, .acl = 0, .handler = pubsub_channels,
     .route = Route::kEachWorker, .each_worker = shardchannels_visit,
     .group = "pubsub", .since = "7.0.0",
     .summary = "Lists the shard channels that are listened to.",
     .complexity = "O(N) for N shard channels", .syntax = "[pattern:pattern]"},
    {.name = "shardnumsub", .arity = -2, .flags = kLooking, .acl = 0,
     .handler = pubsub_shardnumsub, .route = Route::kChannels, .channels = {2, -1},
     .group = "pubsub", .since = "7.0.0",
     .summary = "Counts who listens to each of the shard channels.",
     .complexity = "O(N) for N shard channels", .syntax = "[shardchannel...]"},
};

constexpr CommandRow kRows[] = {
    {.name = "subscribe", .arity = -2, .flags = kListening, .acl = 0, .handler = subscribe,
     .route = Route::kListen, .channels = {1, -1},
     .group = "pubsub", .since = "2.0.0", .summary = "Listens to channels.",
     .complexity = "O(N) for N channels", .syntax = "channel..."},
    {.name = "unsubscribe", .arity = -1, .flags = kListening, .acl = 0, .handler = unsubscribe,
     .route = Route::kListen, .channels = {1, -1},
     .group = "pubsub", .since = "2.0.0", .summary = "Listens to channels no more.",
     .complexity = "O(N) for N channels", .syntax = "[channel...]"},
    {.name = "psubscribe", .arity = -2, .flags = kListening, .acl = 0, .handler = psubscribe,
     .route = Route::kListen,
     .group = "pubsub", .since = "2.0.0", .summary = "Listens to channels whose names match.",
     .complexity = "O(N) for N patterns", .syntax = "pattern=(pattern:pattern)..."},
    {.name = "punsubscribe", .arity = -1, .flags = kListening, .acl = 0, .handler = punsubscribe,
     .route = Route::kListen,
     .group = "pubsub", .since = "2.0.0", .summary = "Listens to patterns no more.",
     .complexity = "O(N) for N patterns", .syntax = "[pattern:pattern...]"},
    {.name = "ssubscribe", .arity = -2, .flags = kListening, .acl = 0, .handler = ssubscribe,
     .route = Route::kListen, .keys = {kShardChannels}, .channels = {1, -1},
     .group = "pubsub", .since = "7.0.0", .summary = "Listens to shard channels.",
     .complexity = "O(N) for N shard channels", .syntax = "shardchannel..."},
    {.name = "sunsubscribe", .arity = -1, .flags = kListening, .acl = 0, .handler = sunsubscribe,
     .route = Route::kListen, .keys = {kShardChannels}, .channels = {1, -1},
     .group = "pubsub", .since = "7.0.0", .summary = "Listens to shard channels no more.",
     .complexity = "O(N) for N shard channels", .syntax = "[shardchannel...]"},
    {.name = "publish", .arity = 3, .flags = kSending, .acl = 0, .handler = publish_message,
     .route = Route::kChannels, .channels = {1, 1},
     .group = "pubsub", .since = "2.0.0", .summary = "Sends a message to a channel.",
     .complexity = "O(N+M) for N listeners and M patterns that are listened to",
     .syntax = "channel message"},
    {.name = "spublish", .arity = 3, .flags = kSending, .acl = 0, .handler = spublish,
     .route = Route::kChannels, .keys = {kShardChannel}, .channels = {1, 1},
     .group = "pubsub", .since = "7.0.0", .summary = "Sends a message to a shard channel.",
     .complexity = "O(N) for N listeners", .syntax = "shardchannel message"},
    {.name = "pubsub", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "pubsub", .since = "2.8.0", .summary = "Tells who listens to what.",
     .complexity = "Depends on the subcommand."},
    {.name = "monitor", .arity = 1, .flags = kAdmin | kNoScript | kLoading | kStale, .acl = 0,
     .handler = monitor, .route = Route::kListen,
     .group = "server", .since = "1.0.0", .summary = "Shows every command that is run.",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const CommandRow> pubsub_commands() { return kRows; }

}  // namespace pollux
