#include "dataplane/sim/net/net_event.h"

namespace pollux::tcp {

namespace {

constexpr std::array<std::string_view, kNetEvents> kNames = {
    "offered",
    "on its way",
    "arrived",
    "lost by chance",
    "lost in a burst",
    "lost by rule",
    "lost by script",
    "lost, link down",
    "lost under way, link down",
    "lost, queue full",
    "lost, too big",
    "duplicated",
    "delayed",
    "corrupted",
    "truncated",
    "forged",
    "marked CE",
    "dropped, receive ring full",
    "dropped, no receive buffer",
    "dropped, not for this host",
    "core stalled",
    "not sent, transmit ring full",
    "changed while under way",
    "allocation refused",
};

}  // namespace

std::string_view name_of(NetEvent event) {
  return kNames[static_cast<size_t>(event)];
}

}  // namespace pollux::tcp
