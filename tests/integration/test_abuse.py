"""What a client can do to us: broken protocol, half requests, masses of connections, silence."""

import resource
import threading
import time

import harness
from case import Case, Raw, ServerCase, fewer, not_quick, only_once

PING = harness.encode("PING")
PONG = b"+PONG\r\n"


class Protocol(ServerCase):

    def answer(self, data):
        with Raw(self.server) as raw:
            raw.send(data)
            return raw.read_to_end()

    def test_protocol_errors_close(self):
        for data, error in (
                (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
                (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
                (b"*1\r\n$99999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
                (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
                (b"SET k \"x\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n")):
            self.assertEqual(self.answer(data), error)
            self.assertEqual(self.answer(PING + data + PING), PONG + error)

    def test_endless_lines(self):
        self.assertIn(b"too big inline request", self.answer(b"x" * 70000))
        self.assertIn(b"too big mbulk count string", self.answer(b"*" + b"1" * 70000))
        self.assertIn(b"too big bulk count string", self.answer(b"*1\r\n$" + b"1" * 70000))

    def test_oversized_bulk(self):
        self.client.config_set("proto-max-bulk-len", 1 << 20)
        try:
            self.assertEqual(self.answer(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n"),
                             b"-ERR Protocol error: invalid bulk length\r\n")
            self.assertTrue(self.client.set("k", b"v" * (1 << 20)))
        finally:
            self.client.config_set("proto-max-bulk-len", 512 << 20)

    def test_half_requests_wait_and_vanish(self):
        request = harness.encode("SET", "key", "value" * 10)
        for cut in range(1, len(request)):
            with Raw(self.server) as raw:
                raw.send(request[:cut])
        self.assertIsNone(self.client.get("key"))
        self.assertTrue(self.client.ping())

    def test_byte_by_byte(self):
        request = harness.encode("SET", "key", "a\r\nb") + harness.encode("GET", "key")
        with Raw(self.server) as raw:
            for i in range(len(request)):
                raw.send(request[i:i + 1])
            expected = b"+OK\r\n$4\r\na\r\nb\r\n"
            self.assertEqual(raw.read_exactly(expected), expected)

    def test_last_requests_before_half_close_are_answered(self):
        import socket
        with Raw(self.server) as raw:
            raw.send(PING * 100)
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(raw.read_to_end(), PONG * 100)

    def test_deep_pipeline(self):
        count = fewer(100000, by=5)
        with Raw(self.server) as raw:
            import threading
            sender = threading.Thread(target=raw.send, args=(PING * count,))
            sender.start()
            self.assertEqual(raw.read_exactly(PONG * count), PONG * count)
            sender.join()

    def test_before_the_password_little_is_allowed(self):
        self.client.config_set("requirepass", "pw")
        try:
            self.assertIn(b"unauthenticated multibulk length", self.answer(b"*11\r\n"))
            self.assertIn(b"unauthenticated bulk length", self.answer(b"*1\r\n$16385\r\n"))
        finally:
            self.client.config_set("requirepass", "")


class LowerLimits(Case):

    def test_request_that_waits_outlives_a_lower_bulk_limit(self):
        server = self.start(enable_debug_command="yes")
        value = b"v" * (1100 * 1024)
        writes = [Raw(server) for _ in range(4)]
        with Raw(server) as operator:
            operator.send(harness.encode("DEBUG", "SLEEP", "0.5") +
                          harness.encode("CONFIG", "SET", "proto-max-bulk-len", "1mb"))
            time.sleep(0.1)
            senders = []
            for raw in writes:
                self.addCleanup(raw.socket.close)
                request = harness.encode("MSET", "a", value, "b", value, "c", value, "d", value)
                senders.append(threading.Thread(target=self.send_all, args=(raw, request)))
                senders[-1].start()
            for sender in senders:
                sender.join()
            self.assertEqual(operator.read_exactly(b"+OK\r\n+OK\r\n"), b"+OK\r\n+OK\r\n")
        self.assertTrue(server.redis().ping())

    @staticmethod
    def send_all(raw, request):
        raw.socket.settimeout(2)
        try:
            raw.send(request)
        except OSError:
            pass  # read after the limit fell: refused and closed


class Silence(Case):

    def test_client_that_never_reads_is_closed(self):
        server = self.start(client_output_buffer_limit=["normal", "2mb", "0", "0"])
        client = server.redis()
        client.set("big", b"v" * 100000)
        before = server.rss_bytes()
        with Raw(server) as silent:
            try:
                for _ in range(100):
                    silent.send(harness.encode("GET", "big") * 100)
                    self.assertTrue(client.ping())
                    time.sleep(0.005)
            except OSError:
                pass  # closed by the server, as it should be
            self.eventually(lambda: len(client.client_list()) == 1, what="silent client closed")
        self.assertLess(server.rss_bytes() - before, 200 << 20)

    def test_memory_of_all_clients_counts_replies_of_every_worker(self):
        server = self.start(maxmemory_clients="16mb")
        client = server.redis()
        for i in range(8):  # with several workers: some here, some on another
            client.set("big%d" % i, b"v" * 1000000)
            with Raw(server) as silent:
                silent.send(harness.encode("GET", "big%d" % i) * 64)
                self.eventually(lambda: len(client.client_list()) == 1, what="silent closed")

    def test_others_are_served_meanwhile(self):
        server = self.start(client_output_buffer_limit=["normal", "20mb", "0", "0"])
        client = server.redis()
        client.set("big", b"v" * 10000)
        silents = [Raw(server) for _ in range(8)]
        for silent in silents:
            self.addCleanup(silent.socket.close)
            silent.send(harness.encode("GET", "big") * 1000)
        start = time.monotonic()
        for i in range(500):
            client.set("k", i)
            self.assertEqual(client.get("k"), b"%d" % i)
        self.assertLess(time.monotonic() - start, 20)


class ManyConnections(Case):

    @only_once
    @not_quick
    def test_ten_thousand_idle(self):
        count = 10000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < count + 500:
            self.skipTest("at most %d open files" % hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = self.start(maxclients=str(count + 100))
        client = server.redis()
        client.ping()
        empty = server.rss_bytes()
        held = []
        for _ in range(count):
            raw = Raw(server)
            self.addCleanup(raw.socket.close)
            raw.send(PING)
            held.append(raw)
        for raw in held:
            self.assertEqual(raw.read_exactly(PONG), PONG)
        self.assertEqual(client.info("clients")["connected_clients"], count + 1)
        per_connection = (server.rss_bytes() - empty) / count
        self.assertLess(per_connection, 24 << 10)
        for i in range(200):
            client.set("k%d" % i, i)
        held[count // 2].send(PING)
        self.assertEqual(held[count // 2].read_exactly(PONG), PONG)
        for raw in held:
            raw.socket.close()
        self.eventually(lambda: client.info("clients")["connected_clients"] == 1, 30,
                        "all are forgotten")
