// The handlers of CLIENT that stand in other files than its table (client.cc), and what they visit.
#pragma once

#include "src/commands/command.h"

namespace pollux {

// client_all.cc: what concerns the connections of all workers
void client_list(Context& ctx);
void client_list_visit(Worker& worker, Tour& tour);
void client_kill(Context& ctx);
void client_kill_visit(Worker& worker, Tour& tour);
void client_pause(Context& ctx);
void client_pause_visit(Worker& worker, Tour& tour);
void client_unpause(Context& ctx);
void client_unpause_visit(Worker& worker, Tour& tour);
void client_unblock(Context& ctx);
void client_unblock_visit(Worker& worker, Tour& tour);

// client_tracking.cc: what a client says about its cache
void client_tracking(Context& ctx);
void client_tracking_visit(Worker& worker, Tour& tour);
void client_trackinginfo(Context& ctx);
void client_caching(Context& ctx);
void client_getredir(Context& ctx);

}  // namespace pollux
