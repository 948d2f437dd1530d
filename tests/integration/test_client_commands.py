"""CLIENT: what operators see of clients and do to them. redis-server gives the same answers; what
it has only in later versions is marked."""

import re
import time

import harness
from case import Case, Raw, ServerCase, pollux_only
from resp_client import Error, Resp

FIELDS_OF_7_0 = ["id", "addr", "laddr", "fd", "name", "age", "idle", "flags", "db", "sub", "psub",
                 "ssub", "multi", "qbuf", "qbuf-free", "argv-mem", "multi-mem", "rbs", "rbp", "obl",
                 "oll", "omem", "tot-mem", "events", "cmd", "user", "redir", "resp"]


class ClientCase(ServerCase):

    def resp(self, protocol=2):
        client = Resp(self.server, protocol)
        self.addCleanup(client.close)
        return client

    def lines(self, client, *args):
        """CLIENT LIST as a list of dicts."""
        text = client("CLIENT", "LIST", *args)
        return [dict(field.split("=", 1) for field in line.split(" "))
                for line in text.splitlines()]

    def line(self, of, asker=None):
        number = str(of("CLIENT", "ID"))
        return self.lines(asker or of, "ID", number)[0]


class List(ClientCase):

    def test_fields_and_their_order(self):
        one = self.resp()
        text = one("CLIENT", "INFO")
        names = [field.split("=", 1)[0] for field in text.strip().split(" ")]
        known = [name for name in names if name in FIELDS_OF_7_0]
        self.assertEqual(known, FIELDS_OF_7_0)
        self.assertLessEqual(set(names) - set(FIELDS_OF_7_0), {"watch", "lib-name", "lib-ver"})

    def test_values_of_one_that_asks(self):
        one = self.resp()
        one("CLIENT", "SETNAME", "me")
        one("SELECT", "3")
        line = self.line(one)
        host, port = one.socket.getsockname()
        self.assertEqual(line["addr"], "%s:%d" % (host, port))
        self.assertEqual(line["laddr"], "127.0.0.1:%d" % self.server.port)
        for name, value in {"name": "me", "db": "3", "flags": "N", "multi": "-1",
                            "cmd": "client|list", "user": "default", "redir": "-1", "resp": "2",
                            "events": "r", "omem": "0", "oll": "0"}.items():
            self.assertEqual(line[name], value, name)
        # *4 CLIENT LIST ID n: the request itself waits among the bytes that came.
        number = line["id"]
        self.assertEqual(int(line["qbuf"]), 4 + 12 + 10 + 8 + len("$\r\n\r\n") + 1 + len(number))
        self.assertEqual(int(line["argv-mem"]), 12 + len(number))
        self.assertGreater(int(line["tot-mem"]), 0)

    def test_the_last_command_is_that_of_redis(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        seen = []
        for server in (self.server, theirs):
            client = server.redis()
            seen.append([])
            with Raw(server) as raw:
                raw.send(b"CLIENT SETNAME last\r\n")
                raw.read_exactly(b"+OK\r\n")
                for request in ("GET", "FOO", "PING", "CLIENT FOO", "MULTI", "SET a 1", "SET",
                                "CONFIG GET x", "FOO", "DISCARD", "MULTI", "SET a 1", "EXEC",
                                "SUBSCRIBE x", "GET a"):
                    raw.send(request.encode() + b"\r\n")
                    raw.socket.recv(4096)
                    seen[-1] += [(request, row["cmd"]) for row in client.client_list()
                                 if row["name"] == "last"]
        self.assertEqual(*seen)

    def test_half_a_request_is_counted(self):
        one, two = self.resp(), self.resp()
        number = str(two("CLIENT", "ID"))
        two.socket.sendall(b"PING but no end")
        self.eventually(lambda: self.lines(one, "ID", number)[0]["qbuf"] == "15")

    def test_replies_that_nobody_takes_are_counted(self):
        one, two = self.resp(), self.resp()
        number = str(two("CLIENT", "ID"))
        one("SET", "big", "x" * 1000000)
        for _ in range(40):
            two.send("GET", "big")
        # The rest of the forty may still be on its way.
        self.eventually(lambda: int(self.lines(one, "ID", number)[0]["omem"]) > 1000000)
        self.eventually(lambda: self.lines(one, "ID", number)[0]["events"] == "rw")
        line = self.lines(one, "ID", number)[0]
        self.assertGreater(int(line["tot-mem"]), int(line["omem"]))

    def test_age_and_idle(self):
        one, two = self.resp(), self.resp()
        two("PING")
        number = str(two("CLIENT", "ID"))
        self.eventually(lambda: int(self.lines(one, "ID", number)[0]["idle"]) >= 2)
        self.assertGreaterEqual(int(self.lines(one, "ID", number)[0]["age"]), 2)

    def test_filters(self):
        one, two, three = self.resp(), self.resp(3), self.resp()
        ids = [str(c("CLIENT", "ID")) for c in (one, two, three)]
        listed = [line["id"] for line in self.lines(one, "ID", ids[2], ids[0], "77777777", ids[2])]
        self.assertEqual(listed, [ids[2], ids[0], ids[2]])
        self.assertGreaterEqual({line["id"] for line in self.lines(one, "TYPE", "normal")},
                                set(ids))
        for kind in ("master", "replica", "slave", "pubsub"):
            self.assertEqual(one("CLIENT", "LIST", "TYPE", kind), "", kind)
        for args in (["TYPE", "foo"], ["ID"], ["ID", "x"], ["foo"], ["TYPE", "normal", "ID", "1"]):
            self.assertIsInstance(one("CLIENT", "LIST", *args), Error, args)

    def test_flags(self):
        one, two = self.resp(), self.resp()
        two("CLIENT", "NO-EVICT", "ON")
        self.assertEqual(self.line(two, one)["flags"], "e")
        two("MULTI")
        number = two("CLIENT", "ID")
        self.assertEqual(number, "QUEUED")
        listed = {line["id"]: line for line in self.lines(one)}
        self.assertIn("xe", [line["flags"] for line in listed.values()])

    @pollux_only
    def test_libraries(self):
        one = self.resp()
        self.assertEqual(one("CLIENT", "SETINFO", "LIB-NAME", "cachelib"), "OK")
        self.assertEqual(one("CLIENT", "SETINFO", "lib-ver", "1.2"), "OK")
        line = self.line(one)
        self.assertEqual((line["lib-name"], line["lib-ver"]), ("cachelib", "1.2"))
        self.assertTrue(one("CLIENT", "INFO").endswith(" lib-name=cachelib lib-ver=1.2\n"))
        self.assertIsInstance(one("CLIENT", "SETINFO", "lib-ver", "1 2"), Error)


class Kill(ClientCase):

    def test_by_address(self):
        one, two = self.resp(), self.resp()
        address = "%s:%d" % two.socket.getsockname()
        self.assertEqual(one("CLIENT", "KILL", address), "OK")
        self.assertTrue(two.ended())
        self.assertEqual(one("CLIENT", "KILL", address), "ERR No such client")

    def test_by_options(self):
        one, two, three = self.resp(), self.resp(), self.resp()
        self.assertEqual(one("CLIENT", "KILL", "ID", two("CLIENT", "ID")), 1)
        self.assertTrue(two.ended())
        address = "%s:%d" % three.socket.getsockname()
        self.assertEqual(one("CLIENT", "KILL", "ADDR", address, "TYPE", "pubsub"), 0)
        self.assertEqual(one("CLIENT", "KILL", "ADDR", address, "TYPE", "normal", "USER",
                             "default"), 1)
        self.assertTrue(three.ended())

    def test_all_but_oneself(self):
        one = self.resp()
        others = [self.resp() for _ in range(8)]
        for other in others:
            other("PING")  # A connection that waits to be accepted is no client yet.
        self.assertGreaterEqual(
            one("CLIENT", "KILL", "LADDR", "127.0.0.1:%d" % self.server.port), 8)
        for other in others:
            self.assertTrue(other.ended())
        self.assertEqual(one("PING"), "PONG")

    def test_oneself_behind_the_reply(self):
        one = self.resp()
        one.send("CLIENT", "KILL", "ID", one("CLIENT", "ID"), "SKIPME", "NO")
        self.assertEqual(one.message(), 1)
        self.assertTrue(one.ended())

    @pollux_only
    def test_by_age(self):
        one, two = self.resp(), self.resp()
        number = two("CLIENT", "ID")
        self.assertEqual(one("CLIENT", "KILL", "ID", number, "MAXAGE", "1000"), 0)
        self.eventually(lambda: one("CLIENT", "KILL", "ID", number, "MAXAGE", "1") == 1)
        self.assertTrue(two.ended())

    def test_what_is_wrong(self):
        one = self.resp()
        for args in (["ID", "0"], ["ID", "x"], ["ID", "1", "TYPE"], ["TYPE", "foo"],
                     ["USER", "nobody"], ["SKIPME", "maybe"], ["foo", "bar"], []):
            self.assertIsInstance(one("CLIENT", "KILL", *args), Error, args)


class Pause(ClientCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: self.client.client_unpause())

    def test_writes_wait_and_reads_pass(self):
        one, two = self.resp(), self.resp()
        self.assertEqual(one("CLIENT", "PAUSE", "60000", "WRITE"), "OK")
        two.send("SET", "k", "1")
        two.send("GET", "k")
        self.assertTrue(two.nothing_comes())
        self.assertIsNone(one("GET", "k"))
        self.assertEqual(one("DBSIZE"), 0)
        self.assertRegex(one("INFO", "clients"), r"\r\nblocked_clients:1\r\n")
        self.assertIn("b", [line["flags"] for line in self.lines(one)])
        self.assertEqual(one("CLIENT", "UNPAUSE"), "OK")
        self.assertEqual([two.reply(), two.reply()], ["OK", "1"])
        self.assertRegex(one("INFO", "clients"), r"\r\nblocked_clients:0\r\n")

    def test_what_goes_to_replicas_waits_with_writes(self):
        one = self.resp()
        self.assertEqual(one("CLIENT", "PAUSE", "60000", "WRITE"), "OK")
        others = [(self.resp(), words) for words in (
            ("PUBLISH", "c", "m"), ("SPUBLISH", "c", "m"), ("PFCOUNT", "h"))]
        for other, words in others:
            other.send(*words)
        for other, words in others:
            self.assertTrue(other.nothing_comes(), words)
        self.assertEqual(one("CLIENT", "UNPAUSE"), "OK")
        self.assertEqual([other.reply() for other, _ in others], [0, 0, 0])

    def test_everything_waits_until_it_is_over(self):
        one, two = self.resp(), self.resp()
        began = time.monotonic()
        self.assertEqual(one("CLIENT", "PAUSE", "400"), "OK")
        two.send("PING")
        one.send("CLIENT", "UNPAUSE")
        self.assertIsInstance(self.resp()("GET"), Error)
        self.assertEqual([two.reply(), one.reply()], ["PONG", "OK"])
        self.assertGreaterEqual(time.monotonic() - began, 0.35)

    def test_what_writes_inside_multi(self):
        one, two, three = self.resp(), self.resp(), self.resp()
        for client in (two, three):
            self.assertEqual(client("MULTI"), "OK")
        self.assertEqual(three("SET", "k", "2"), "QUEUED")
        self.assertEqual(one("CLIENT", "PAUSE", "60000", "WRITE"), "OK")
        self.assertEqual(two("GET", "k"), "QUEUED")
        self.assertEqual(two("EXEC"), [None])
        three.send("EXEC")
        two("MULTI")
        two.send("SET", "k", "1")
        self.assertTrue(two.nothing_comes() and three.nothing_comes())
        one("CLIENT", "UNPAUSE")
        self.assertEqual([two.reply(), three.reply()], ["QUEUED", ["OK"]])

    def test_keys_stay_as_they_are(self):
        one = self.resp()
        one("SET", "k", "1", "PX", "500")
        one("CLIENT", "PAUSE", "60000", "WRITE")
        self.eventually(lambda: one("GET", "k") is None)
        self.assertEqual([one("EXISTS", "k"), one("TTL", "k"), one("DBSIZE")], [0, -2, 1])
        one("CLIENT", "UNPAUSE")
        self.eventually(lambda: one("DBSIZE") == 0)

    @pollux_only  # redis-server 7.0.15 ends with an assertion
    def test_unblock_is_no_unpause(self):
        one, two = self.resp(), self.resp()
        number = two("CLIENT", "ID")
        one("CLIENT", "PAUSE", "60000", "WRITE")
        two.send("SET", "k", "1")
        self.assertTrue(two.nothing_comes())
        self.assertEqual(one("CLIENT", "UNBLOCK", number), 0)
        self.assertEqual(one("CLIENT", "UNBLOCK", number, "ERROR"), 0)
        self.assertTrue(two.nothing_comes())

    def test_the_paused_may_be_killed(self):
        one, two = self.resp(), self.resp()
        number = two("CLIENT", "ID")
        one("CLIENT", "PAUSE", "60000", "WRITE")
        two.send("SET", "k", "1")
        self.assertTrue(two.nothing_comes())
        self.assertEqual(one("CLIENT", "KILL", "ID", number), 1)
        self.assertTrue(two.ended())
        one("CLIENT", "UNPAUSE")
        self.assertIsNone(one("GET", "k"))


class Limits(Case):

    def test_the_paused_are_not_timed_out(self):
        server = self.start(timeout=1)
        one, two, three = Resp(server), Resp(server), Resp(server)
        one("CLIENT", "PAUSE", "60000", "WRITE")
        two.send("SET", "k", "1")
        for _ in range(30):
            one("PING")
            time.sleep(0.1)
        self.assertTrue(three.ended())
        one("CLIENT", "UNPAUSE")
        self.assertEqual(two.reply(), "OK")
        for client in (one, two, three):
            client.close()

    def test_new_clients_come_during_a_pause_up_to_maxclients(self):
        server = self.start(maxclients=3)
        clients = [Resp(server)]
        # Until whoever looked whether the server is up has left.
        self.eventually(lambda: re.search("connected_clients:1\r", clients[0]("INFO", "clients")))
        clients += [Resp(server) for _ in range(2)]
        clients[0]("CLIENT", "PAUSE", "60000", "WRITE")
        clients[1].send("SET", "k", "1")
        self.assertTrue(clients[1].nothing_comes())
        fourth = Resp(server)
        self.assertEqual(fourth.message(), "ERR max number of clients reached")
        clients[1].close()  # who leaves makes room, paused or not
        self.eventually(lambda: re.search("connected_clients:2\r", clients[0]("INFO", "clients")))
        fifth = Resp(server)
        self.assertEqual(fifth("PING"), "PONG")
        for client in clients + [fourth, fifth]:
            client.close()

    def test_output_limits_of_three_classes(self):
        server = self.start(client_output_buffer_limit=["normal", "0", "0", "0", "replica",
                                                        "100mb", "0", "0", "pubsub", "1mb",
                                                        "512kb", "30"])
        client = server.redis()
        self.addCleanup(client.close)
        self.assertEqual(client.config_get("client-output-buffer-limit"),
                         {"client-output-buffer-limit":
                          "normal 0 0 0 slave 104857600 0 0 pubsub 1048576 524288 30"})
