// Life among other processes: going to the background, the pid file, telling a service manager.
#pragma once

#include <string>
#include <string_view>

namespace pollux {

// Goes on in a child without terminal; the caller's process ends. Call before threads start.
void daemonize();

// False with errno.
bool write_pid_file(const std::string& path);

// Sends a state ("READY=1", "STOPPING=1") to the socket named by NOTIFY_SOCKET, as sd_notify(3)
// describes. Without that variable nothing happens.
void notify_service_manager(std::string_view state);

}  // namespace pollux
