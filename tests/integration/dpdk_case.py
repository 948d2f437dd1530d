"""What the tests of transport dpdk share: a server on a driver of the kernel's, and its peer.

Each test has a network namespace of its own, in which its thread and all processes that it starts
are, and where nothing else is. It is gone with them. Needs root and /dev/net/tun, else the tests
say that they were skipped.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time

import redis

from case import Case

OURS4 = "10.9.0.2"
OURS6 = "fd09::2"
THEIRS4 = "10.9.0.1/24"
THEIRS6 = "fd09::1/64"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)

# Of the figures in INFO network, those that say what somebody holds.
HELD = ("tcp_connections", "tcp_orphans", "tcp_half_open", "tcp_memory_bytes",
        "mbufs_rx_in_use", "mbufs_heads_in_use", "mbufs_control_in_use", "mbufs_pieces_in_use")
# Heads that a driver keeps until it is asked to send again are none that leaked.
KEPT_HEADS = 64
SLACK = {"mbufs_control_in_use": KEPT_HEADS}


class Tap:
    """The kernel as a peer at the other end of a TAP device."""

    name = "net_tap"
    peer = "dtap0"  # the kernel's interface
    port = "net_tap0"
    vdev = "net_tap0,iface=dtap0"
    kept_heads = KEPT_HEADS

    @staticmethod
    def before(_case):
        pass

    @staticmethod
    def after(case):
        # A TAP has the address of the port on it, and what comes from our own is no peer's.
        case.run_ip("link", "set", "dtap0", "address", "02:00:00:00:09:01")


class Veth:
    """The kernel at the other end of a veth pair, a packet socket at ours."""

    name = "net_af_packet"
    peer = "vkernel"
    port = "net_af_packet0"
    kept_heads = KEPT_HEADS

    mtu = 1500

    @property
    def vdev(self):
        return "net_af_packet0,iface=vpollux,qpairs=%d,framesz=2048,framecnt=1024" % Case.workers

    @classmethod
    def before(cls, case):
        case.run_ip("link", "add", "vkernel", "mtu", str(cls.mtu), "type", "veth", "peer", "name",
                    "vpollux", "mtu", str(cls.mtu))
        # The kernel is not there for this end, and must not answer in our place.
        with open("/proc/sys/net/ipv6/conf/vpollux/disable_ipv6", "w") as f:
            f.write("1")
        for link in ("vpollux", "vkernel"):
            case.run_ip("link", "set", link, "up")
        # Else what it sends has no checksums, and frames that are larger than any wire's.
        no_tx_offloads("vkernel")

    @staticmethod
    def after(_case):
        pass


class JumboVeth(Veth):
    """By libpcap, the one of the kernel's drivers that takes an MTU of 9000. It has one queue."""

    name = "net_pcap"
    port = "net_pcap0"
    vdev = "net_pcap0,iface=vpollux"
    mtu = 9000


class Xdp(Veth):
    """By AF_XDP, on one queue, which is all that a veth pair has."""

    name = "net_af_xdp"
    port = "net_af_xdp0"
    vdev = "net_af_xdp0,iface=vpollux"


class SharedMemory:
    """A peer in another process, which has no kernel behind it: tests/wire_client. `device` is the
    server's, `peer` the other's; both with the socket between them and the number of queues."""

    def __init__(self, device, device_options, peer, peer_options, needs_peer=False):
        self.port = device + "0"
        self.name = device
        self.device_options = device_options
        self.peer = peer + "0"
        self.peer_options = peer_options
        self.needs_peer = needs_peer  # when it starts
        # virtio looks at what was sent when its ring is full.
        self.kept_heads = KEPT_HEADS
        if device == "net_virtio_user":
            self.kept_heads = 1024 * Case.workers
        self.socket = None

    def before(self, case):
        self.socket = os.path.join(case.new_directory(), "s")

    def words(self, device, options):
        return device + "," + options % {"socket": self.socket, "queues": Case.workers}

    @property
    def vdev(self):
        return self.words(self.port, self.device_options)

    @property
    def peer_port(self):
        return self.words(self.peer, self.peer_options)


# Who makes the socket is the one that the other may leave and find again.
_MEMIF = "id=0,socket-abstract=no,socket=%(socket)s,rsize=11,role="
SHARED_MEMORY = {
    "vhost": ("net_vhost", "iface=%(socket)s,queues=%(queues)d",
              "net_virtio_user", "path=%(socket)s,queues=%(queues)d,queue_size=1024"),
    "virtio_user": ("net_virtio_user",
                    "path=%(socket)s,queues=%(queues)d,queue_size=1024,server=1",
                    "net_vhost", "iface=%(socket)s,queues=%(queues)d,client=1", True),
    "memif": ("net_memif", _MEMIF + "server", "net_memif", _MEMIF + "client"),
    "memif_client": ("net_memif", _MEMIF + "client", "net_memif", _MEMIF + "server",
                     True),
}


def shared_memory(name):
    return SharedMemory(*SHARED_MEMORY[name])


def no_tx_offloads(interface):
    """ethtool -K interface tx off."""
    siocethtool, etht_stxcsum = 0x8946, 0x17
    value = ctypes.create_string_buffer(struct.pack("II", etht_stxcsum, 0))
    request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s.fileno(), siocethtool, request)


def loss_program(percent):
    """Bytecode for tc: of the frames so many are lost."""
    # Classic BPF: a random word (ancillary data), compared with what is kept. What is not is
    # stolen (TC_ACT_STOLEN): of a frame that is dropped (TC_ACT_SHOT) the kernel's TCP is told
    # when it sends it, takes it for one that was never sent, and counts no retransmission.
    kept = int((1 - percent / 100) * 2**32)
    return "4,32 0 0 4294963256,53 0 1 %d,6 0 0 4,6 0 0 0" % kept


class DpdkCase(Case):
    """A server of transport dpdk, and what it counts."""

    wire = None

    def setUp(self):
        super().setUp()
        if os.environ.get("POLLUX_TEST_SANITIZER") == "tsan":
            self.skipTest("DPDK's own threads and rings are not instrumented")
        # DPDK makes a folder for its files, also where there are none, and leaves it behind.
        before = os.environ.get("RUNTIME_DIRECTORY")
        os.environ["RUNTIME_DIRECTORY"] = self.new_directory()
        if before is None:
            self.addCleanup(os.environ.pop, "RUNTIME_DIRECTORY")
        else:
            self.addCleanup(os.environ.__setitem__, "RUNTIME_DIRECTORY", before)

    # Without files of DPDK's under /run, which nobody removes.
    MEMORY = "--no-huge -m %d --no-shconf"

    def start_on(self, wire, memory_mb=512, memory=MEMORY, **options):
        """A server whose port is `wire`, without a peer yet."""
        if wire is not self.wire:
            self.wire = wire
            wire.before(self)
        if "%d" in memory:
            memory %= memory_mb
        arguments = ("--no-pci %s --no-telemetry --log-level error --vdev %s" %
                     (memory, wire.vdev))
        options.setdefault("net_address", [OURS4 + "/24", OURS6 + "/64"])
        options.setdefault("bind", "*")
        options.setdefault("protected_mode", "no")
        self.options = {"transport": "dpdk", "dpdk_args": arguments, "dpdk_port": wire.port,
                        **options}
        return self.start(**self.options)

    # --- what is counted ---

    def figures(self, server):
        """INFO network, asked from this host."""
        with server.redis() as client:
            return client.info("network")

    def held(self, server):
        figures = self.figures(server)
        return {name: figures[name] for name in HELD}

    def at_rest(self, server):
        """What is held when nobody is there, after some traffic."""
        self.eventually(lambda: self.figures(server)["tcp_connections"] == 0, seconds=20,
                        what="no connection is left")
        time.sleep(0.5)  # figures of the port come four times a second
        return self.held(server)

    def nothing_leaks(self, server, before, seconds=30):
        """All that was held comes back; `before` is of at_rest()."""
        def is_back():
            now = self.held(server)
            kept = dict(SLACK, mbufs_heads_in_use=self.wire.kept_heads)
            return all(now[name] <= before[name] + kept.get(name, 0) for name in HELD)

        deadline = time.monotonic() + seconds
        while not is_back():
            self.assertLess(time.monotonic(), deadline, "held before: %s\nnow: %s" %
                            (before, self.held(server)))
            time.sleep(0.1)


class NetworkCase(DpdkCase):
    """Threads of the test, and processes, are in its namespace, too."""

    loses = False
    wire = Tap()

    def setUp(self):
        super().setUp()
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

    def start_again(self, server):
        """On the same wire and port, behind its end."""
        return self.start(**self.options, port=server.port)

    def serve(self, wire=None, hosts=(OURS4, OURS6), **options):
        """A server at both addresses, its kernel peer beside it; answers at `hosts` already. (At
        that of IPv6 a second later: somebody else may have it.)"""
        server = self.start_on(wire or Tap(), **options)
        self.wire.after(self)
        self.run_ip("addr", "add", THEIRS4, "dev", self.wire.peer)
        self.run_ip("-6", "addr", "add", THEIRS6, "dev", self.wire.peer, "nodad")
        self.run_ip("link", "set", self.wire.peer, "up")
        for host in hosts:
            self.eventually(lambda: self.answers(server, host), seconds=20,
                            what="an answer of %s over the wire" % host)
        if OURS6 in hosts and Case.workers > 1:
            # One worker asks whether somebody else has it, and each waits for that by itself: a
            # SYN of IPv6 to one that is later than the others is lost, and comes after a second.
            time.sleep(0.2)
        return server

    def answers(self, server, host=OURS4):
        try:
            with redis.Redis(host=host, port=server.port, socket_timeout=1) as client:
                return client.ping()
        except redis.RedisError:
            return False

    def client(self, server, host=OURS4, **options):
        options.setdefault("socket_timeout", 30)
        client = redis.Redis(host=host, port=server.port, **options)
        self.addCleanup(client.close)
        return client

    def lose(self, percent, directions=("ingress", "egress")):
        """Of the frames; "ingress" are those that come from the server."""
        if self.loses:
            self.run_ip("qdisc", "del", "dev", self.wire.peer, "clsact", tool="tc")
        self.loses = percent > 0
        if not self.loses:
            return
        # Of segments, not of what will be cut into segments.
        self.run_ip("link", "set", "dev", self.wire.peer, "gso_max_segs", "1")
        self.run_ip("qdisc", "add", "dev", self.wire.peer, "clsact", tool="tc")
        for direction in directions:
            self.run_ip("filter", "add", "dev", self.wire.peer, direction, "bpf", "da",
                        "bytecode", loss_program(percent), tool="tc")

    @staticmethod
    def kernel_counters():
        """Of TCP of this thread's namespace: {"RetransSegs": ...}."""
        counters = {}
        for path in ("/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"):
            with open(path) as f:
                lines = f.read().splitlines()
            for names, values in zip(lines[::2], lines[1::2]):
                if names.startswith(("Tcp:", "TcpExt:")):
                    counters.update(zip(names.split()[1:], map(int, values.split()[1:])))
        return counters
