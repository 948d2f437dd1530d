"""Clients of the kernel's TCP against ours, over a TAP device and a veth pair: tools, bulk, losses,
many connections, and that nothing is left of them.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import random
import resource
import socket
import struct
import subprocess
import time

import redis

import harness
from case import fewer, not_quick, only_once, pollux_only
from dpdk_case import OURS4, OURS6, JumboVeth, NetworkCase, Tap, Veth

IP_BIND_ADDRESS_NO_PORT = 24
DIFFER = os.path.join(harness.ROOT, "build", "release", "tests", "differential", "differ")
SMALL = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"


def transfer(host, port, seed, count, size):
    """Values there and back; those that came wrong."""
    rng = random.Random(seed)
    wrong = 0
    with redis.Redis(host=host, port=port, socket_timeout=60) as client:
        for i in range(count):
            value = rng.randbytes(size + rng.randrange(1500))
            name = "bulk:%d:%d" % (seed, i)
            client.set(name, value)
            back = client.getdel(name)
            wrong += hashlib.sha1(back).digest() != hashlib.sha1(value).digest()
    return wrong


def connect_once(host, port, how):
    """One request, then an end: ours first, or by RST."""
    with socket.create_connection((host, port), timeout=60) as s:
        s.sendall(SMALL)
        reply = s.recv(64)
        if how == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return reply.startswith(b":") and reply.endswith(b"\r\n")


class Holder:
    """A process of connections, in the namespace of who made it. It does what it is told."""

    def __init__(self, port, count, source):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(300)
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            try:
                self.live(theirs, port, count, source)
            except BaseException as error:  # told to who asked
                with contextlib.suppress(OSError):
                    theirs.sendall(repr(error).encode())
            finally:
                os._exit(0)
        theirs.close()

    @staticmethod
    def live(orders, port, count, source):
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        sockets = []
        while True:
            order = orders.recv(16)
            if order == b"open":
                for i in range(count):
                    host, ours = ((OURS4, "10.9.0.%d" % (101 + source)) if i % 2 == 0 else
                                  (OURS6, "fd09::%d" % (101 + source)))
                    s = socket.socket(socket.AF_INET if i % 2 == 0 else socket.AF_INET6)
                    # With a port of its own at bind() each would take longer than the one before.
                    s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                    s.settimeout(60)
                    s.bind((ours, 0))
                    s.connect((host, port))
                    sockets.append(s)
            elif order == b"use":
                active = random.sample(sockets, count // 10)
                for s in active:
                    s.sendall(SMALL)
                for s in active:
                    if not s.recv(64).endswith(b"\r\n"):
                        raise AssertionError("no answer")
            else:
                return
            orders.sendall(b"done")

    def ask(self, what):
        self.socket.sendall(what.encode())
        return self.socket.recv(1000)

    def end(self):
        # Not by the end of the socket alone, which later holders have inherited.
        try:
            self.socket.sendall(b"end")
        except OSError:
            pass  # it is gone
        self.socket.close()
        os.waitpid(self.pid, 0)


class Wire(NetworkCase):
    """What holds over any driver."""

    def tool(self, server, *words, host=OURS4):
        done = subprocess.run([words[0], "-h", host, "-p", str(server.port), *words[1:]],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def in_threads(self, calls):
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return [f.result() for f in [pool.submit(*call) for call in calls]]

    def tools(self):
        server = self.serve(self.device)
        before = self.at_rest(server)
        for host in (OURS4, OURS6):
            self.assertEqual(self.tool(server, "redis-cli", "SET", "a", host, host=host), "OK\n")
            self.assertEqual(self.tool(server, "redis-cli", "GET", "a", host=host), host + "\n")
            text = self.tool(server, "redis-benchmark", "-n", str(fewer(4000)), "-c", "20", "-P",
                             "4", "-d", "2000", "-r", "100", "-t", "set,get,incr,lpush,lpop",
                             "-e", "--csv", host=host)
            self.assertEqual(text.count("\n"), 6, text)
            self.assertNotIn("rror", text)
        with server.redis() as here:
            self.assertEqual(here.info("errorstats"), {})
            here.flushall()
        self.assertEqual(self.figures(server)["tcp_misplaced"], 0)
        self.nothing_leaks(server, before)

    def losses(self, plan):
        server = self.serve(self.device)
        before = self.at_rest(server)
        for percent, directions, count, small in plan:
            self.lose(percent, directions)
            theirs, ours = self.kernel_counters(), self.figures(server)
            wrong = self.in_threads([(transfer, (OURS4, OURS6)[i % 2], server.port, i, count,
                                      250000) for i in range(4)])
            self.assertEqual(wrong, [0] * 4, percent)
            with socket.create_connection((OURS4, server.port), 60) as wire:
                for _ in range(small):
                    wire.sendall(SMALL)
                    self.assertRegex(wire.recv(64), rb"^:\d+\r\n$")
            told = "%s %% %s" % (percent, directions)
            # What was lost was sent again by who sent it.
            time.sleep(0.2)
            if "ingress" in directions:
                self.assertGreater(self.figures(server)["tcp_retransmissions"],
                                   ours["tcp_retransmissions"], told)
            if "egress" in directions:
                self.assertGreater(self.kernel_counters()["RetransSegs"], theirs["RetransSegs"],
                                   told)
        self.lose(0)
        server.redis().flushall()
        self.nothing_leaks(server, before)

    def churn(self, rounds):
        """Resident memory does not grow from one round to the next."""
        server = self.serve(self.device)
        before = self.at_rest(server)
        resident = []
        for _ in range(3):
            def some(thread):
                hosts = (OURS4, OURS6)
                return sum(not connect_once(hosts[i % 2], server.port,
                                            "reset" if i % 3 == 0 else "close")
                           for i in range(thread, thread + rounds // 4))
            self.assertEqual(self.in_threads([(some, i) for i in range(4)]), [0] * 4)
            self.nothing_leaks(server, before)
            resident.append(server.rss_bytes())
        self.assertLess(resident[2], resident[1] + (4 << 20), resident)
        self.assertGreaterEqual(self.figures(server)["tcp_opened"], rounds * 3 // 4 * 4)

    def many(self, count):
        """Idle ones, of which a tenth asks something; held by processes, for a process has only so
        many files. Returns what they have taken of memory."""
        each = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000
        server = self.serve(self.device, maxclients=count + 1000)
        before = self.at_rest(server)
        resident = server.rss_bytes()
        # A port of ours, an address of theirs: so many connections as there are ports.
        for i in range(count // 20000 + 1):
            self.run_ip("addr", "add", "10.9.0.%d/24" % (101 + i), "dev", self.wire.peer)
            self.run_ip("-6", "addr", "add", "fd09::%d/64" % (101 + i), "dev", self.wire.peer,
                        "nodad")
        holders = []
        try:
            for first in range(0, count, each):
                holders.append(Holder(server.port, min(each, count - first), first // 20000))
            self.assertEqual([holder.ask("open") for holder in holders], [b"done"] * len(holders))
            self.eventually(lambda: self.figures(server)["tcp_connections"] == count)
            for _ in range(3):
                self.assertEqual([holder.ask("use") for holder in holders],
                                 [b"done"] * len(holders))
            taken = server.rss_bytes() - resident
            self.assertLess(taken / count, 6000, "bytes of memory for each connection")
        finally:
            for holder in holders:
                holder.end()
        self.nothing_leaks(server, before, seconds=60)
        self.assertEqual(self.figures(server)["tcp_no_room"], 0)
        return taken


class OnVeth(Wire):

    device = Veth()

    @pollux_only
    @only_once
    def test_tools(self):
        self.tools()

    @pollux_only
    @not_quick
    def test_losses(self):
        self.losses(((0.1, ("ingress", "egress"), 10, 50),
                     (1, ("ingress",), 4, 100), (1, ("egress",), 4, 100),
                     (5, ("ingress", "egress"), 2, 50)))

    @pollux_only
    @not_quick
    def test_connections_come_and_go(self):
        self.churn(2000)

    @pollux_only
    @not_quick
    def test_many_connections(self):
        self.many(3000)


class WithJumboFrames(Wire):

    device = JumboVeth()

    def serve(self, wire=None, **options):
        return super().serve(wire, net_mtu=9000, workers=1, **options)

    @pollux_only
    @only_once
    def test_tools(self):
        self.tools()

    @pollux_only
    @not_quick
    @only_once
    def test_losses(self):
        self.losses(((1, ("ingress", "egress"), 10, 100),))

    @pollux_only
    @only_once
    def test_segments_are_large(self):
        server = self.serve(self.device)
        client = self.client(server)
        client.set("value", bytes(3_000_000))
        before = self.figures(server)
        self.assertEqual(len(client.get("value")), 3_000_000)
        after = self.figures(server)
        segments = after["tcp_segments_out"] - before["tcp_segments_out"]
        again = after["tcp_retransmissions"] - before["tcp_retransmissions"]
        # 336 of 8,948 bytes, and some ACKs; of 1,448 there would be 2,072.
        self.assertLess(segments - again, 700)


class Commands(NetworkCase):
    """What redis-server answers over loopback is answered over the wire."""

    def compare(self, wire, connections, seed):
        if not os.access(DIFFER, os.X_OK):
            self.skipTest("%s is not built: ./tests/run --only differential" % DIFFER)
        server = self.serve(wire, hosts=(OURS4,), enable_debug_command="no")
        with harness.start_redis({"enable-debug-command": "no", "hz": "500"}) as redis_server:
            done = subprocess.run(
                [DIFFER, "--redis-port", str(redis_server.port), "--pollux-port", str(server.port),
                 "--pollux-host", OURS4, "--seed", str(seed), "--commands", str(fewer(20000)),
                 "--connections", str(connections)],
                capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @pollux_only
    @not_quick
    def test_over_tap(self):
        self.compare(Tap(), 1, 5)

    @pollux_only
    @not_quick
    def test_over_veth_by_several(self):
        self.compare(Veth(), 6, 6)


class OnTap(Wire):

    device = Tap()

    @pollux_only
    def test_tools(self):
        self.tools()

    @pollux_only
    @not_quick
    @only_once
    def test_losses(self):
        self.losses(((1, ("ingress", "egress"), 4, 100), (5, ("ingress",), 2, 50)))
