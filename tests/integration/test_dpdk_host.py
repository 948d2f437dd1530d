"""The way to this host's kernel: what comes to the port of DPDK and is not for Pollux.

The server's host is one network namespace, the peer's kernel another: the server makes its TAP
devices in the first, and the one that stands for the wire is moved to the second.
"""

import os
import shutil
import socket
import subprocess
import threading
import time

from case import pollux_only
from dpdk_case import OURS4, THEIRS4, NetworkCase, Tap

HOST_TAP = "pollux0"
THEIRS = THEIRS4.split("/")[0]


class HostPath(NetworkCase):

    def serve_host(self):
        server = self.start_on(Tap(), net_host_tap=HOST_TAP)
        holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.peer = holder.pid
        mine = os.readlink("/proc/thread-self/ns/net")
        self.eventually(lambda: os.readlink("/proc/%d/ns/net" % holder.pid) != mine,
                        what="a namespace for the peer")
        self.run_ip("link", "set", "dtap0", "netns", str(holder.pid))
        self.there("ip", "link", "set", "dtap0", "address", "02:00:00:00:09:01")
        self.there("ip", "addr", "add", THEIRS4, "dev", "dtap0")
        self.there("ip", "link", "set", "dtap0", "up")
        self.run_ip("addr", "add", OURS4 + "/24", "dev", HOST_TAP)
        self.eventually(lambda: self.there_cli(server, "ping") == "PONG", seconds=20,
                        what="an answer over the wire")
        return server

    def there(self, *command, **options):
        """Runs a command at the peer."""
        done = subprocess.run(["nsenter", "--net", "-t", str(self.peer), *command],
                              capture_output=True, text=True, check=False, timeout=60, **options)
        return done.stdout.strip() if done.returncode == 0 else "failed: " + done.stderr.strip()

    def there_cli(self, server, *words):
        return self.there("redis-cli", "-h", OURS4, "-p", str(server.port), *words)

    def there_python(self, program):
        return self.there("python3", "-c", "import socket\n" + program)

    def run_there(self, program):
        """Beside the test, until its end."""
        process = subprocess.Popen(["nsenter", "--net", "-t", str(self.peer), "python3", "-c",
                                    "import socket\n" + program])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    @pollux_only
    def test_the_kernel_serves_what_is_not_for_us(self):
        server = self.serve_host()
        listener = socket.create_server((OURS4, 2222))
        self.addCleanup(listener.close)

        def echo():
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

        thread = threading.Thread(target=echo)
        thread.start()
        self.addCleanup(thread.join)
        said = self.there_python(
            "s = socket.create_connection(('%s', 2222), timeout=20)\n"
            "s.sendall(b'x' * 200000); s.shutdown(socket.SHUT_WR)\n"
            "got = 0\n"
            "while data := s.recv(65536): got += len(data)\n"
            "print(got)" % OURS4)
        self.assertEqual(said, "200000")
        # What the kernel has nothing for it refuses itself; our port it never sees.
        self.assertIn("refused", self.there_python(
            "socket.create_connection(('%s', 2223), timeout=20)" % OURS4))
        self.assertEqual(self.there_cli(server, "set", "a", "b"), "OK")
        figures = self.figures(server)
        self.assertGreater(figures["steering_to_host"], 0)
        self.assertGreater(figures["steering_from_host"], 0)

    @pollux_only
    def test_the_kernel_has_an_address_of_its_own(self):
        self.serve_host()
        self.run_ip("addr", "add", "10.9.0.77/24", "dev", HOST_TAP)
        listener = socket.create_server(("10.9.0.77", 2224))
        self.addCleanup(listener.close)
        # Who has it is asked of the kernel, and so are pings.
        self.assertEqual(self.there_python(
            "socket.create_connection(('10.9.0.77', 2224), timeout=20); print('there')"), "there")
        self.assertIn("1 received", self.there("ping", "-c", "1", "-W", "5", "10.9.0.77")
                      if shutil.which("ping") else "1 received")

    @pollux_only
    def test_the_kernel_goes_out_by_the_port(self):
        self.serve_host()
        self.run_there("s = socket.create_server(('%s', 3333))\n"
                       "c, _ = s.accept(); c.sendall(b'hello from there'); c.close()" % THEIRS)
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection((THEIRS, 3333), timeout=10) as out:
                    self.assertEqual(out.recv(100), b"hello from there")
                break
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)

    @pollux_only
    def test_a_flood_for_the_kernel_takes_nothing_from_clients(self):
        server = self.serve_host()
        self.run_there("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                       "while True: s.sendto(b'x' * 100, ('%s', 9))" % OURS4)
        for i in range(20):
            self.assertEqual(self.there_cli(server, "incr", "n"), str(i + 1))
        self.eventually(lambda: self.figures(server)["steering_to_host"] > 1000,
                        what="a thousand frames for the kernel")

    @pollux_only
    def test_a_device_that_cant_be(self):
        server = self.start_on(Tap(), net_host_tap="a-name-that-is-too-long", expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("at most 15 characters", server.log())
