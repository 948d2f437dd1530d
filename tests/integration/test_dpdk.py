"""The server on DPDK and its own TCP/IP, against the kernel's, over a TAP device.

In a network namespace of the test's thread, where nothing else is; it is gone with the test. Needs
root and /dev/net/tun, else it says that it was skipped.
"""

import ctypes
import hashlib
import os
import random
import shutil
import socket
import subprocess
import threading

import redis

from case import Case, not_quick, pollux_only

OURS4 = "10.9.0.2"
OURS6 = "fd09::2"
THEIRS4 = "10.9.0.1/24"
THEIRS6 = "fd09::1/64"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class NetworkCase(Case):
    """Threads of the test, and processes, are in its namespace, too."""

    loses = False

    def setUp(self):
        super().setUp()
        if os.environ.get("POLLUX_TEST_SANITIZER") == "tsan":
            self.skipTest("DPDK's own threads and rings are not instrumented")
        if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
            self.skipTest("needs root and /dev/net/tun")
        if shutil.which("ip") is None or shutil.which("tc") is None:
            self.skipTest("needs ip and tc (iproute2)")
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.addCleanup(os.close, home)
        if libc.unshare(CLONE_NEWNET) != 0:
            self.skipTest("no network namespace: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(lambda: self.assertEqual(libc.setns(home, CLONE_NEWNET), 0))
        self.run_ip("link", "set", "lo", "up")

    def run_ip(self, *words, tool="ip"):
        done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, " ".join(words) + ": " + done.stderr)

    def start_on_tap(self, **options):
        # Without files of DPDK's under /run, which nobody removes.
        arguments = ("--no-pci --no-huge -m 512 --no-shconf --no-telemetry --log-level error "
                     "--vdev net_tap0,iface=dtap0")
        return self.start(transport="dpdk", dpdk_args=arguments, dpdk_port="net_tap0",
                          net_address=[OURS4 + "/24", OURS6 + "/64"], bind="*",
                          protected_mode="no", **options)

    def serve(self):
        """A server at both addresses, its kernel peer beside it."""
        server = self.start_on_tap()
        # A TAP has the address of the port on it, and what comes from our own is no peer's.
        self.run_ip("link", "set", "dtap0", "address", "02:00:00:00:09:01")
        self.run_ip("addr", "add", THEIRS4, "dev", "dtap0")
        self.run_ip("-6", "addr", "add", THEIRS6, "dev", "dtap0", "nodad")
        self.run_ip("link", "set", "dtap0", "up")
        self.eventually(lambda: self.answers(server), what="an answer over the wire")
        return server

    def answers(self, server):
        try:
            return self.client(server, socket_timeout=1).ping()
        except redis.RedisError:
            return False

    def client(self, server, host=OURS4, **options):
        options.setdefault("socket_timeout", 30)
        client = redis.Redis(host=host, port=server.port, **options)
        self.addCleanup(client.close)
        return client

    def lose(self, percent):
        """Of the frames, in each direction."""
        if self.loses:
            self.run_ip("qdisc", "del", "dev", "dtap0", "clsact", tool="tc")
        self.loses = True
        self.run_ip("qdisc", "add", "dev", "dtap0", "clsact", tool="tc")
        kept = int((1 - percent / 100) * 2**32)
        # Classic BPF: a random word (ancillary data), compared with what is kept.
        program = "4,32 0 0 4294963256,53 0 1 %d,6 0 0 2,6 0 0 0" % kept
        for direction in ("ingress", "egress"):
            self.run_ip("filter", "add", "dev", "dtap0", direction, "bpf", "da", "bytecode",
                        program, tool="tc")


class Dpdk(NetworkCase):

    @pollux_only
    def test_clients_of_the_wire_and_of_this_host(self):
        server = self.serve()
        here = server.redis()
        here.set("a", "from here")
        for host in (OURS4, OURS6):
            wire = self.client(server, host)
            self.assertEqual(wire.get("a"), b"from here")
            line = wire.client_list()[-1]
            self.assertTrue(line["laddr"].startswith("[" + host if ":" in host else host), line)
        self.assertIn("dpdk transport", server.log())

    @pollux_only
    def test_bytes_of_any_size_come_as_they_were(self):
        server = self.serve()
        rng = random.Random(7)
        for host in (OURS4, OURS6):
            wire = self.client(server, host)
            for size in (0, 1, 1023, 1024, 1025, 1447, 1448, 1449, 16384, 65536, 300000, 3000000):
                value = rng.randbytes(size)
                wire.set("k", value)
                self.assertEqual(hashlib.sha1(wire.get("k")).digest(),
                                 hashlib.sha1(value).digest(), size)

    @pollux_only
    def test_many_clients_pipelines_and_messages(self):
        server = self.serve()
        listener = self.client(server).pubsub()
        listener.subscribe("news")
        self.assertEqual(listener.get_message(timeout=5)["type"], "subscribe")

        def count(share):
            with redis.Redis(host=(OURS4, OURS6)[share % 2], port=server.port,
                             socket_timeout=30) as client:
                for _ in range(20):
                    pipe = client.pipeline(transaction=False)
                    for _ in range(50):
                        pipe.incr("sum")
                    pipe.execute()
                client.publish("news", share)

        threads = [threading.Thread(target=count, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.client(server).get("sum"), b"16000")
        heard = {listener.get_message(timeout=5)["data"] for _ in range(16)}
        self.assertEqual(heard, {b"%d" % i for i in range(16)})

    @pollux_only
    def test_nobody_listens_there(self):
        server = self.serve()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((OURS4, server.port + 1), timeout=5)

    @pollux_only
    @not_quick
    def test_frames_are_lost(self):
        server = self.serve()
        value = random.Random(9).randbytes(200000)
        for percent in (1, 5):
            self.lose(percent)
            wire = self.client(server, socket_timeout=60)
            for i in range(10):
                wire.set("k%d" % i, value)
                self.assertEqual(wire.get("k%d" % i), value)
            for i in range(300):
                self.assertEqual(wire.incr("n%d" % percent), i + 1)

    @pollux_only
    def test_an_end_leaves_nobody_waiting(self):
        server = self.serve()
        with socket.create_connection((OURS4, server.port), timeout=10) as wire:
            wire.sendall(b"PING\r\n")
            self.assertEqual(wire.recv(100), b"+PONG\r\n")
            self.assertEqual(server.terminate(), 0)
            self.assertEqual(wire.recv(100), b"", "the end comes")

    @pollux_only
    def test_pieces_of_odd_lengths_in_one_segment(self):
        """Where the device adds checksums up, it must not lose count."""
        server = self.serve()
        rng = random.Random(10)
        values = [rng.randbytes(5001 + 2 * i) for i in range(100)]
        wire = self.client(server)
        pipe = wire.pipeline(transaction=False)
        for i, value in enumerate(values):
            pipe.set("k%d" % i, value)
        pipe.execute()
        for i in range(len(values)):
            pipe.get("k%d" % i)
        self.assertEqual(pipe.execute(), values)
        listener = self.client(server).pubsub()
        listener.subscribe("odd")
        self.assertEqual(listener.get_message(timeout=5)["type"], "subscribe")
        here = server.redis().pipeline(transaction=False)
        for value in values:
            here.publish("odd", value)
        here.execute()
        for value in values:
            self.assertEqual(listener.get_message(timeout=20)["data"], value)

    @pollux_only
    def test_it_listens_elsewhere_or_not_at_all(self):
        server = self.serve()
        here = server.redis()
        port = server.port + 1
        with self.assertRaises(redis.ResponseError):
            here.execute_command("CONFIG", "SET", "port", port, "bind", "10.9.9.9")
        self.assertTrue(self.client(server).ping())
        self.assertTrue(server.redis().ping())
        here.config_set("port", port)
        with redis.Redis(host=OURS4, port=port, socket_timeout=10) as moved:
            self.assertTrue(moved.ping())


    @pollux_only
    def test_an_mtu_that_the_device_cant_have(self):
        server = self.start_on_tap(net_mtu=9000, expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("can't have an MTU of 9000", server.log())


class Refusals(Case):

    @pollux_only
    def test_what_is_missing_is_said(self):
        for options, words in (
                ({}, "needs dpdk-port"),
                ({"dpdk_port": "net_tap0"}, "needs net-address"),
                ({"dpdk_port": "net_tap0", "net_address": "10.0.0.1/33"}, "10.0.0.5/24"),
                ({"dpdk_port": "net_tap0", "net_address": "10.0.0.1/24",
                  "net_gateway": "there"}, "net-gateway there")):
            server = self.start(transport="dpdk", expect_start=False, **options)
            self.assertEqual(server.wait(), 1)
            self.assertIn(words, server.log())
