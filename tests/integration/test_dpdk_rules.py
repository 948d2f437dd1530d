"""Who may come over the wire, who is dropped, and how connections end, with our own TCP/IP."""

import errno
import socket
import threading
import time

import redis

from case import not_quick, only_once, pollux_only
from dpdk_case import OURS4, OURS6, NetworkCase, Tap, Veth
from harness import encode

ETH_P_ARP = 0x806


def read_to_end(s):
    """All that comes, and how it ends: "FIN", "RST" or "nothing"."""
    data = bytearray()
    while True:
        try:
            piece = s.recv(1 << 20)
        except ConnectionResetError:
            return bytes(data), "RST"
        except socket.timeout:
            return bytes(data), "nothing"
        if not piece:
            return bytes(data), "FIN"
        data += piece


class Access(NetworkCase):

    def connects(self, server, source, host=OURS4):
        try:
            with socket.create_connection((host, server.port), 0.4, (source, 0)) as s:
                s.sendall(b"PING\r\n")
                return s.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    @pollux_only
    def test_allow_from_is_the_stacks(self):
        server = self.serve(Veth(), allow_from=["10.9.0.1", "fd09::/64"])
        self.run_ip("addr", "add", "10.9.0.7/24", "dev", "vkernel")
        self.eventually(lambda: self.connects(server, "10.9.0.1"))
        self.eventually(lambda: self.connects(server, "fd09::1", OURS6))
        opened = self.figures(server)["tcp_opened"]
        self.assertFalse(self.connects(server, "10.9.0.7"))
        self.eventually(lambda: self.figures(server)["tcp_not_allowed"] > 0)
        self.assertEqual(self.figures(server)["tcp_opened"], opened, "nothing is remembered")
        here = server.redis()
        here.config_set("allow-from", "10.9.0.7")
        self.eventually(lambda: self.connects(server, "10.9.0.7"))
        self.assertFalse(self.connects(server, "10.9.0.1"))
        self.assertFalse(self.connects(server, "fd09::1", OURS6))
        self.assertTrue(here.ping(), "this host comes by another way")
        here.config_set("allow-from", "")
        for source, host in (("10.9.0.1", OURS4), ("10.9.0.7", OURS4), ("fd09::1", OURS6)):
            self.eventually(lambda: self.connects(server, source, host), what=source)

    @pollux_only
    @only_once
    def test_protected_mode_refuses_strangers(self):
        server = self.serve(Tap(), hosts=(), protected_mode="yes")

        def heard():
            try:
                with socket.create_connection((OURS4, server.port), 5) as s:
                    s.sendall(b"PING\r\n")
                    return read_to_end(s)[0]
            except OSError:
                return b""

        self.eventually(heard, what="an answer over the wire")
        self.assertRegex(heard(), rb"^-DENIED .*protected mode")
        here = server.redis()
        here.config_set("protected-mode", "no")
        self.assertTrue(self.answers(server))
        here.config_set("protected-mode", "yes")
        here.config_set("requirepass", "word")
        self.assertTrue(self.client(server, password="word").ping(), "who knows it is no stranger")

    @pollux_only
    @only_once
    def test_a_bind_that_nobody_reaches_is_told(self):
        for bind, told in (("127.0.0.1", True), ("127.0.0.1 -::1", True),
                           ("127.0.0.1 " + OURS4, False)):
            server = self.start_on(Tap(), bind=bind.split())
            self.assertEqual("bind %s: nobody reaches" % bind in server.log(), told, server.log())
            server.stop()


class Ends(NetworkCase):

    def vanishes(self, wire, vanish):
        server = self.serve(wire, hosts=(OURS4,), tcp_keepalive=1)
        before = self.at_rest(server)
        clients = [socket.create_connection((OURS4, server.port), 5) for _ in range(20)]
        for s in clients:
            self.addCleanup(s.close)
            s.sendall(b"PING\r\n")
            self.assertEqual(s.recv(64), b"+PONG\r\n")
        self.eventually(lambda: self.figures(server)["tcp_connections"] == 20)
        vanish()
        self.nothing_leaks(server, before)
        with server.redis() as here:
            self.assertEqual(here.info("clients")["connected_clients"], 1)

    @pollux_only
    @only_once
    def test_a_client_behind_a_dead_link_is_dropped(self):
        self.vanishes(Veth(), lambda: self.run_ip("link", "set", "vkernel", "down"))

    @pollux_only
    @only_once
    def test_a_client_that_is_not_there_any_more_is_dropped(self):
        self.vanishes(Tap(), lambda: self.run_ip("addr", "flush", "dev", "dtap0"))

    @pollux_only
    @only_once
    def test_peers_far_away_have_their_time(self):
        server = self.serve(Veth(), hosts=(OURS4,), net_path="wan")
        with socket.create_connection((OURS4, server.port), 5) as s:
            s.sendall(b"PING\r\n")
            self.assertEqual(s.recv(64), b"+PONG\r\n")
            time.sleep(0.5)  # nothing of it goes again any more
            before = self.figures(server)["tcp_retransmissions"]
            self.lose(100, ("ingress",))
            began = time.monotonic()
            s.sendall(b"PING\r\n")
            self.eventually(lambda: self.figures(server)["tcp_retransmissions"] >= before + 3)
            # A probe, and the timer twice: 200 and 400 ms. (Else 5 and 10.)
            self.assertGreater(time.monotonic() - began, 0.5)
            self.lose(0)
            s.settimeout(20)
            self.assertEqual(s.recv(64), b"+PONG\r\n")

    @pollux_only
    def test_who_was_forgotten_hears_at_once(self):
        """Clients of a server that was killed, from one that has come in its place."""
        server = self.serve(Veth(), hosts=(OURS4,))
        clients = [socket.create_connection((OURS4, server.port), 5) for _ in range(8)]
        for s in clients:
            self.addCleanup(s.close)
            s.sendall(b"PING\r\n")
            self.assertEqual(s.recv(64), b"+PONG\r\n")
        server.stop()
        again = self.start_again(server)
        began = time.monotonic()
        for s in clients:
            s.settimeout(20)
            with self.assertRaises(ConnectionResetError):
                s.sendall(b"PING\r\n")
                s.recv(64)
        # Each would wait for minutes; the kernel's own timer asks again behind 0.2 s.
        self.assertLess(time.monotonic() - began, 5)
        self.assertGreaterEqual(self.figures(again)["tcp_resets_sent"], 8)
        self.assertTrue(self.answers(again))

    def announced(self, heard):
        """Its address: an ARP request of whom it asks for."""
        ours = socket.inet_aton(OURS4)
        while True:
            try:
                frame = heard.recv(100)
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # as it was a moment ago
                    raise
                continue
            if frame[28:32] == ours and frame[38:42] == ours:
                return

    @pollux_only
    @not_quick
    @only_once
    def test_a_server_without_a_link_is_idle(self):
        """Also with something to send."""
        for wire in (Tap(), Veth()):
            server = self.serve(wire, hosts=(OURS4,))
            listener = self.client(server).pubsub()
            listener.subscribe("news")
            self.assertEqual(listener.get_message(timeout=5)["type"], "subscribe")
            self.run_ip("link", "set", wire.peer, "down")
            self.eventually(lambda: self.figures(server)["port_link_up"] == 0)
            here = server.redis()
            for _ in range(20):
                here.publish("news", b"n" * 3000)
            time.sleep(0.3)
            before = server.cpu_seconds()
            time.sleep(1)
            share = server.cpu_seconds() - before
            self.assertLess(share, 0.3 * self.workers + 0.2, "of a processor")
            self.assertGreater(self.figures(server)["queue_tx_no_link"], 0)
            self.assertIn("link of dpdk-port is down", server.log())
            heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
            self.addCleanup(heard.close)
            heard.bind((wire.peer, 0))
            heard.settimeout(10)
            self.run_ip("link", "set", wire.peer, "up")
            self.announced(heard)
            for _ in range(20):
                self.assertEqual(listener.get_message(timeout=20)["data"], b"n" * 3000)
            self.eventually(lambda: self.figures(server)["port_link_up"] == 1)
            server.stop()

    @pollux_only
    def test_an_end_under_load(self):
        """What was acknowledged is there at the next start, and everybody hears of the end."""
        directory = self.new_directory()
        server = self.serve(Veth(), dir=directory, appendonly="yes")
        count = 8
        answered = [0] * count
        ends = [""] * count

        def work(number):
            with clients[number] as s:
                request = encode("INCR", "n:%d" % number)
                try:
                    while True:
                        s.sendall(request)
                        reply = s.recv(64)
                        if not reply:
                            ends[number] = "FIN"
                            return
                        if reply.startswith(b":"):
                            answered[number] = int(reply[1:-2])
                except (ConnectionResetError, BrokenPipeError):
                    ends[number] = "RST"
                except socket.timeout:
                    ends[number] = "nothing"

        began = time.monotonic()
        clients = [socket.create_connection(((OURS4, OURS6)[i % 2], server.port), 20)
                   for i in range(count)]
        self.assertLess(time.monotonic() - began, 0.9, "no SYN was lost")
        threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        self.assertEqual(server.terminate(), 0)
        for thread in threads:
            thread.join()
        self.assertNotIn("nothing", ends, "everybody hears of the end")
        self.assertGreater(min(answered), 0)
        again = self.start(dir=directory, appendonly="yes").redis()
        self.eventually(lambda: again.info("persistence")["loading"] == 0)
        for number, last in enumerate(answered):
            self.assertIn(int(again.get("n:%d" % number)), (last, last + 1))

    @pollux_only
    def test_an_end_while_windows_are_shut(self):
        """Who reads on within the grace of an end gets all that was for him."""
        server = self.serve(Veth(), hosts=(OURS4,))
        value = bytes(range(256)) * 4096
        server.redis().set("k", value)
        sockets = []
        for _ in range(3):
            s = socket.socket()
            self.addCleanup(s.close)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            s.settimeout(15)
            s.connect((OURS4, server.port))
            s.sendall(encode("GET", "k"))
            sockets.append(s)
        # Their windows are full, and stay so.
        time.sleep(0.5)
        self.assertGreater(self.figures(server)["tcp_connections"], 2)
        ender = threading.Thread(target=server.terminate)
        ender.start()
        time.sleep(0.7)
        got = [read_to_end(s) for s in sockets[:2]]
        for data, end in got:
            self.assertEqual(len(data), len(value) + 12)
            self.assertEqual(data[10:-2], value)
            self.assertEqual(end, "FIN")
        ender.join()
        self.assertEqual(server.process.returncode, 0)
        # Who never reads does not keep the server.
        data, end = read_to_end(sockets[2])
        self.assertLess(len(data), len(value))
        self.assertEqual(end, "RST")
