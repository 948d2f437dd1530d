// UringTransport at bad moments: slow readers, resets, closes with requests under way, shortages,
// and random lives by seed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "dataplane/kernel/uring_test_support.h"

namespace pollux {
namespace {

TEST(UringTrouble, BigSendsReachASlowReaderWhole) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  const std::string bytes = pattern(50'000'000, 1);
  std::string got(2 * bytes.size(), '\0');
  std::thread reader([&] {
    size_t have = 0;
    while (have < got.size()) {
      ssize_t n =
          read(client.get(), got.data() + have, std::min<size_t>(100'000, got.size() - have));
      if (n <= 0) {
        return;
      }
      have += static_cast<size_t>(n);
      if (have % 16 == 0) {
        std::this_thread::sleep_for(100us);
      }
    }
  });
  driver.send(conn, bytes);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).sent.size() == 1; }));
  EXPECT_EQ(driver.at(conn).sent[0], bytes.size());
  std::array<TxSlice, kTxSlicesMax> slices;
  size_t part = bytes.size() / slices.size() + 1;
  for (size_t i = 0; i < slices.size(); ++i) {
    slices[i].bytes = std::string_view(bytes).substr(i * part, part);
  }
  driver.transport->send(conn, slices);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).sent.size() == 2; }));
  EXPECT_EQ(driver.at(conn).sent[1], bytes.size());
  reader.join();
  EXPECT_TRUE(got == bytes + bytes);
}

TEST(UringTrouble, PeerResetInTheMiddleOfASend) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  const std::string bytes(50'000'000, 'x');
  driver.send(conn, bytes);
  for (int i = 0; i < 5; ++i) {
    driver.step(1'000);
  }
  EXPECT_TRUE(driver.at(conn).sent.empty());
  reset_connection(client);
  ASSERT_TRUE(
      driver.until([&] { return driver.at(conn).sent.size() == 1 && driver.at(conn).ends == 1; }));
  EXPECT_LT(driver.at(conn).sent[0], bytes.size());
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
}

TEST(UringTrouble, SendAfterThePeerIsGoneEndsShort) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  reset_connection(client);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).ends == 1; }));
  driver.send(conn, "anybody?");
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).sent.size() == 1; }));
  EXPECT_EQ(driver.at(conn).sent[0], 0U);
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
}

TEST(UringTrouble, CloseDuringReceiveAndBlockedSend) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  const std::string bytes(50'000'000, 'x');
  driver.send(conn, bytes);
  driver.step(1'000);
  driver.step(1'000);
  driver.transport->close(conn);
  driver.transport->close(conn);  // twice is once
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
  EXPECT_TRUE(driver.at(conn).sent.empty());  // nothing but kClosed after close
}

TEST(UringTrouble, CloseBeforeTheSendWasFlushed) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  driver.send(conn, "never read");
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
  EXPECT_TRUE(driver.at(conn).sent.empty());
}

TEST(UringTrouble, GatheringNeverHoldsAnybodyBack) {
  UringOptions options = loopback_options();
  options.gather_us = 2'000;
  Driver driver(options);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(connect_tcp(driver.transport->bound_port()));
    driver.wait_open();
  }
  size_t total = 0;
  for (int round = 0; round < 200; ++round) {
    for (const UniqueFd& client : clients) {
      write_all(client.get(), "x");
      driver.step(0);
    }
    total += clients.size();
  }
  write_all(clients[0].get(), "y");
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(driver.until([&] {
    size_t have = 0;
    for (ConnId conn : driver.opened) {
      have += driver.at(conn).data.size();
    }
    return have == total + 1;
  }));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(UringTrouble, PausedConnectionCanBeClosed) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  driver.transport->pause(conn);
  driver.step(1'000);
  client.reset(-1);
  driver.step(1'000);
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
}

TEST(UringTrouble, FewBuffersSlowDownButLoseNothing) {
  UringOptions options = loopback_options();
  options.buffers = 2;
  options.buffer_bytes = 64;
  Driver driver(options);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect_tcp(driver.transport->bound_port()));
    driver.wait_open();
  }
  std::vector<std::string> sent;
  for (size_t i = 0; i < clients.size(); ++i) {
    sent.push_back(pattern(1'000, i));
    write_all(clients[i].get(), sent.back());
  }
  ASSERT_TRUE(driver.until([&] {
    for (size_t i = 0; i < clients.size(); ++i) {
      if (driver.at(driver.opened[i]).data != sent[i]) {
        return false;
      }
    }
    return true;
  }));
  // Closing one while it waits for a buffer leaves the others whole.
  for (size_t i = 0; i < clients.size(); ++i) {
    write_all(clients[i].get(), sent[i]);
  }
  driver.step(1'000);
  driver.transport->close(driver.opened[7]);
  ASSERT_TRUE(driver.until([&] {
    return driver.at(driver.opened[7]).closes == 1 &&
           driver.at(driver.opened[19]).data.size() == 2'000;
  }));
}

TEST(UringTrouble, NoWakeIsLost) {
  Driver driver(loopback_options());
  driver.poll();
  constexpr int kRounds = 20'000;
  std::atomic<int> rung{0};
  std::atomic<int> answered{0};
  std::thread waker([&] {
    for (int i = 1; i <= kRounds; ++i) {
      rung.store(i);
      driver.transport->wake();
      while (answered.load() < i) {
      }
    }
  });
  auto end = std::chrono::steady_clock::now() + 60s;
  while (answered.load() < kRounds && std::chrono::steady_clock::now() < end) {
    answered.store(rung.load());
    auto start = std::chrono::steady_clock::now();
    driver.step(5'000'000);
    ASSERT_LT(std::chrono::steady_clock::now() - start, 4s);
    answered.store(rung.load());
    if (answered.load() == kRounds) {
      break;
    }
  }
  EXPECT_EQ(answered.load(), kRounds);
  waker.join();
}

TEST(UringTrouble, StopAcceptingRefusesTheNewAndKeepsTheOld) {
  Driver driver(loopback_options());
  int port = driver.transport->bound_port();
  UniqueFd client = connect_tcp(port);
  ConnId conn = driver.wait_open();
  driver.transport->stop_accepting();
  driver.transport->stop_accepting();
  driver.step(1'000);
  driver.step(1'000);
  EXPECT_FALSE(connect_tcp(port));
  write_all(client.get(), "still here");
  EXPECT_TRUE(driver.until([&] { return driver.at(conn).data == "still here"; }));
  EXPECT_EQ(driver.opened.size(), 1U);
}

TEST(UringTrouble, OutOfFilesIsOverWhenOneCloses) {
  Driver driver(loopback_options());
  UniqueFd first(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd second(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit one_more{static_cast<rlim_t>(second.get()) + 2, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &one_more);
  ASSERT_TRUE(connect_to(first.get(), driver.transport->bound_port()));
  ASSERT_TRUE(connect_to(second.get(), driver.transport->bound_port()));
  for (int i = 0; i < 3; ++i) {
    driver.step(1'000);
  }
  ASSERT_EQ(driver.opened.size(), 1U);
  driver.transport->close(driver.opened[0]);
  EXPECT_TRUE(driver.until([&] { return driver.opened.size() == 2; }));
  setrlimit(RLIMIT_NOFILE, &old);
}

TEST(UringTrouble, RandomLivesKeepTheContract) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Rng rng(seed);
    UringOptions options = loopback_options();
    options.buffers = 8;
    options.buffer_bytes = 512;
    Driver driver(options);
    std::map<ConnId, bool> closing;
    std::map<ConnId, size_t> sends;
    std::vector<UniqueFd> clients;
    const std::string bytes = pattern(300'000, seed);
    for (int turn = 0; turn < 1'500; ++turn) {
      if (clients.size() < 30 && rng.below(4) == 0) {
        clients.push_back(connect_tcp(driver.transport->bound_port()));
        fcntl(clients.back().get(), F_SETFL, O_NONBLOCK);
      }
      if (!clients.empty()) {
        size_t pick = rng.below(clients.size());
        int fd = clients[pick].get();
        char sink[4096];
        uint64_t what = rng.below(20);
        if (what < 10) {
          ::send(fd, bytes.data(), 1 + rng.below(5'000), MSG_NOSIGNAL);
        } else if (what < 17) {
          [[maybe_unused]] ssize_t n = read(fd, sink, sizeof(sink));
        } else {
          if (what == 17) {
            reset_connection(clients[pick]);
          }
          clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(pick));
        }
      }
      driver.step(static_cast<int64_t>(rng.below(2)) * 100);
      for (auto& [conn, seen] : driver.seen) {
        if (seen.closes != 0 || closing[conn]) {
          continue;
        }
        uint64_t what = rng.below(40);
        if (what == 0 || (seen.ends > 0 && what < 20)) {
          driver.transport->close(conn);
          closing[conn] = true;
        } else if (what < 12 && seen.sent.size() == sends[conn]) {
          driver.send(conn, std::string_view(bytes).substr(0, rng.below(bytes.size())));
          ++sends[conn];
        } else if (what == 12) {
          driver.transport->pause(conn);
        } else if (what < 16) {
          driver.transport->resume(conn);
        }
      }
    }
    for (auto& [conn, seen] : driver.seen) {
      if (seen.closes == 0) {
        driver.transport->close(conn);
      }
    }
    ASSERT_TRUE(driver.until([&] { return driver.transport->connections() == 0; }));
    for (auto& [conn, seen] : driver.seen) {
      EXPECT_LE(seen.sent.size(), sends[conn]);
    }
  }
}

}  // namespace
}  // namespace pollux
