#include "dataplane/engine/cell.h"

#include <cstring>

#include "src/base/assert.h"

namespace pollux {

void Cell::set_args(Args args) {
  const size_t bytes = argument_bytes(args);
  char* to = inline_bytes_;
  if (bytes > kInlineBytes) {
    more_bytes_ = std::make_unique_for_overwrite<char[]>(bytes);
    to = more_bytes_.get();
  }
  args_ = inline_args_;
  if (args.size() > kInlineArgs) {
    more_args_ = std::make_unique<std::string_view[]>(args.size());
    args_ = more_args_.get();
  }
  args_count_ = args.size();
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].empty()) {
      std::memcpy(to, args[i].data(), args[i].size());
    }
    args_[i] = {to, args[i].size()};
    to += args[i].size();
  }
}

void Cell::pack_reply() {
  if (reply.size() > kInlineBytes) {
    return;
  }
  TxSlice slices[kTxSlicesMax];
  size_t bytes = 0;
  const size_t count = reply.slices(slices, bytes);
  POLLUX_ASSERT(bytes == reply.size());
  char* to = inline_bytes_;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(to, slices[i].bytes.data(), slices[i].bytes.size());
    to += slices[i].bytes.size();
  }
  packed_bytes_ = static_cast<uint32_t>(bytes);
  reply.clear();
}

void Cell::clear() {
  session = nullptr;
  answered = false;
  tour = nullptr;
  transaction.reset();
  watching = {};
  waiter = nullptr;
  waits = false;
  shown = {};
  peer.clear();
  reply.clear();
  noted.reset();
  packed_bytes_ = 0;
  args_count_ = 0;
  more_bytes_.reset();
  more_args_.reset();
}

}  // namespace pollux
