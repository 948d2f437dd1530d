// Commands about the connection itself: who it is, which protocol, which database.
#include <string>

#include "dataplane/engine/client_name.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/version.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

// Takes the same time wherever the two differ.
bool same_secret(std::string_view given, std::string_view secret) {
  unsigned char difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char expected = secret.empty() ? '\0' : secret[i % secret.size()];
    difference = static_cast<unsigned char>(difference | (given[i] ^ expected));
  }
  return difference == 0;
}

// There is one user, "default". Without a password it takes any.
bool may_enter(const Config& config, std::string_view user, std::string_view password) {
  return user == "default" &&
         (config.requirepass.empty() || same_secret(password, config.requirepass));
}

void auth(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  const Config& config = host.worker->config();
  if (ctx.args.size() > 3) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  if (ctx.args.size() == 2 && config.requirepass.empty()) {
    ctx.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
    return;
  }
  const std::string_view user = ctx.args.size() == 3 ? ctx.args[1] : "default";
  if (!may_enter(config, user, ctx.args.back())) {
    ctx.reply.error(kWrongPassword);
    return;
  }
  host.session->authenticated = true;
  ctx.reply.ok();
}

// The options take effect one by one, also those before one that is wrong, as in Redis. False with
// the error written.
bool apply_hello_options(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  for (size_t i = 2; i < ctx.args.size(); ++i) {
    const size_t more = ctx.args.size() - i - 1;
    if (is_word(ctx.args[i], "auth") && more >= 2) {
      if (!may_enter(host.worker->config(), ctx.args[i + 1], ctx.args[i + 2])) {
        ctx.reply.error(kWrongPassword);
        return false;
      }
      host.session->authenticated = true;
      i += 2;
    } else if (is_word(ctx.args[i], "setname") && more >= 1) {
      if (!check_client_name(ctx.reply, ctx.args[i + 1])) {
        return false;
      }
      host.worker->set_name(*host.session, &ClientNames::name, ctx.args[i + 1]);
      ++i;
    } else {
      ctx.reply.error("ERR Syntax error in HELLO option '" + std::string(ctx.args[i]) + "'");
      return false;
    }
  }
  return true;
}

void hello(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  Session& session = *host.session;
  const Config& config = host.worker->config();
  int64_t protocol = session.protocol;
  if (ctx.args.size() > 1) {
    if (!read_int64(ctx, 1, protocol, "ERR Protocol version is not an integer or out of range")) {
      return;
    }
    if (protocol != 2 && protocol != 3) {
      ctx.reply.error("NOPROTO unsupported protocol version");
      return;
    }
  }
  if (!apply_hello_options(ctx)) {
    return;
  }
  if (!session.authenticated) {
    ctx.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
    return;
  }
  session.protocol = static_cast<uint8_t>(protocol);
  // The answer is already in the protocol that was chosen.
  Reply reply(ctx.reply.sink(), session.protocol);
  reply.map(8);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(config.compat_redis_version);
  reply.bulk("proto");
  reply.integer(session.protocol);
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(session.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("pollux");  // "server" has to stay redis: some clients look at it
  reply.bulk(kPolluxVersion);
  reply.bulk("modules");
  reply.array(0);
}

void select(Context& ctx) {
  int db = 0;
  if (!read_database(ctx, 1, db)) {
    return;
  }
  engine_host(ctx).session->db = db;
  ctx.reply.ok();
}

void ping(Context& ctx) {
  const Session& session = *engine_host(ctx).session;
  if (ctx.args.size() > 2) {
    ctx.reply.error("ERR wrong number of arguments for 'ping' command");
  } else if (session.subscriptions != nullptr && session.protocol == 2) {
    // In the form of a message, which is all that such a client expects.
    ctx.reply.array(2);
    ctx.reply.bulk("pong");
    ctx.reply.bulk(ctx.args.size() == 2 ? ctx.args[1] : "");
  } else if (ctx.args.size() == 2) {
    ctx.reply.bulk(ctx.args[1]);
  } else {
    ctx.reply.simple("PONG");
  }
}

void echo(Context& ctx) { ctx.reply.bulk(ctx.args[1]); }

void quit(Context& ctx) {
  engine_host(ctx).session->closing = true;
  ctx.reply.ok();
}

// As if the connection had just been made; its id stays.
void reset(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  Session& session = *host.session;
  host.worker->drop_transaction(session);
  host.worker->stop_listening(session);
  session.db = 0;
  session.protocol = 2;
  host.worker->set_name(session, &ClientNames::name, {});
  session.reply_mode = ReplyMode::kOn;
  session.no_touch = false;
  session.no_evict = false;
  host.worker->stop_tracking(session);
  session.authenticated = host.worker->config().requirepass.empty();
  ctx.reply.simple("RESET");
}

bool is_auth_secret(Args, size_t index) { return index > 0; }

// What follows the option AUTH: a name and a password.
bool is_hello_secret(Args args, size_t index) {
  for (size_t i = 2; i + 2 < args.size(); ++i) {
    if (is_word(args[i], "auth")) {
      if (index == i + 1 || index == i + 2) {
        return true;
      }
      i += 2;
    } else {
      ++i;  // SETNAME and its name
    }
  }
  return false;
}

constexpr uint32_t kEverywhere = kLoading | kStale | kFast;

constexpr CommandRow kRows[] = {
    {.name = "hello", .arity = -1, .flags = kNoScript | kEverywhere | kNoAuth | kAllowBusy,
     .acl = kAclConnection, .handler = hello, .route = Route::kSession,
     .group = "connection", .since = "6.0.0",
     .summary = "Says who the server is and chooses the protocol.", .complexity = "O(1)",
     .syntax = "[arguments=(protover:integer [AUTH username_password=(username password)] "
               "[SETNAME clientname])]",
     .history = "6.2.0 protover became optional", .secret = is_hello_secret},
    {.name = "auth", .arity = -2, .flags = kNoScript | kEverywhere | kNoAuth | kAllowBusy,
     .acl = kAclConnection, .handler = auth, .route = Route::kSession,
     .group = "connection", .since = "1.0.0", .summary = "Authenticates the connection.",
     .complexity = "O(N) for N passwords of the user", .syntax = "[username@6.0.0] password",
     .history = "6.0.0 users came in", .secret = is_auth_secret},
    {.name = "select", .arity = 2, .flags = kEverywhere, .acl = kAclConnection, .handler = select,
     .route = Route::kSession,
     .group = "connection", .since = "1.0.0",
     .summary = "Chooses the database of the connection.", .complexity = "O(1)",
     .syntax = "index:integer"},
    {.name = "ping", .arity = -1, .flags = kFast | kWhileSubscribed | kTellsOfDisk,
     .acl = kAclConnection, .handler = ping, .route = Route::kSession,
     .group = "connection", .since = "1.0.0", .summary = "Answers PONG, or the message.",
     .complexity = "O(1)", .syntax = "[message]",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "echo", .arity = 2, .flags = kEverywhere, .acl = kAclConnection, .handler = echo,
     .route = Route::kSession,
     .group = "connection", .since = "1.0.0", .summary = "Answers the message.",
     .complexity = "O(1)", .syntax = "message"},
    {.name = "quit", .arity = -1,
     .flags = kNoScript | kEverywhere | kNoAuth | kAllowBusy | kWhileSubscribed,
     .acl = kAclConnection, .handler = quit, .route = Route::kSession,
     .group = "connection", .since = "1.0.0", .summary = "Closes the connection.",
     .complexity = "O(1)", .in_multi = InMulti::kAtOnce},
    {.name = "reset", .arity = 1,
     .flags = kNoScript | kEverywhere | kNoAuth | kAllowBusy | kWhileSubscribed,
     .acl = kAclConnection, .handler = reset, .route = Route::kSession,
     .group = "connection", .since = "6.2.0",
     .summary = "Makes the connection as it was at its start.", .complexity = "O(1)",
     .in_multi = InMulti::kAtOnce},
};

}  // namespace

std::span<const CommandRow> connection_commands() { return kRows; }

}  // namespace pollux
