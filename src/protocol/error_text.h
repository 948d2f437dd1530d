// Every error sentence of Redis that more than one place says, once. Text as on the wire, without
// the leading '-' and the line end. (redis-server 7.0.15 is the source.)
#pragma once

#include <string>
#include <string_view>

namespace pollux::error_text {

inline constexpr std::string_view kSyntax = "ERR syntax error";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kMustBePositive =
    "ERR value is out of range, must be positive";
inline constexpr std::string_view kNotFloat = "ERR value is not a valid float";
inline constexpr std::string_view kUnblocked =
    "UNBLOCKED client unblocked via CLIENT UNBLOCK";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kOutOfRange = "ERR index out of range";
inline constexpr std::string_view kOutOfMemory =
    "OOM command not allowed when used memory > 'maxmemory'.";
// stop-writes-on-bgsave-error.
inline constexpr std::string_view kSavesFail =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is "
    "configured to report errors during writes if RDB snapshotting fails "
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error.";
// aof-backlog refuse.
inline constexpr std::string_view kDiskBehind =
    "TRYAGAIN The disk of the append-only file does not keep up, so writes are refused for a "
    "moment. Reads are served. See aof_buffer_length and aof_delayed_fsync in INFO persistence.";
inline constexpr std::string_view kLoading =
    "LOADING Redis is loading the dataset in memory";
inline constexpr std::string_view kNotInMulti = "ERR Command not allowed inside a transaction";
inline constexpr std::string_view kExecAborted =
    "EXECABORT Transaction discarded because of previous errors.";
inline constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
inline constexpr std::string_view kDbIndexRange = "ERR DB index is out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

// What a client hears before it is disconnected (resp_reader).
inline constexpr std::string_view kBadMultibulkLength =
    "ERR Protocol error: invalid multibulk length";
inline constexpr std::string_view kBadBulkLength = "ERR Protocol error: invalid bulk length";
inline constexpr std::string_view kUnauthenticatedMultibulk =
    "ERR Protocol error: unauthenticated multibulk length";
inline constexpr std::string_view kUnauthenticatedBulk =
    "ERR Protocol error: unauthenticated bulk length";
inline constexpr std::string_view kBigMultibulkLine =
    "ERR Protocol error: too big mbulk count string";
inline constexpr std::string_view kBigBulkLine = "ERR Protocol error: too big bulk count string";
inline constexpr std::string_view kBigInline = "ERR Protocol error: too big inline request";
inline constexpr std::string_view kUnbalancedQuotes =
    "ERR Protocol error: unbalanced quotes in request";
inline constexpr std::string_view kExpectedDollar = "ERR Protocol error: expected '$', got '";

// `word` as the client wrote it, `command` in upper case.
inline std::string wrong_subcommand(std::string_view word, std::string_view command) {
  return std::string("ERR unknown subcommand or wrong number of arguments for '")
      .append(word).append("'. Try ").append(command).append(" HELP.");
}

// Behind "ERR Can't execute 'name'".
inline constexpr std::string_view kNotWhileSubscribed =
    ": only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
inline constexpr std::string_view kMonitorHasNoKeys =
    "ERR Replica can't interact with the keyspace";

inline constexpr std::string_view kDebugNotAllowed =
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
    "can run it from a local connection, otherwise you need to set this option in the "
    "configuration file, and then restart the server.";

}  // namespace pollux::error_text
