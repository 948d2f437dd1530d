// DEBUG RELOAD and LOADAOF: a running server takes its data from its files again. A tour that stays
// until all is there (load_desk.h).
#pragma once

#include "src/commands/context.h"

namespace pollux {

// Of the row of DEBUG, when it is one of the two.
void reload_visit(Worker& worker, Tour& tour);
void debug_reload(Context& ctx);

}  // namespace pollux
