// The reply of a command whose tour has gathered nothing but why it failed, if it did.
#pragma once

#include <string>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/tour.h"

namespace pollux {

inline void reply_outcome(Context& ctx) {
  const std::string& error = engine_host(ctx).tour->text;
  if (error.empty()) {
    ctx.reply.ok();
  } else {
    ctx.reply.error(error);
  }
}

}  // namespace pollux
