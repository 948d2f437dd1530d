// Payloads of DUMP: some that redis-server has made, and what becomes of one when a few of its
// bytes are changed and the sum behind them is put right again.
#pragma once

#include <string>
#include <string_view>

#include "tests/differential/grammar.h"

namespace pollux {

// One of a handful, of all types; now and then bytes that are none.
std::string some_payload(Rng& rng);

// Requires a payload. Its version stays.
std::string mutated_payload(std::string_view payload, Rng& rng);

// Whether the payload is of a type that redis-server 7.0 does not know and Pollux does.
bool only_ours(std::string_view payload);

// Whether two payloads hold the same elements: byte for byte, but for sets and hashes, whose order
// is each server's own, lists, whose nodes are, streams, whose times are, and small sorted sets,
// which SORT makes large on redis-server (what is in all of them is read at the end).
bool payloads_agree(std::string_view redis, std::string_view pollux);

}  // namespace pollux
