"""The server on DPDK and its own TCP/IP, against the kernel's, over a TAP device.

What other wires do, losses and long lives are in test_dpdk_interop.py and test_dpdk_rules.py.
"""

import hashlib
import os
import random
import socket
import threading

import redis

from case import Case, only_once, pollux_only
from dpdk_case import OURS4, OURS6, JumboVeth, NetworkCase, Tap


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
    def test_what_it_counts_and_says(self):
        """Also what DPDK says goes to the log file, where there is one."""
        log = os.path.join(self.new_directory(), "log")
        server = self.serve(hosts=(OURS4,), logfile=log, loglevel="verbose")
        wire = self.client(server)
        wire.set("k", b"v" * 5000)
        wire.get("k")
        figures = self.figures(server)
        for name in ("tcp_segments", "tcp_segments_out", "tcp_opened", "ip_arp_answered",
                     "port_link_up", "mbufs_rx", "mbufs_heads", "mbufs_control", "mbufs_pieces"):
            self.assertGreater(figures[name], 0, name)
        for name in ("tcp_misplaced", "ip_checksum", "queue_rx_broken",
                     "queue_tx_refused", "tcp_aborted_orphans"):
            self.assertEqual(figures[name], 0, name)
        self.eventually(lambda: self.figures(server)["tcp_connections"] == 1)
        self.assertGreaterEqual(figures["mbufs_rx"], figures["mbufs_rx_in_use"])
        here = server.redis()
        for words in ((), ("everything",), ("all",)):
            self.assertIn("tcp_segments", here.info(*words))
        self.assertNotIn("tcp_segments", here.info("stats"))
        self.assertEqual(here.info("pollux")["transport"], "dpdk")
        self.eventually(lambda: self.figures(server)["port_rx_frames"] > 5)
        with open(log, encoding="utf-8") as f:
            self.assertIn("DPDK: ", f.read())
        self.assertEqual(server.log(), "", "nothing else is said elsewhere")
        self.assertNotIn("tcp_segments", self.start().redis().info("everything"))

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
        server = self.serve(hosts=(OURS4,))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((OURS4, server.port + 1), timeout=5)

    @pollux_only
    def test_an_end_leaves_nobody_waiting(self):
        server = self.serve(hosts=(OURS4,))
        with socket.create_connection((OURS4, server.port), timeout=10) as wire:
            wire.sendall(b"PING\r\n")
            self.assertEqual(wire.recv(100), b"+PONG\r\n")
            self.assertEqual(server.terminate(), 0)
            self.assertEqual(wire.recv(100), b"", "the end comes")

    @pollux_only
    def test_pieces_of_odd_lengths_in_one_segment(self):
        """Where the device adds checksums up, it must not lose count."""
        server = self.serve(hosts=(OURS4,))
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
        server = self.serve(hosts=(OURS4,))
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
        server = self.start_on(Tap(), net_mtu=9000, expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("can't have an MTU of 9000", server.log())

    @pollux_only
    @only_once
    def test_an_mtu_that_the_interface_below_has_not(self):
        class Below(JumboVeth):
            mtu = 1500
        server = self.start_on(Below(), net_mtu=9000, workers=1, expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("vpollux, has an MTU of 1500, and net-mtu is 9000", server.log())

    @pollux_only
    @only_once
    def test_more_clients_than_there_are_tables_for(self):
        server = self.serve(Tap(), hosts=(OURS4,), maxclients=500)
        here = server.redis()
        with self.assertRaisesRegex(redis.ResponseError, "start again, or try with 500"):
            here.config_set("maxclients", 501)
        here.config_set("maxclients", 400)
        here.config_set("maxclients", 500)


class Refusals(Case):

    @pollux_only
    def test_what_is_missing_is_said(self):
        for options, words in (
                ({}, "needs dpdk-port"),
                ({"dpdk_port": "net_tap0"}, "needs net-address"),
                ({"dpdk_port": "net_tap0", "net_address": "10.0.0.1/33"}, "10.0.0.5/24"),
                ({"dpdk_port": "net_tap0", "net_address": "127.0.0.1/8"}, "loopback"),
                ({"dpdk_port": "net_tap0", "net_address": "10.0.0.255/24"}, "broadcast"),
                ({"dpdk_port": "net_tap0", "net_address": "10.0.0.1/24",
                  "net_gateway": "there"}, "net-gateway there"),
                # The terminal hears of it: before the step to the background.
                ({"dpdk_port": "net_tap0", "net_address": "0.0.0.0/0", "daemonize": "yes"},
                 "Give the address that this server is to have")):
            server = self.start(transport="dpdk", expect_start=False, **options)
            self.assertEqual(server.wait(), 1)
            self.assertIn(words, server.log())

    @pollux_only
    def test_words_that_let_dpdk_end_the_process(self):
        server = self.start(transport="dpdk", dpdk_port="net_null0", net_address="10.0.0.1/24",
                            dpdk_args="--no-pci --no-huge --no-shconf --help", expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertRegex(server.log(), "DPDK has ended the process: .* --no-shconf --help asks")
