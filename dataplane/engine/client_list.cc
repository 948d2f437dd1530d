#include "dataplane/engine/client_list.h"

#include <algorithm>

#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/command_table.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

std::string flags_of(const Session& session, const PeerInfo& peer) {
  std::string flags;
  if (session.monitoring) {
    flags += 'O';
  }
  if (session.subscriptions != nullptr) {
    flags += 'P';
  }
  if (session.in_multi) {
    flags += 'x';
  }
  if (session.is_blocked()) {
    flags += 'b';
  }
  if (session.tracking != nullptr) {
    flags += 't';
    flags += session.tracking->redirect_broken ? "R" : "";
    flags += session.tracking->broadcast ? "B" : "";
  }
  if (session.closing) {
    flags += 'c';
  }
  if (peer.unix_socket) {
    flags += 'U';
  }
  if (session.no_evict) {
    flags += 'e';
  }
  if (session.no_touch) {
    flags += 'T';
  }
  return flags.empty() ? "N" : flags;
}

int64_t listens_to(const Session& session, TopicKind kind) {
  return session.subscriptions == nullptr
             ? 0
             : static_cast<int64_t>(session.subscriptions->of(kind).size());
}

void add(std::string& line, std::string_view name, std::string_view value) {
  if (!line.empty()) {
    line += ' ';
  }
  line += name;
  line += '=';
  line += value;
}

void add(std::string& line, std::string_view name, int64_t value) {
  char text[kInt64TextMax];
  add(line, name, std::string_view(text, format_int64(value, text)));
}

// As the protocol writes it.
int64_t request_bytes(Args args) {
  if (args.empty()) {
    return 0;
  }
  constexpr int64_t kAround = 5;  // '$' and two line ends
  char text[kInt64TextMax];
  int64_t bytes = 3 + static_cast<int64_t>(format_int64(static_cast<int64_t>(args.size()), text));
  for (const std::string_view arg : args) {
    const auto size = static_cast<int64_t>(arg.size());
    bytes += kAround + static_cast<int64_t>(format_int64(size, text)) + size;
  }
  return bytes;
}

// What the wire is watched for.
std::string_view events_of(const Session& session) {
  if (session.sending > 0) {
    return session.receive_paused ? "w" : "rw";
  }
  return session.receive_paused ? "" : "r";
}

// The type in redis-server's spelling of today; empty if there is none of that name.
std::string type_of(std::string_view word) {
  for (const std::string_view name : {"normal", "master", "replica", "pubsub"}) {
    if (is_word(word, name)) {
      return std::string(name);
    }
  }
  return is_word(word, "slave") ? "replica" : "";
}

}  // namespace

// A request that runs counts among the bytes that wait, as in Redis. Replies lie in chunks: the
// first stands for Redis' static buffer (it is there only as long as it holds something, so its
// peak is its size), those behind it for the reply list.
std::string client_line(Worker& worker, const Session& session, Args running) {
  const PeerInfo& peer = worker.transport().peer(session.conn);
  const int64_t now_ms = worker.now().ms();
  const auto unread = static_cast<int64_t>(session.unread().size());
  const Output::Shape out = session.out.shape();
  std::string command = "NULL";
  if (session.last_command != nullptr) {
    command.clear();
    append_full_name(command, *session.last_command);
  }
  std::string line;
  add(line, "id", static_cast<int64_t>(session.id));
  add(line, "addr", peer.address);
  add(line, "laddr", peer.local_address);
  add(line, "fd", peer.fd);
  add(line, "name", session.name());
  add(line, "age", std::max<int64_t>(now_ms - session.opened_ms, 0) / 1000);
  add(line, "idle", std::max<int64_t>(now_ms - session.active_ms, 0) / 1000);
  add(line, "flags", flags_of(session, peer));
  add(line, "db", session.db);
  add(line, "sub", listens_to(session, TopicKind::kChannel));
  add(line, "psub", listens_to(session, TopicKind::kPattern));
  add(line, "ssub", listens_to(session, TopicKind::kShardChannel));
  const Transaction* transaction = session.transaction.get();
  add(line, "multi", session.in_multi ? static_cast<int64_t>(transaction->size()) : -1);
  add(line, "watch", transaction == nullptr ? 0 : transaction->watching.keys);
  add(line, "qbuf", unread + request_bytes(running));
  add(line, "qbuf-free", static_cast<int64_t>(session.input.capacity()) - unread);
  add(line, "argv-mem", static_cast<int64_t>(argument_bytes(running)));
  add(line, "multi-mem",
      session.in_multi ? static_cast<int64_t>(transaction->bytes()) : 0);
  add(line, "rbs", static_cast<int64_t>(out.first_capacity));
  add(line, "rbp", static_cast<int64_t>(out.first_bytes));
  add(line, "obl", static_cast<int64_t>(out.first_bytes));
  add(line, "oll", static_cast<int64_t>(out.more_chunks));
  add(line, "omem", static_cast<int64_t>(out.more_memory));
  add(line, "tot-mem",
      worker.session_bytes(session) - static_cast<int64_t>(session.out.size()) +
          static_cast<int64_t>(out.memory()));
  add(line, "events", events_of(session));
  add(line, "cmd", command);
  add(line, "user", "default");
  add(line, "redir",
      session.tracking != nullptr ? static_cast<int64_t>(session.tracking->redirect_id) : -1);
  add(line, "resp", session.protocol);
  const ClientNames* const names = session.names.get();
  add(line, "lib-name", names == nullptr ? std::string_view() : names->lib_name);
  add(line, "lib-ver", names == nullptr ? std::string_view() : names->lib_version);
  line += '\n';
  return line;
}

void ClientFilter::choose(std::vector<uint64_t> some) {
  ids = std::move(some);
  sorted_ids = ids;
  std::sort(sorted_ids.begin(), sorted_ids.end());
}

bool ClientFilter::matches(Worker& worker, const Session& session, uint64_t self) const {
  if (skip_self && session.id == self) {
    return false;
  }
  if (!ids.empty() && !std::binary_search(sorted_ids.begin(), sorted_ids.end(), session.id)) {
    return false;
  }
  // Replicas don't exist yet.
  if (!type.empty() && type != (session.subscriptions != nullptr ? "pubsub" : "normal")) {
    return false;
  }
  const PeerInfo& peer = worker.transport().peer(session.conn);
  if (address && peer.address != *address) {
    return false;
  }
  if (local_address && peer.local_address != *local_address) {
    return false;
  }
  return (worker.now().ms() - session.opened_ms) / 1000 >= age_min_s;
}

bool read_list_filter(Args args, ClientFilter& filter, std::string& error) {
  filter.skip_self = false;
  if (args.size() == 2) {
    return true;
  }
  if (args.size() == 4 && is_word(args[2], "type")) {
    filter.type = type_of(args[3]);
    if (filter.type.empty()) {
      error = "ERR Unknown client type '" + std::string(args[3]) + "'";
    }
    return !filter.type.empty();
  }
  if (args.size() > 3 && is_word(args[2], "id")) {
    std::vector<uint64_t> ids;
    for (const std::string_view word : args.subspan(3)) {
      const std::optional<int64_t> id = parse_int64(word);
      if (!id) {
        error = "ERR Invalid client ID";
        return false;
      }
      ids.push_back(static_cast<uint64_t>(*id));
    }
    filter.choose(std::move(ids));
    return true;
  }
  error = error_text::kSyntax;
  return false;
}

bool read_kill_filter(Args args, ClientFilter& filter, std::string& error) {
  if (args.size() == 3) {
    filter.address = args[2];
    filter.by_address_only = true;
    filter.skip_self = false;
    return true;
  }
  for (size_t i = 2; i < args.size(); i += 2) {
    const std::string_view name = args[i];
    if (i + 1 == args.size()) {
      error = error_text::kSyntax;
      return false;
    }
    const std::string_view value = args[i + 1];
    if (is_word(name, "id")) {
      const std::optional<int64_t> id = parse_int64(value);
      if (!id || *id < 1) {
        error = "ERR client-id should be greater than 0";
        return false;
      }
      filter.choose({static_cast<uint64_t>(*id)});
    } else if (is_word(name, "type")) {
      filter.type = type_of(value);
      if (filter.type.empty()) {
        error = "ERR Unknown client type '" + std::string(value) + "'";
        return false;
      }
    } else if (is_word(name, "addr")) {
      filter.address = value;
    } else if (is_word(name, "laddr")) {
      filter.local_address = value;
    } else if (is_word(name, "user")) {
      if (value != "default") {
        error = "ERR No such user '" + std::string(value) + "'";
        return false;
      }
      filter.user = value;
    } else if (is_word(name, "maxage")) {
      const std::optional<int64_t> age = parse_int64(value);
      if (!age || *age < 1) {
        error = "ERR maxage should be greater than 0";
        return false;
      }
      filter.age_min_s = *age;
    } else if (is_word(name, "skipme") && (is_word(value, "yes") || is_word(value, "no"))) {
      filter.skip_self = is_word(value, "yes");
    } else {
      error = error_text::kSyntax;
      return false;
    }
  }
  return true;
}

}  // namespace pollux
