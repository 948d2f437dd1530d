// pollux-echo over our own TCP and a port of DPDK: the floor under the server's figures there. One
// worker that never sleeps; ends with its process.
//
//   wire_echo DPDK-ARGS DPDK-PORT ADDRESS/BITS PORT CPU
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "dataplane/dpdk/network.h"
#include "dataplane/kernel/echo.h"
#include "src/base/cpu.h"

int main(int argc, char** argv) {
  using namespace pollux;
  if (argc != 6) {
    std::fprintf(stderr, "usage: wire_echo DPDK-ARGS DPDK-PORT ADDRESS/BITS PORT CPU\n");
    return 2;
  }
  dpdk::NetworkOptions options;
  std::istringstream words(argv[1]);
  for (std::string word; words >> word;) {
    options.arguments.push_back(word);
  }
  options.port = argv[2];
  options.addresses = {argv[3]};
  std::string error;
  const auto network = dpdk::Network::open(options, 1, error);
  if (network == nullptr) {
    std::fprintf(stderr, "wire_echo: %s\n", error.c_str());
    return 1;
  }
  if (!pin_thread(std::atoi(argv[5]))) {
    std::perror("wire_echo: cannot pin");
    return 1;
  }
  const auto wire = network->make_transport(0);
  error = wire->listen({.bind = {"*"}, .port = std::atoi(argv[4])}, true);
  if (!error.empty()) {
    std::fprintf(stderr, "wire_echo: %s\n", error.c_str());
    return 1;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  Echo<tcp::TcpTransport> echo(*wire);
  while (true) {
    echo.turn();
    wire->flush();
  }
}
