// The kernel's end of the way to this host (dataplane/tcp/steering/host_path): a TAP device that
// has the NIC's address and name, so to speak. What is not for Pollux comes out of it, ssh and DHCP
// for instance, and what the kernel sends there goes out by the NIC.
//
// Its addresses are the operator's to set, as they would be on the NIC:
//
//   ip addr add 10.0.0.5/24 dev pollux0; ip route add default via 10.0.0.1
//
// One thread, which sleeps while there is nothing. It takes so many frames a second and no more:
// what floods the NIC with what is not for us takes no processor from those who serve.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/kernel/listener.h"
#include "dataplane/server/thread.h"
#include "dataplane/tcp/steering/steering.h"

namespace pollux {

class HostTap {
 public:
  // Null with `error`: what is wrong, and what the operator can do. The device is gone with it.
  static std::unique_ptr<HostTap> open(const std::string& name, const tcp::MacAddress& mac,
                                       uint32_t mtu, std::string& error);
  // Requires that it was stopped or never started.
  ~HostTap() = default;
  HostTap(const HostTap&) = delete;
  HostTap& operator=(const HostTap&) = delete;

  // Wakes the thread; any other one may.
  void wake();
  // 0, or an errno. `path` and `steering` outlive it.
  int start(tcp::HostPath& path, tcp::Steering& steering);
  void stop();

 private:
  static constexpr int64_t kFramesPerSlice = 200;  // of 10 ms: 20,000 a second, each way
  static constexpr int64_t kSliceMs = 10;

  HostTap(UniqueFd tap, UniqueFd bell);
  void run();
  bool write_in();  // what came by the NIC. False: there was nothing
  bool read_out();  // what the kernel sends
  void rest();      // until there is something

  const UniqueFd tap_;
  const UniqueFd bell_;
  tcp::HostPath* path_ = nullptr;
  tcp::Steering* steering_ = nullptr;
  std::unique_ptr<uint8_t[]> frame_;
  std::atomic<bool> over_{false};
  bool gone_ = false;  // the device
  Thread thread_;
};

}  // namespace pollux
