// What must hold of all connections between turns.
#include <algorithm>
#include <string>

#include "dataplane/tcp/stack/stack.h"

namespace pollux::tcp {

std::string Stack::check() const {
  size_t held = 0;
  uint32_t orphans = 0;
  for (uint32_t i = 0; i < slots_.made(); ++i) {
    const Slot& slot = slots_.at(i);
    const std::string who = "connection " + std::to_string(i) + ": ";
    if (slot.unread != nullptr) {
      held += slot.unread->memory_bytes();
    }
    if (!slot.used || !slot.has_connection) {
      continue;
    }
    orphans += slot.closed;
    const Connection& connection = slot.connection();
    const Sender& sender = connection.sender();
    held += connection.held_bytes() + slot.block_bytes();
    const uint32_t blocks = std::min(connection.block_bytes(), Slot::kBlockBytesMax);
    if (!slot.dirty && !slot.unresolved && slot.block_bytes() != blocks) {
      return who + "blocks are " + std::to_string(connection.block_bytes()) +
             " bytes, counted are " + std::to_string(slot.block_bytes());
    }
    if (sender.una() > sender.nxt() || sender.nxt() > sender.end()) {
      return who + "sequence numbers are out of order";
    }
    const Seq written = sender.end() - (sender.fin_sent() ? 1U : 0U);
    if (slot.sending != nullptr && slot.sending->end() != written) {
      return who + "the buffer ends " + std::to_string(slot.sending->end() - written) +
             " bytes from what was written";
    }
    const bool keeps_list = sender.queue().empty() && sender.queue().memory_bytes() != 0;
    if (!slot.dirty && (keeps_list || (slot.sending != nullptr && slot.sending->empty()))) {
      return who + "keeps what an idle one does not need";
    }
    if (!sender.is_consistent()) {
      return who + "what its sender keeps twice does not agree";
    }
    const bool waits = !sender.all_acked() || sender.unsent_bytes() != 0;
    if (waits && !slot.dirty && !slot.unresolved && connection.deadline(shared_) == kNever) {
      return who + "something is outstanding, and nothing is armed";
    }
    if (table_.find(slots_.hash(i), slot.flow) != i) {
      return who + "is not found by its flow";
    }
  }
  if (orphans != orphans_) {
    return std::to_string(orphans) + " are closed and not over, counted are " +
           std::to_string(orphans_);
  }
  return held == held_bytes_ ? ""
                             : "held bytes are " + std::to_string(held) + ", counted are " +
                                   std::to_string(held_bytes_);
}

}  // namespace pollux::tcp
