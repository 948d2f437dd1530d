"""SLOWLOG and COMMANDLOG: entries of all workers as one log, arguments as redis-server keeps
them."""

import time

import redis

import harness
from case import Case, ServerCase, only_once, pollux_only


def ask(client, *args):
    """A reply as it comes: redis-py has forms of its own for SLOWLOG."""
    client.connection_pool.connection_kwargs.setdefault("encoding_errors", "replace")
    connection = client.connection_pool.get_connection("raw")
    try:
        connection.send_command(*args)
        return connection.read_response()
    except redis.ResponseError as error:
        return "-" + str(error)
    finally:
        client.connection_pool.release(connection)


class SlowlogOracle(Case):
    """The same commands on both servers, everything logged: the same entries."""

    COMMANDS = [
        ("CLIENT", "SETNAME", "me"),
        ("SET", "a", "x" * 128),
        ("SET", "a", "x" * 129),
        ("SET", "a", "x" * 100000),
        ("DEL",) + tuple(str(i) for i in range(31)),
        ("DEL",) + tuple(str(i) for i in range(32)),
        ("DEL",) + tuple(str(i) for i in range(200)),
        ("GET", "a\x00b"),
        ("GET",),
        ("NOSUCH", "a"),
        ("INCR", "a"),
        ("AUTH", "secret"),
        ("AUTH", "default", "secret"),
        ("HELLO", "2", "AUTH", "default", "secret"),
        ("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "you"),
        ("CONFIG", "SET", "masterauth", "secret", "maxmemory-samples", "5"),
        ("CONFIG", "SET", "MasterUser", "secret"),
        ("CONFIG", "SET", "nosuch", "secret"),
        ("CONFIG", "GET", "timeout"),
        ("SLOWLOG", "LEN"),
        ("KEYS", "nomatch*"),
        ("MSET", "k1", "v", "k2", "v", "k3", "v"),
        ("RENAME", "k1", "k9"),
        ("DBSIZE",),
        ("LATENCY", "RESET"),
        ("SLOWLOG", "GET", "x"),
    ]

    def entries(self, server):
        client = server.redis(single_connection_client=True)
        self.addCleanup(client.close)
        began = time.time()
        self.assertTrue(client.config_set("slowlog-log-slower-than", "0"))
        client.slowlog_reset()
        first = ask(client, "SLOWLOG", "GET", "1")[0][0]
        for command in self.COMMANDS:
            ask(client, *command)
        found = ask(client, "SLOWLOG", "GET", "-1")
        ended = time.time()
        # Commands do not overlap, and some of these take microseconds.
        took_us = [entry[2] for entry in found]
        self.assertGreaterEqual(min(took_us), 0)
        self.assertGreater(sum(took_us), 0)
        self.assertLessEqual(sum(took_us), (ended - began) * 1000000 + len(found))
        for entry in found:
            self.assertTrue(int(began) <= entry[1] <= ended, entry)
            self.assertRegex(entry[4], rb"^127\.0\.0\.1:\d+$")
        return [(entry[0] - first, entry[3], entry[5]) for entry in found]

    def test_as_redis_does(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        self.assertEqual(self.entries(self.start()), self.entries(theirs))

    @only_once
    def test_errors(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        want, have = theirs.redis(), self.start().redis()
        for command in (("SLOWLOG",), ("SLOWLOG", "nosuch"), ("SLOWLOG", "GET", "-2"),
                        ("SLOWLOG", "GET", "1", "2"), ("SLOWLOG", "GET", "1.5"),
                        ("SLOWLOG", "LEN", "x"), ("SLOWLOG", "RESET", "x"),
                        ("SLOWLOG", "GET", "99999999999999999999")):
            self.assertEqual(ask(have, *command), ask(want, *command), command)


class Slowlog(ServerCase):

    def setUp(self):
        super().setUp()
        self.client.config_set("slowlog-log-slower-than", "-1")
        self.client.config_set("slowlog-max-len", "128")
        self.client.slowlog_reset()

    def test_entries_of_all_workers_in_one_order(self):
        clients = [self.server.redis(client_name="c%d" % i) for i in range(8)]
        for client in clients:
            client.ping()
        self.client.config_set("slowlog-log-slower-than", "0")
        for turn in range(5):
            for i, client in enumerate(clients):
                client.set("key:%d:%d" % (turn, i), "v")
        self.client.config_set("slowlog-log-slower-than", "-1")
        found = [entry for entry in ask(self.client, "SLOWLOG", "GET", "-1")
                 if entry[3][0] == b"SET"]
        self.assertEqual([entry[3][1] for entry in reversed(found)],
                         [b"key:%d:%d" % (turn, i) for turn in range(5) for i in range(8)])
        self.assertEqual([entry[5] for entry in reversed(found)],
                         [b"c%d" % i for i in range(8)] * 5)
        ids = [entry[0] for entry in found]
        self.assertEqual(ids, sorted(set(ids), reverse=True))

    def test_length_is_that_of_the_whole_log(self):
        self.client.config_set("slowlog-max-len", "5")
        self.client.config_set("slowlog-log-slower-than", "0")
        clients = [self.server.redis() for _ in range(8)]
        for client in clients * 3:
            client.get("k")
        self.assertEqual(self.client.slowlog_len(), 5)
        self.assertEqual(len(ask(self.client, "SLOWLOG", "GET", "-1")), 5)
        self.assertEqual(len(ask(self.client, "SLOWLOG", "GET", "2")), 2)
        self.client.config_set("slowlog-max-len", "2")
        self.assertEqual(self.client.slowlog_len(), 2)
        self.client.config_set("slowlog-log-slower-than", "-1")
        self.client.slowlog_reset()
        self.assertEqual(self.client.slowlog_len(), 0)

    def test_commands_of_a_transaction(self):
        client = self.server.redis(client_name="tx")
        client.ping()
        self.client.config_set("slowlog-log-slower-than", "0")
        for keys in (("a",), ("b",), ("c",), ("a", "b", "c", "d")):  # here, elsewhere, over shards
            pipe = client.pipeline(transaction=True)
            for key in keys:
                pipe.set(key, "v")
            pipe.execute()
        self.client.config_set("slowlog-log-slower-than", "-1")
        found = [entry for entry in ask(self.client, "SLOWLOG", "GET", "-1")
                 if entry[3][0] in (b"SET", b"EXEC")]
        self.assertEqual([entry[3] for entry in reversed(found)],
                         [[b"SET", b"%c" % key, b"v"] for key in b"abcabcd"])
        self.assertEqual({entry[5] for entry in found}, {b"tx"})

    def test_only_slow_commands(self):
        server = self.start(enable_debug_command="yes", slowlog_log_slower_than="20000")
        client = server.redis(client_name="sleeper")
        client.set("k", "v")
        client.execute_command("DEBUG", "SLEEP", "0.05")
        found = ask(client, "SLOWLOG", "GET")
        self.assertEqual(len(found), 1)
        self.assertGreaterEqual(found[0][2], 50000)
        self.assertEqual(found[0][3], [b"DEBUG", b"SLEEP", b"0.05"])
        self.assertEqual(found[0][5], b"sleeper")

    @pollux_only
    def test_waiting_is_no_commands_time(self):
        pause = 0.4
        self.client.config_set("slowlog-log-slower-than", int(pause * 1000000 / 2))
        self.client.slowlog_reset()
        clients = [self.server.redis(single_connection_client=True) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
        # What a worker did last was for its own client, and what it does next is for another's.
        for client in clients + clients[:1]:
            for key in range(16):
                client.get("key%d" % key)
            time.sleep(pause)
        self.assertEqual(ask(self.client, "SLOWLOG", "GET", "-1"), [])

    @pollux_only
    def test_large_requests_and_replies(self):
        self.client.config_set("commandlog-request-larger-than", "2000")
        self.client.config_set("commandlog-reply-larger-than", "4000")
        for kind in ("slow", "large-request", "large-reply"):
            ask(self.client, "COMMANDLOG", "RESET", kind)
        keys = ["big:%d" % i for i in range(10)]  # on all shards
        for key in keys:
            self.client.set(key, "x" * 5000)
            self.client.get(key)
            self.client.getrange(key, 0, 10)
        self.client.mget(keys)
        requests = ask(self.client, "COMMANDLOG", "GET", "-1", "large-request")
        self.assertEqual([entry[3][:2] for entry in reversed(requests)],
                         [[b"SET", key.encode()] for key in keys])
        for entry in requests:
            self.assertIn(entry[2], range(5000, 5100))
            self.assertEqual(entry[3][2], b"x" * 128 + b"... (4872 more bytes)")
        replies = ask(self.client, "COMMANDLOG", "GET", "-1", "Large-Reply")
        self.assertEqual([entry[3][0] for entry in replies], [b"MGET"] + [b"GET"] * 10)
        self.assertIn(replies[0][2], range(50000, 50200))
        self.assertEqual(ask(self.client, "COMMANDLOG", "LEN", "large-reply"), 11)
        self.assertEqual(ask(self.client, "COMMANDLOG", "LEN", "slow"), 0)
        self.client.config_set("commandlog-large-reply-max-len", "3")
        self.assertEqual(ask(self.client, "COMMANDLOG", "LEN", "large-reply"), 3)
        ask(self.client, "COMMANDLOG", "RESET", "large-reply")
        self.assertEqual(ask(self.client, "COMMANDLOG", "GET", "5", "large-reply"), [])
        self.assertEqual(ask(self.client, "COMMANDLOG", "LEN", "large-request"), 10)
        self.assertIn("type should be one of", ask(self.client, "COMMANDLOG", "LEN", "nosuch"))
        self.assertIn("count should be", ask(self.client, "COMMANDLOG", "GET", "-2", "slow"))

    @pollux_only
    def test_one_option_by_two_names(self):
        self.client.config_set("commandlog-execution-slower-than", "777")
        self.assertEqual(self.client.config_get("slowlog-log-slower-than"),
                         {"slowlog-log-slower-than": "777"})
