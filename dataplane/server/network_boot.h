// transport dpdk: the network of a server as its options say, and each worker's end of it, with the
// kernel's sockets beside it for this host.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/dpdk/network.h"
#include "dataplane/engine/config.h"
#include "dataplane/engine/transport.h"

namespace pollux {

// CONFIG SET maxclients, to more than it was at the start; the number that it was follows.
inline constexpr std::string_view kNoMoreClients =
    "The tables of transport dpdk were made at the start, for as many clients as maxclients was "
    "then: set it in the configuration file and start again, or try with ";

// What of its options is wrong, seen without a start: a sentence, with what the operator can
// change.
std::string check_network(const Config& config);

// Null with `error`: what is wrong, and what the operator can change. What has come of it stands in
// the log.
std::unique_ptr<dpdk::Network> open_network(const Config& config, int workers, std::string& error);

// `kernel`: the same worker's. `error` is empty on success.
std::unique_ptr<Transport> join_network(dpdk::Network& network, int worker,
                                        std::unique_ptr<Transport> kernel, const Config& config,
                                        std::string& error);

}  // namespace pollux
