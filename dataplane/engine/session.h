// A connection as the engine sees it: its half-read bytes, its place in the order of replies, its
// output. Belongs to one worker and is touched by its thread only. Other workers hear of it by
// cells, which name it by pointer only on the way home (see cell.h: detach).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/cell.h"
#include "dataplane/engine/durable_gate.h"
#include "dataplane/engine/input_bytes.h"
#include "dataplane/engine/lease.h"
#include "dataplane/engine/output.h"
#include "dataplane/engine/payload.h"
#include "dataplane/engine/topics.h"
#include "dataplane/engine/tracking.h"
#include "dataplane/engine/transaction.h"
#include "dataplane/engine/transport.h"
#include "src/base/intrusive_list.h"
#include "src/base/types.h"
#include "src/protocol/resp_reader.h"

namespace pollux {

class Waiter;

// Why a session's next request is not being run. Its bytes wait in `input`.
enum class Stall : uint8_t {
  kNone,
  kOrder,   // earlier requests of the session must be answered first
  kParked,  // the worker's own shard is leased to another
  kCell,    // no free cell towards the owner
  kLease,   // its turn for a lease has not come
  kMemory,  // other shards must make room first
  kJournal, // the disk must catch up first
  kTour,    // it is being carried from worker to worker
  kBlocked, // its last command waits for a key; the next one waits behind it
  kPaused,  // CLIENT PAUSE holds it back
  kTurn,    // it has had its share of this turn
};

// Why a session's next request is refused, in Redis' order of checks.
enum class Bar : uint8_t {
  kNone,
  kRequest,     // itself, as BurstItem::problem says
  kProtected,   // DEBUG, and the configuration does not let this client
  kNoAuth,
  kNotInMulti,
  kMemory,
  kSavesFail,
  kDiskFails,   // that of the append-only history
  kSubscribed,  // RESP2: a reply could not be told from a message
  kLoading,
  kMonitoring,  // one that monitors counts as a replica
  kDiskBehind,  // not Redis', so last
};

// CLIENT REPLY. kSkipNext becomes kSkipping when the next command begins.
enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkipping };

// Tags for the lists a session may be in.
struct StallNode : ListLink {};
struct DirtyNode : ListLink {};
struct GateNode : ListLink {};

// A push that waits for replies begun before it: it leaves when `behind` of the session's requests
// that ran elsewhere are answered.
struct HeldPush {
  uint64_t behind;
  PayloadRef payload;
};

class Session;

// What few sessions have. It stays: who has had it once may have it often (appendfsync always).
struct RareState : GateNode {
  explicit RareState(Session& of) : session(of) {}
  Session& session;
  ShardSet more_shards;               // kLease: that the lease must have, too (Worker::needs_more)
  std::vector<HeldPush> held_pushes;  // in order
  DurableGate gate;  // with appendfsync always: what of `out` waits for changes to be on disk
  int64_t soft_limit_since_ms = 0;  // `out` has been over its soft limit; 0: it is not
  size_t bytes() const { return sizeof(RareState) + held_pushes.capacity() * sizeof(HeldPush); }
};

// CLIENT SETNAME and SETINFO.
struct ClientNames {
  std::string name;
  std::string lib_name;
  std::string lib_version;
  bool empty() const { return name.empty() && lib_name.empty() && lib_version.empty(); }
  size_t bytes() const {
    return sizeof(ClientNames) + name.capacity() + lib_name.capacity() + lib_version.capacity();
  }
};

// An idle connection is this and what its transport keeps, and there may be millions: what few
// sessions have at a time stands in blocks of its own, and the members by size.
class Session : public StallNode, public DirtyNode {
 public:
  Session(uint64_t id, ConnId conn, ChunkPool& chunks) : id(id), conn(conn), out(chunks) {}

  const uint64_t id;  // CLIENT ID; never reused in a process
  const ConnId conn;

  // --- bytes in ---
  RespReader reader;
  InputBytes input;           // what came and was not run
  size_t beside_counted = 0;  // what the worker's account holds beside the session itself
  int64_t weight = 0;         // and for all of it (session_bytes); 0 once it is closed

  // --- order ---
  CellList in_flight;            // requests elsewhere, in the order of their replies
  uint64_t in_flight_begun = 0;  // how many there have been, with those that are answered
  uint32_t in_flight_count = 0;
  ShardId in_flight_shard;   // if all are for one shard: which
  Tour* tour = nullptr;      // under way for this session
  Waiter* waiter = nullptr;  // its command waits (kBlocked), or has been sent where it may have to

  // --- MULTI and WATCH (transaction.h) ---
  std::unique_ptr<Transaction> transaction;  // null until it is needed, and while EXEC is elsewhere

  // --- bytes out ---
  Output out;
  size_t sending = 0;  // bytes handed to the transport
  Ticket shown;        // the last change that a reply begun up to now shows
  void show(Ticket ticket) { shown = std::max(shown, ticket); }

  // --- what CLIENT LIST shows ---
  int64_t opened_ms = 0;
  int64_t active_ms = 0;
  uint64_t commands = 0;
  const CommandRow* last_command = nullptr;

  // --- state that commands set ---
  std::unique_ptr<Tracking> tracking;            // CLIENT TRACKING; null: off
  std::unique_ptr<Subscriptions> subscriptions;  // null: none
  std::unique_ptr<ClientNames> names;            // null if there is none
  std::unique_ptr<RareState> rare;               // null until there was some
  int db = 0;
  uint8_t protocol = 2;

  // --- in one byte or bit each ---
  bool no_touch = false;  // CLIENT NO-TOUCH
  bool no_evict = false;  // CLIENT NO-EVICT
  Stall stall = Stall::kNone;
  ReplyMode reply_mode = ReplyMode::kOn;
  bool in_burst : 1 = false;  // some requests are parsed and not yet run
  bool receive_paused : 1 = false;
  bool in_flight_one_shard : 1 = true;
  bool in_flight_reads : 1 = true;
  bool in_multi : 1 = false;
  bool authenticated : 1 = true;
  bool ended : 1 = false;            // the peer sends no more: close once all is answered
  bool closing : 1 = false;          // close once all replies are out; read no more
  bool kill_after_exec : 1 = false;  // was killed in the middle of an EXEC, which goes first
  bool closed : 1 = false;           // transport.close was called
  bool monitoring : 1 = false;       // MONITOR

  std::string_view unread() const { return input.unread(); }
  std::string_view name() const { return names == nullptr ? std::string_view() : names->name; }
  // As CLIENT LIST and INFO count it: its next reply waits for other than its turn.
  bool is_blocked() const { return stall == Stall::kPaused || stall == Stall::kBlocked; }
};
// A size class of jemalloc.
static_assert(sizeof(Session) <= 320);

}  // namespace pollux
