// Listening: which addresses are taken, which may be missing, and what the operator is told.
#include "dataplane/kernel/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dataplane/kernel/uring_transport.h"

namespace pollux {
namespace {

UringOptions options_for(std::vector<std::string> bind, int port) {
  UringOptions options;
  options.bind = std::move(bind);
  options.port = port;
  return options;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Listener, OnePortForAllAddresses) {
  std::vector<Listener> listeners;
  ASSERT_EQ(open_tcp_listeners(options_for({"127.0.0.1", "-::1"}, kEphemeralPort), listeners), "");
  ASSERT_GE(listeners.size(), 1U);
  for (const Listener& listener : listeners) {
    EXPECT_EQ(socket_port(listener.fd.get()), socket_port(listeners[0].fd.get()));
  }
}

TEST(Listener, PortZeroMeansNoTcp) {
  std::vector<Listener> listeners;
  EXPECT_EQ(open_tcp_listeners(options_for({"127.0.0.1"}, 0), listeners), "");
  EXPECT_TRUE(listeners.empty());
}

// As in redis-server, where the second bind fails; an optional address is no excuse.
TEST(Listener, AnAddressStandsOnce) {
  const std::vector<std::vector<std::string>> twice = {{"127.0.0.1", "127.0.0.1"},
                                                       {"127.0.0.1", "-127.0.0.1"},
                                                       {"*", "127.0.0.1"},
                                                       {"127.0.0.1", "*"}};
  for (const std::vector<std::string>& bind : twice) {
    std::vector<Listener> listeners;
    const std::string error = open_tcp_listeners(options_for(bind, kEphemeralPort), listeners);
    EXPECT_TRUE(contains(error, "in use")) << bind[0] << " " << bind[1] << ": " << error;
  }
  std::vector<Listener> listeners;
  EXPECT_EQ(open_tcp_listeners(options_for({"127.0.0.1", "127.0.0.2"}, kEphemeralPort), listeners),
            "");
}

TEST(Listener, OptionalAddressMayBeMissing) {
  std::vector<Listener> listeners;
  // TEST-NET-1 (RFC 5737) is no interface's address.
  EXPECT_EQ(open_tcp_listeners(options_for({"127.0.0.1", "-192.0.2.1"}, kEphemeralPort), listeners),
            "");
  EXPECT_EQ(listeners.size(), 1U);
  std::string error = open_tcp_listeners(options_for({"192.0.2.1"}, kEphemeralPort), listeners);
  EXPECT_TRUE(contains(error, "192.0.2.1")) << error;
  EXPECT_TRUE(contains(error, "'-'")) << error;
}

TEST(Listener, BadNamesAreToldBack) {
  std::vector<Listener> listeners;
  std::string error = open_tcp_listeners(options_for({"300.0.0.1"}, kEphemeralPort), listeners);
  EXPECT_TRUE(contains(error, "300.0.0.1")) << error;
}

TEST(Listener, WorkersShareAPortButServersDoNot) {
  std::vector<Listener> first;
  std::vector<Listener> second;
  ASSERT_EQ(open_tcp_listeners(options_for({"127.0.0.1"}, kEphemeralPort), first), "");
  UringOptions options = options_for({"127.0.0.1"}, socket_port(first[0].fd.get()));
  EXPECT_EQ(open_tcp_listeners(options, second), "");
  std::string error = check_addresses_free(options);
  EXPECT_TRUE(contains(error, "Address already in use")) << error;
  EXPECT_TRUE(contains(error, "127.0.0.1:" + std::to_string(options.port))) << error;
  first.clear();
  second.clear();
  EXPECT_EQ(check_addresses_free(options), "");
}

TEST(Listener, PortInUseWithoutSharingFailsToOpen) {
  UniqueFd taken(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(taken.get(), 1), 0);
  std::string error;
  auto transport =
      UringTransport::create(options_for({"127.0.0.1"}, socket_port(taken.get())), error);
  EXPECT_EQ(transport, nullptr);
  EXPECT_TRUE(contains(error, "Address already in use")) << error;
}

class UnixListener : public testing::Test {
 protected:
  UnixListener() {
    options_.port = 0;
    options_.unix_path = "/tmp/pollux_listener_test." + std::to_string(getpid());
  }
  ~UnixListener() override { unlink(options_.unix_path.c_str()); }

  UringOptions options_;
};

TEST_F(UnixListener, ReplacesAFileThatNobodyServes) {
  std::string error;
  UniqueFd dead(open_unix_listener(options_, error));
  ASSERT_TRUE(dead) << error;
  EXPECT_TRUE(contains(check_addresses_free(options_), "already in use"));
  dead.reset(-1);
  EXPECT_EQ(check_addresses_free(options_), "");
  UniqueFd next(open_unix_listener(options_, error));
  EXPECT_TRUE(next) << error;
}

// Somebody serves it who is too busy to accept: nobody waits for that, and the file stays.
TEST_F(UnixListener, AFullQueueIsInUse) {
  std::string error;
  options_.backlog = 0;
  UniqueFd busy(open_unix_listener(options_, error));
  ASSERT_TRUE(busy) << error;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, options_.unix_path.c_str());
  std::vector<UniqueFd> waiting;
  do {
    waiting.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(waiting.back());
  } while (connect(waiting.back().get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)) == 0);
  ASSERT_EQ(errno, EAGAIN);
  EXPECT_TRUE(contains(check_addresses_free(options_), "already in use"));
  EXPECT_LT(open_unix_listener(options_, error), 0);
  EXPECT_EQ(access(options_.unix_path.c_str(), F_OK), 0);
}

TEST_F(UnixListener, KeepsAFileThatIsNoSocket) {
  UniqueFd file(open(options_.unix_path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_TRUE(file);
  std::string error;
  EXPECT_LT(open_unix_listener(options_, error), 0);
  EXPECT_TRUE(contains(error, "File exists")) << error;
  EXPECT_EQ(access(options_.unix_path.c_str(), F_OK), 0);
}

TEST_F(UnixListener, PathTooLong) {
  options_.unix_path = "/tmp/" + std::string(200, 'x');
  std::string error;
  EXPECT_LT(open_unix_listener(options_, error), 0);
  EXPECT_TRUE(contains(error, "too long")) << error;
}

TEST_F(UnixListener, PermissionsAreThoseAskedFor) {
  std::string error;
  options_.unix_perm = 0770;
  UniqueFd fd(open_unix_listener(options_, error));
  struct stat status {};
  ASSERT_EQ(stat(options_.unix_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0770U);
}

// In a child process that may not make an io_uring.
std::string create_error_under_seccomp(int refused_with) {
  int ends[2];
  if (pipe(ends) != 0) {
    return "";
  }
  pid_t child = fork();
  if (child == 0) {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(refused_with)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    std::string error;
    UringTransport::create(options_for({"127.0.0.1"}, kEphemeralPort), error);
    ssize_t n = write(ends[1], error.data(), error.size());
    _exit(n < 0 ? 1 : 0);
  }
  close(ends[1]);
  char text[1024];
  ssize_t n = read(ends[0], text, sizeof(text));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return std::string(text, n > 0 ? static_cast<size_t>(n) : 0);
}

TEST(Listener, TellsWhatToChangeWhereIoUringIsForbidden) {
  std::string error = create_error_under_seccomp(EPERM);
  EXPECT_TRUE(contains(error, "io_uring")) << error;
  EXPECT_TRUE(contains(error, "seccomp")) << error;
  error = create_error_under_seccomp(ENOSYS);
  EXPECT_TRUE(contains(error, "6.1")) << error;
}

TEST(Listener, OpenFilesAreRaisedAsFarAsAllowed) {
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit low{64, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_EQ(raise_open_files(32), 64U);
  EXPECT_EQ(raise_open_files(128), 128U);
  setrlimit(RLIMIT_NOFILE, &old);
}

}  // namespace
}  // namespace pollux
