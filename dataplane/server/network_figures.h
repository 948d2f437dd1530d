// What the network of transport dpdk counts, under the names that operators see.
#pragma once

#include <span>

#include "dataplane/dpdk/network.h"
#include "dataplane/engine/transport.h"
#include "dataplane/tcp/stack/stack.h"

namespace pollux {

// Of a worker, by its thread; how many.
size_t worker_figures(tcp::Stack& stack, const dpdk::Network& network, int worker,
                      std::span<TransportFigure> into);
// Of the port; any one thread.
size_t port_figures(const dpdk::PortCounters& port, std::span<TransportFigure> into);

}  // namespace pollux
