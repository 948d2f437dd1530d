"""The server on DPDK's drivers that share memory with a peer process (vhost, virtio_user, memif),
and on AF_XDP. Of the first the peer has no kernel: it is tests/wire_client, our own TCP in the
active role, which compares every byte."""

import os
import random
import signal
import socket
import subprocess

import harness
from case import Case, fewer, only_once, pollux_only
from dpdk_case import OURS4, DpdkCase, NetworkCase, Xdp, shared_memory

AF_XDP = 44
KEY = "6d5a" * 20  # of the hash that says which worker a connection is of
SIZES = "1,2,63,1023,1024,1447,1448,1449,16384,65537,300001,1048576"
ALL_SIZES = ("--flows", "8", "--rounds", str(fewer(10)), "--depth", "3", "--sizes", SIZES)


def peer_tool():
    """Stands beside the server in the same build."""
    return os.path.join(os.path.dirname(os.environ["POLLUX_SERVER"]), "tests", "wire_client",
                        "wire_client")


class SharedMemoryCase(DpdkCase):

    server_port = None
    peer_key = KEY

    def setUp(self):
        super().setUp()
        if not os.access(peer_tool(), os.X_OK):
            self.skipTest("needs %s (ninja -C build/release)" % peer_tool())

    def serve(self, name, first=("--flows", "4", "--rounds", "2"), **options):
        """A server, and its first peer has been there and gone."""
        self.wire = shared_memory(name)
        self.wire.before(self)
        self.server_port = harness.free_port()
        # Some devices are made when their peer is there, and not before. A peer whose socket is
        # there already and its port not yet refuses who comes.
        waiting = self.start_peer(*first) if self.wire.needs_peer else None
        if waiting:
            self.wait_for_line(waiting, "waits for its peer")
        options.setdefault("net_rss_key", KEY)
        server = self.start_on(self.wire, memory_mb=256, port=self.server_port, **options)
        self.ends_well(waiting or self.start_peer(*first), server)
        return server

    def start_peer(self, *words):
        arguments = "--no-pci --no-huge -m 192 --no-shconf --no-telemetry --log-level error"
        peer = subprocess.Popen(
            [peer_tool(), "--dpdk-args", arguments, "--dpdk-port", self.wire.peer_port,
             "--host", OURS4, "--port", str(self.server_port), "--queues", str(Case.workers),
             "--key", self.peer_key, "--seconds", "60", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def end():
            peer.kill()
            peer.wait()
            peer.stdout.close()

        self.addCleanup(end)
        return peer

    def run_peer(self, server, *words):
        return self.ends_well(self.start_peer(*words), server)

    def ends_well(self, peer, server):
        """The figures of its last line: {"requests": ...}."""
        said = peer.stdout.read()
        self.assertEqual(peer.wait(), 0, said + server.log())
        last = said.splitlines()[-1].split()
        return dict(zip(last[::2], map(int, last[1::2])))

    def hold(self, server, *words):
        """A peer that goes on until it is killed, and has had answers by all its connections."""
        peer = self.start_peer("--hold", *words)
        self.wait_for_line(peer, "up\n", server.log)
        return peer

    def wait_for_line(self, peer, words, more=str):
        said = ""
        for line in peer.stdout:
            if words in line:
                return
            said += line
        self.fail("it does not come to say '%s': %s" % (words.strip(), said + more()))

    def every_byte(self, name, **options):
        server = self.serve(name, **options)
        before = self.at_rest(server)
        self.run_peer(server, *ALL_SIZES)
        # (Workers and peer have two cores, where these are all.)
        flows = fewer(3000 if Case.workers == 1 else 1500)
        crowd = self.run_peer(server, "--flows", str(flows), "--rounds", "2", "--depth", "3",
                              "--sizes", "1,64,1500")
        self.assertEqual(crowd["requests"], flows * 2 * 6)
        self.assertEqual(crowd["segments_misplaced"], 0)
        guests = self.run_peer(server, "--flows", "20", "--churn", str(fewer(2000)))
        self.assertEqual(guests["requests"], fewer(2000))
        self.nobody_is_left(server, before)
        self.nothing_was_wrong(server)

    def nobody_is_left(self, server, before):
        """What still comes for those that were there before a last peer refuses: what they had in
        a ring when they went was lost with them, be it their last ACK."""
        last = self.hold(server, "--flows", "20")
        self.eventually(lambda: self.figures(server)["tcp_connections"] == 20, seconds=60,
                        what="connections of the last peer alone")
        last.terminate()
        self.ends_well(last, server)
        self.nothing_leaks(server, before)

    def nothing_was_wrong(self, server):
        figures = self.figures(server)
        for figure in ("ip_checksum", "ip_malformed", "queue_rx_broken", "queue_tx_refused",
                       "tcp_misplaced", "tcp_aborted_for_memory", "steering_no_parcel"):
            self.assertEqual(figures[figure], 0, figure)
        # All came to the queue of their worker, but for what is for all of them.
        self.assertLess(figures["steering_handed_on"], 10)


class Shared(SharedMemoryCase):

    @pollux_only
    def test_every_byte_over_vhost(self):
        self.every_byte("vhost")

    @pollux_only
    def test_every_byte_over_virtio_user(self):
        self.every_byte("virtio_user")

    @pollux_only
    def test_every_byte_over_memif(self):
        self.every_byte("memif")

    @pollux_only
    @only_once
    def test_every_byte_over_memif_as_client(self):
        """Of one peer: it does not connect to a second one."""
        server = self.serve("memif_client", first=ALL_SIZES)
        self.eventually(lambda: self.figures(server)["port_link_up"] == 0)
        self.nothing_was_wrong(server)

    def peers_are_killed(self, name):
        """Under load, and come again; of those that went nothing is left."""
        server = self.serve(name, tcp_keepalive=1)
        before = self.at_rest(server)
        for _ in range(2):
            peer = self.hold(server, "--flows", "100", "--depth", "4", "--sizes", "1,1448,20000")
            self.eventually(lambda: self.figures(server)["port_link_up"] == 1)
            peer.send_signal(signal.SIGKILL)
            peer.wait()
            self.eventually(lambda: self.figures(server)["port_link_up"] == 0,
                            what="the link is down")
            self.assertTrue(server.redis().ping())
        self.nobody_is_left(server, before)
        self.assertIn("link", server.log())

    @pollux_only
    def test_killed_peers_of_vhost(self):
        self.peers_are_killed("vhost")

    @pollux_only
    @only_once
    def test_killed_peers_of_virtio_user(self):
        self.peers_are_killed("virtio_user")

    @pollux_only
    @only_once
    def test_killed_peers_of_memif(self):
        self.peers_are_killed("memif")

    @pollux_only
    def test_flows_that_come_to_any_queue(self):
        """By another key than the server's, so that they are handed on."""
        if Case.workers == 1:
            self.skipTest("one queue")
        server = self.serve("vhost")
        self.peer_key = "ab" * 40
        self.start_peer("--hold", "--flows", "20")
        # Its answers go to other queues than its stacks are on; most of its connections come never
        # up.
        self.eventually(lambda: self.figures(server)["steering_handed_on"] > 10, seconds=60)
        self.assertTrue(server.redis().ping())


class OverXdp(NetworkCase):

    @pollux_only
    def test_every_byte_over_af_xdp(self):
        if Case.workers > 1:
            self.skipTest("a veth pair has one queue")
        try:
            socket.socket(AF_XDP, socket.SOCK_RAW).close()
        except OSError as error:
            self.skipTest("no AF_XDP: %s" % error)
        server = self.serve(Xdp(), hosts=(OURS4,))
        before = self.at_rest(server)
        rng = random.Random(3)
        wire = self.client(server)
        for size in map(int, SIZES.split(",")):
            value = rng.randbytes(size)
            wire.set("k", value)
            self.assertEqual(wire.get("k"), value, size)
        wire.connection_pool.disconnect()
        said = subprocess.run(["redis-cli", "-h", OURS4, "-p", str(server.port), "strlen", "k"],
                              capture_output=True, text=True, timeout=20, check=True)
        self.assertEqual(said.stdout, "1048576\n")
        self.at_rest(server)  # the kernel gives up at once what has no way
        self.run_ip("link", "set", self.wire.peer, "down")
        self.eventually(lambda: self.figures(server)["port_link_up"] == 0)
        self.run_ip("link", "set", self.wire.peer, "up")
        self.eventually(lambda: self.answers(server), seconds=20)
        self.nothing_leaks(server, before)
