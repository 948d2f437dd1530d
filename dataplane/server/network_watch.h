// Looks after the port beside the workers: whether the link is up, what the device counts, the file
// of net-capture, and, with net-host-tap, the way to the kernel of this host. A thread each, since
// the disk of the file may be slow.
#pragma once

#include <memory>
#include <string>

#include "dataplane/dpdk/network.h"
#include "dataplane/engine/config.h"
#include "dataplane/engine/transport.h"
#include "dataplane/server/capture_file.h"
#include "dataplane/server/host_tap.h"
#include "dataplane/server/repeating_thread.h"
#include "src/abi/control_page.h"

namespace pollux {

class NetworkWatch {
 public:
  // Looks once, on this thread.
  NetworkWatch(dpdk::Network& network, ControlPage& page, const Config& config);
  // If there is a net-host-tap; before start(). Empty, or what is wrong.
  std::string add_host_tap(const Config& config);
  // Of workers, by one of their transports, and of the port; before the page is complete.
  void name_figures(const Transport& worker);
  // Requires that it was stopped or never started.
  ~NetworkWatch() = default;
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  // 0, or an errno.
  int start();
  void stop();

 private:
  void look();

  dpdk::Network& network_;
  ControlPage& page_;
  RepeatingThread look_thread_;
  std::unique_ptr<HostTap> host_tap_;
  CaptureFile capture_;
  RepeatingThread capture_thread_;
};

}  // namespace pollux
