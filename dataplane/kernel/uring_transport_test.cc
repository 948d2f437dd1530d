// The contract of Transport over real sockets, on ports that the kernel picks; one thread unless a
// test says otherwise.
#include "dataplane/kernel/uring_transport.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "dataplane/kernel/uring_test_support.h"

namespace pollux {
namespace {

TEST(UringTransport, OpensCarriesAndCloses) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ASSERT_TRUE(client);
  ConnId conn = driver.wait_open();
  const PeerInfo& peer = driver.transport->peer(conn);
  EXPECT_EQ(peer.address, "127.0.0.1:" + std::to_string(socket_port(client.get())));
  EXPECT_EQ(peer.local_address, "127.0.0.1:" + std::to_string(driver.transport->bound_port()));
  EXPECT_TRUE(peer.loopback);
  EXPECT_FALSE(peer.unix_socket);
  EXPECT_GE(peer.fd, 0);

  write_all(client.get(), "hello");
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).data == "hello"; }));
  driver.send(conn, "world!");
  ASSERT_TRUE(driver.until([&] { return !driver.at(conn).sent.empty(); }));
  EXPECT_EQ(driver.at(conn).sent, std::vector<size_t>{6});
  char reply[16];
  EXPECT_EQ(read(client.get(), reply, sizeof(reply)), 6);

  client.reset(-1);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).ends == 1; }));
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
  EXPECT_EQ(driver.transport->connections(), 0U);
}

TEST(UringTransport, ReusesIndicesWithNewGenerations) {
  Driver driver(loopback_options());
  ConnId last{};
  for (int round = 0; round < 3; ++round) {
    UniqueFd client = connect_tcp(driver.transport->bound_port());
    ConnId conn = driver.wait_open();
    EXPECT_EQ(conn.index, 0U);
    EXPECT_NE(conn.generation, last.generation);
    driver.transport->close(conn);
    ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
    last = conn;
  }
}

TEST(UringTransport, AcceptedSocketsHaveTheOptions) {
  UringOptions options = loopback_options();
  options.tcp_keepalive_s = 60;
  Driver driver(options);
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  int fd = driver.transport->peer(driver.wait_open()).fd;
  auto option = [fd](int level, int name) {
    int value = 0;
    socklen_t bytes = sizeof(value);
    getsockopt(fd, level, name, &value, &bytes);
    return value;
  };
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 20);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

TEST(UringTransport, GathersSlices) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  std::array<TxSlice, kTxSlicesMax> slices;
  std::string expected;
  for (size_t i = 0; i < slices.size(); ++i) {
    static const std::string kLetters = "abcdefghijklmnopqrstuvwxyz";
    slices[i].bytes = std::string_view(kLetters).substr(0, i);  // the first is empty
    expected += slices[i].bytes;
  }
  driver.transport->send(conn, slices);
  ASSERT_TRUE(driver.until([&] { return !driver.at(conn).sent.empty(); }));
  EXPECT_EQ(driver.at(conn).sent[0], expected.size());
  std::string got(expected.size(), '\0');
  EXPECT_EQ(recv(client.get(), got.data(), got.size(), MSG_WAITALL),
            static_cast<ssize_t>(expected.size()));
  EXPECT_EQ(got, expected);
}

// 50 MB of one slice, then the same as sixteen, to a peer that reads little at a time.
TEST(UringTransport, ManyConnectionsEchoByTheirOwnIds) {
  Driver driver(loopback_options());
  constexpr int kClients = 200;
  std::vector<UniqueFd> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(connect_tcp(driver.transport->bound_port()));
    ASSERT_TRUE(clients.back());
    driver.step(0);
  }
  ASSERT_TRUE(driver.until([&] { return driver.opened.size() == kClients; }));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kClients; ++i) {
      write_all(clients[i].get(), "client" + std::to_string(i) + ";");
    }
    ASSERT_TRUE(driver.until([&] {
      for (ConnId conn : driver.opened) {
        const std::string& data = driver.at(conn).data;
        if (std::count(data.begin(), data.end(), ';') != round + 1) {
          return false;
        }
      }
      return true;
    }));
    for (ConnId conn : driver.opened) {
      driver.send(conn, driver.at(conn).data);
    }
    ASSERT_TRUE(driver.until([&] {
      for (ConnId conn : driver.opened) {
        if (driver.at(conn).sent.size() != static_cast<size_t>(round) + 1) {
          return false;
        }
      }
      return true;
    }));
    for (int i = 0; i < kClients; ++i) {
      std::string expected;
      for (int k = 0; k <= round; ++k) {
        expected += "client" + std::to_string(i) + ";";
      }
      std::string got(expected.size(), '\0');
      ASSERT_EQ(recv(clients[i].get(), got.data(), got.size(), MSG_WAITALL),
                static_cast<ssize_t>(got.size()));
      ASSERT_EQ(got, expected);
    }
  }
}

TEST(UringTransport, TheEndOfASendIsToldWithoutOtherEvents) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  driver.step(0);
  driver.send(conn, "prompt");
  auto start = std::chrono::steady_clock::now();
  driver.step(5'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
  EXPECT_EQ(driver.at(conn).sent, std::vector<size_t>{6});
}

// A crowd keeps the worker gathering; whoever is left alone then is still served within the limit.
TEST(UringTransport, CloseOfAnIdleConnectionReachesThePeer) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  driver.transport->close(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).closes == 1; }));
  char byte;
  EXPECT_EQ(read(client.get(), &byte, 1), 0);
}

TEST(UringTransport, HalfClosedPeerStillGetsItsReply) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  write_all(client.get(), "last");
  shutdown(client.get(), SHUT_WR);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).ends == 1; }));
  EXPECT_EQ(driver.at(conn).data, "last");
  driver.send(conn, "bye");
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).sent.size() == 1; }));
  char reply[8];
  EXPECT_EQ(read(client.get(), reply, sizeof(reply)), 3);
}

TEST(UringTransport, PauseHoldsDataAndResumeBringsIt) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  ConnId conn = driver.wait_open();
  driver.transport->pause(conn);
  driver.step(1'000);
  write_all(client.get(), "held");
  for (int i = 0; i < 5; ++i) {
    driver.step(2'000);
  }
  EXPECT_EQ(driver.at(conn).data, "");
  driver.transport->resume(conn);
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).data == "held"; }));

  // Changes of mind within one turn leave a connection that receives.
  driver.transport->pause(conn);
  driver.transport->resume(conn);
  driver.transport->pause(conn);
  driver.transport->resume(conn);
  write_all(client.get(), " on");
  ASSERT_TRUE(driver.until([&] { return driver.at(conn).data == "held on"; }));
}

// One that sends more than all buffers hold at first, and one that sends a little.
TEST(UringTransport, WhoSendsMuchDoesNotKeepOthersFromTheBuffers) {
  UringOptions options = loopback_options();
  options.buffers = 256;
  options.buffer_bytes = 64;
  Driver driver(options);
  const UniqueFd much = connect_tcp(driver.transport->bound_port());
  const ConnId much_conn = driver.wait_open();
  const UniqueFd little = connect_tcp(driver.transport->bound_port());
  const ConnId little_conn = driver.wait_open();
  for (int round = 0; round < 10; ++round) {
    const size_t before = driver.at(much_conn).data.size();
    constexpr size_t kMuch = 40'000;
    write_all(much.get(), std::string(kMuch, 'm'));
    driver.step(20'000);
    write_all(little.get(), "l");
    const auto came = static_cast<size_t>(round) + 1;
    ASSERT_TRUE(driver.until([&] { return driver.at(little_conn).data.size() == came; }));
    EXPECT_LE(driver.at(much_conn).data.size() - before, kMuch / 2) << round;
    ASSERT_TRUE(driver.until([&] { return driver.at(much_conn).data.size() == before + kMuch; }));
  }
}

TEST(UringTransport, WakeFromAnotherThreadEndsASleep) {
  Driver driver(loopback_options());
  driver.poll();
  for (int i = 0; i < 20; ++i) {
    std::thread waker([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(i * 100));
      driver.transport->wake();
    });
    auto start = std::chrono::steady_clock::now();
    driver.transport->sleep(8'000'000);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 6s);
    waker.join();
    driver.poll();
    driver.step(0);  // takes what is left of the wake, so that each round sleeps anew
  }
}

TEST(UringTransport, WakeBeforeASleepEndsIt) {
  Driver driver(loopback_options());
  driver.poll();
  driver.transport->wake();
  driver.transport->wake();
  auto start = std::chrono::steady_clock::now();
  driver.transport->sleep(-1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

// The engine's race: the waker speaks at any moment around the sleeps, and none is lost.
TEST(UringTransport, SleepEndsInTime) {
  Driver driver(loopback_options());
  driver.poll();
  auto start = std::chrono::steady_clock::now();
  driver.transport->sleep(20'000);
  auto slept = std::chrono::steady_clock::now() - start;
  EXPECT_GE(slept, 19ms);
  EXPECT_LT(slept, 2s);
}

// A worker that never sleeps sees everything too.
TEST(UringTransport, BusyPollingNeedsNoSleep) {
  Driver driver(loopback_options());
  UniqueFd client = connect_tcp(driver.transport->bound_port());
  auto spin = [&](const std::function<bool()>& done) {
    auto end = std::chrono::steady_clock::now() + 10s;
    while (!done() && std::chrono::steady_clock::now() < end) {
      driver.poll();
      driver.transport->flush();
    }
    return done();
  };
  ASSERT_TRUE(spin([&] { return driver.opened.size() == 1; }));
  ConnId conn = driver.opened[0];
  for (size_t i = 1; i <= 100; ++i) {
    write_all(client.get(), "x");
    ASSERT_TRUE(spin([&] { return driver.at(conn).data.size() == i; }));
    driver.send(conn, "y");
    ASSERT_TRUE(spin([&] { return driver.at(conn).sent.size() == i; }));
    char byte;
    ASSERT_EQ(read(client.get(), &byte, 1), 1);
  }
}

TEST(UringTransport, UnixSocket) {
  std::string path = "/tmp/pollux_uring_test." + std::to_string(getpid());
  UringOptions options = loopback_options();
  options.bind = {};
  options.unix_path = path;
  options.unix_perm = 0700;
  Driver driver(options);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  for (int i = 0; i < 3; ++i) {
    UniqueFd client = connect_unix(path);
    ASSERT_TRUE(client);
    ConnId conn = driver.wait_open();
    EXPECT_EQ(driver.transport->peer(conn).address, path + ":0");
    EXPECT_TRUE(driver.transport->peer(conn).unix_socket);
    write_all(client.get(), "ping");
    ASSERT_TRUE(driver.until([&] { return driver.at(conn).data == "ping"; }));
    const std::string bytes = pattern(3'000'000, 5);  // more than a socket buffer
    driver.send(conn, bytes);
    driver.step(1'000);
    std::string got(bytes.size(), '\0');
    std::thread reader([&] { recv(client.get(), got.data(), got.size(), MSG_WAITALL); });
    ASSERT_TRUE(driver.until([&] { return driver.at(conn).sent.size() == 1; }));
    reader.join();
    EXPECT_TRUE(got == bytes);
  }
  driver.transport->stop_accepting();
  driver.step(1'000);
  driver.step(1'000);
  EXPECT_FALSE(connect_unix(path));
  unlink(path.c_str());
}

TEST(UringTransport, WorkersTakeTurnsOnTheUnixSocket) {
  std::string path = "/tmp/pollux_uring_turns." + std::to_string(getpid());
  UringOptions options = loopback_options();
  options.bind = {};
  options.unix_path = path;
  std::string error;
  UniqueFd shared(open_unix_listener(options, error));
  ASSERT_TRUE(shared) << error;
  options.unix_fd = shared.get();
  Driver first(options);
  Driver second(options);
  first.step(0);
  second.step(0);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(connect_unix(path));
    for (Driver* driver : {&first, &second, &first, &second}) {
      driver->step(1'000);
    }
  }
  EXPECT_EQ(first.opened.size() + second.opened.size(), 8U);
  EXPECT_GE(first.opened.size(), 2U);
  EXPECT_GE(second.opened.size(), 2U);
  unlink(path.c_str());
}

// Where the process has no more files, new clients wait and are served when one goes.
// All at once, by seed: clients that write, read slowly, half-close, reset and go, against a server
// that echoes, pauses and closes at random. Nothing is lost on connections that ended well.

}  // namespace
}  // namespace pollux
