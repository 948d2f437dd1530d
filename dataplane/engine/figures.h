// What transports count, on its way to the control page: names once, at the start, values ten times
// a second by each core for itself.
#pragma once

#include <span>

#include "dataplane/engine/transport.h"
#include "src/abi/control_page.h"

namespace pollux {

// Requires that the page is not complete yet. `port`: of what all cores share, by name.
void name_figures(const Transport& transport, std::span<const TransportFigure> port,
                  ControlPage& page);
void publish_figures(const Transport& transport, CoreBlock& core);
// One thread; the same ones in the same order as were named.
void publish_port(std::span<const TransportFigure> port, PortBlock& block);

}  // namespace pollux
