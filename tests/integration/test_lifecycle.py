"""Start, connections and their limits, idleness, shutdown."""

import os
import socket
import time

import redis

import harness
from case import Case, Raw, ServerCase, not_quick, only_once


class Shutdown(Case):

    def test_sigterm(self):
        server = self.start()
        server.redis().set("k", "v")
        self.assertEqual(server.terminate(), 0)

    def test_sigterm_under_load(self):
        server = self.start()
        raws = [Raw(server) for _ in range(8)]
        for raw in raws:
            self.addCleanup(raw.socket.close)
            raw.send(harness.encode("SET", "k", "v") * 1000)
        self.assertEqual(server.terminate(), 0)

    def test_shutdown_nosave(self):
        server = self.start()
        with Raw(server) as raw:
            raw.send(b"SHUTDOWN NOSAVE\r\n")
            self.assertEqual(raw.read_to_end(), b"")
        self.assertEqual(server.wait(), 0)

    def test_bad_shutdown(self):
        server = self.start()
        with self.assertRaisesRegex(redis.ResponseError, "syntax error"):
            server.redis().execute_command("SHUTDOWN", "PLEASE")
        self.assertTrue(server.alive())

    @only_once
    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = self.start(port=taken.getsockname()[1], expect_start=False)
            self.assertEqual(server.wait(), 1)
            self.assertRegex(server.log(), "(?i)address already in use")


class Sockets(Case):

    def test_unix_socket(self):
        server = self.start()
        path = os.path.join(server.directory, "pollux.sock")
        other = self.start(unixsocket=path, unixsocketperm="700")
        client = redis.Redis(unix_socket_path=path)
        self.assertTrue(client.set("k", "v"))
        self.assertEqual(other.redis().get("k"), b"v")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)
        self.assertEqual(other.terminate(), 0)
        self.assertFalse(os.path.exists(path))

    @only_once
    def test_tcp_keepalive(self):
        # Seen from outside: the kernel shows a keepalive timer on the server's sockets.
        server = self.start(tcp_keepalive="60")
        with Raw(server) as raw:
            raw.send(b"PING\r\n")
            raw.read_exactly(b"+PONG\r\n")
            port = raw.socket.getsockname()[1]
            with open("/proc/net/tcp") as f:
                rows = [line.split() for line in f if ":%04X " % port in line]
            timers = [row[5].split(":")[0] for row in rows
                      if row[1].endswith(":%04X" % server.port)]
            self.assertEqual(timers, ["02"])

    def test_many_connects(self):
        server = self.start()
        for _ in range(500):
            with Raw(server) as raw:
                raw.send(b"PING\r\n")
                self.assertEqual(raw.read_exactly(b"+PONG\r\n"), b"+PONG\r\n")
        client = server.redis()
        self.eventually(lambda: client.info("clients")["connected_clients"] == 1,
                        what="closed connections are forgotten")


class Limits(Case):

    def test_maxclients(self):
        server = self.start(maxclients="20")
        time.sleep(0.2)  # the connection that found the server ready must be gone
        held = [Raw(server) for _ in range(20)]
        for raw in held:
            self.addCleanup(raw.socket.close)
            raw.send(b"PING\r\n")
            self.assertEqual(raw.read_exactly(b"+PONG\r\n"), b"+PONG\r\n")
        with Raw(server) as refused:
            self.assertEqual(refused.read_to_end(), b"-ERR max number of clients reached\r\n")
        held[0].socket.close()

        def admitted():
            with Raw(server) as raw:
                try:
                    raw.send(b"PING\r\n")
                    return raw.read_exactly(b"+PONG\r\n") == b"+PONG\r\n"
                except OSError:
                    return False
        self.eventually(admitted, what="a place is free again")

    def test_timeout(self):
        server = self.start(timeout="1")
        with Raw(server) as idle, Raw(server) as busy:
            end = time.monotonic() + 6
            closed = False
            while time.monotonic() < end and not closed:
                busy.send(b"PING\r\n")
                self.assertEqual(busy.read_exactly(b"+PONG\r\n"), b"+PONG\r\n")
                closed = idle.is_closed()
            self.assertTrue(closed)


class Idle(Case):

    @not_quick
    def test_idle_server_sleeps(self):
        server = self.start()
        server.redis().ping()
        held = [Raw(server) for _ in range(50)]
        for raw in held:
            self.addCleanup(raw.socket.close)
        shares = []
        for _ in range(3):
            before = server.cpu_seconds()
            time.sleep(3)
            shares.append((server.cpu_seconds() - before) / 3)
            if shares[-1] < 0.02:
                return
        self.fail("idle server uses %s of a core" % shares)


class ClientAdmin(ServerCase):

    def test_list_over_workers(self):
        held = [self.server.redis(client_name="held-%d" % i) for i in range(16)]
        for client in held:
            client.ping()
        names = {row["name"] for row in self.client.client_list()}
        self.assertTrue({"held-%d" % i for i in range(16)} <= names)
        ids = [row["id"] for row in self.client.client_list()]
        self.assertEqual(len(ids), len(set(ids)))
        for client in held:
            client.connection_pool.disconnect()

    def test_kill_by_id_and_address(self):
        held = [Raw(self.server) for _ in range(12)]
        for i, raw in enumerate(held):
            self.addCleanup(raw.socket.close)
            raw.send(b"CLIENT SETNAME victim-%d\r\n" % i)
            raw.read_exactly(b"+OK\r\n")
        rows = {row["name"]: row for row in self.client.client_list()}
        for i in range(6):
            self.assertEqual(self.client.client_kill_filter(_id=rows["victim-%d" % i]["id"]), 1)
        for i in range(6, 12):
            self.assertTrue(self.client.client_kill(rows["victim-%d" % i]["addr"]))
        for raw in held:
            self.assertEqual(raw.read_to_end(), b"")
        with self.assertRaisesRegex(redis.ResponseError, "No such client"):
            self.client.client_kill("1.2.3.4:5")

    def test_kill_type_spares_me(self):
        held = [Raw(self.server) for _ in range(8)]
        for raw in held:
            self.addCleanup(raw.socket.close)
            raw.send(b"PING\r\n")
            raw.read_exactly(b"+PONG\r\n")
        self.assertEqual(self.client.client_kill_filter(_type="normal", skipme=True), 8)
        self.assertTrue(self.client.ping())

    def test_ids_grow_and_names(self):
        first = self.client.client_id()
        second = self.server.redis().client_id()
        self.assertGreater(second, first)
        self.client.client_setname("me")
        self.assertEqual(self.client.client_getname(), "me")
