"""Transactions by a real client on real sockets: optimistic updates, what EXEC refuses, limits."""

import threading

import redis

from case import Case, Raw, ServerCase
from harness import encode

KEYS = ["alpha", "beta", "gamma", "delta", "epsilon"]  # they lie on different shards of four


class Transactions(ServerCase):

    def test_pipeline_of_redis_py(self):
        with self.client.pipeline(transaction=True) as pipe:
            pipe.set("alpha", 1).incr("alpha").set("beta", "x").incr("beta").mget("alpha", "beta")
            replies = pipe.execute(raise_on_error=False)
        self.assertEqual(replies[:3], [True, 2, True])
        self.assertIsInstance(replies[3], redis.ResponseError)
        self.assertEqual(replies[4], [b"2", b"x"])

    def test_optimistic_updates_are_not_lost(self):
        def add(times):
            with self.server.redis() as client:
                for _ in range(times):
                    client.transaction(raise_all, *KEYS)

        def raise_all(pipe):
            values = [int(v or 0) for v in pipe.mget(KEYS)]
            pipe.multi()
            for key, value in zip(KEYS, values):
                pipe.set(key, value + 1)

        threads = [threading.Thread(target=add, args=(60,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.client.mget(KEYS), [b"240"] * len(KEYS))

    def test_watched_key_expires(self):
        for key in KEYS:
            self.client.set(key, "v", px=400)
        with self.client.pipeline() as pipe:
            pipe.watch(*KEYS)
            self.eventually(lambda: self.client.get(KEYS[0]) is None, what="expiry")
            pipe.multi()
            pipe.ping()
            self.assertRaises(redis.WatchError, pipe.execute)

    def test_flush_and_swap_touch(self):
        for command in (("FLUSHALL",), ("FLUSHDB",), ("SWAPDB", "0", "1"), ("RENAME", "beta", "z"),
                        ("MOVE", "beta", "5"), ("COPY", "alpha", "beta", "REPLACE")):
            self.client.mset({"alpha": 1, "beta": 2})
            with self.client.pipeline() as pipe:
                pipe.watch("beta")
                self.client.execute_command(*command)
                pipe.multi()
                pipe.ping()
                self.assertRaises(redis.WatchError, pipe.execute)
            self.client.execute_command("FLUSHALL")

    def test_another_form_of_the_same_value_touches_nothing(self):
        """It counts as a change, though, as in redis-server."""
        for word in ("GETREG", "TODENSE"):
            self.client.pfadd("hll" + word, "a", "b")
            changes = self.client.info("persistence")["rdb_changes_since_last_save"]
            with self.client.pipeline() as pipe:
                pipe.watch("hll" + word)
                self.client.execute_command("PFDEBUG", word, "hll" + word)
                self.assertEqual(self.client.execute_command("PFDEBUG", "ENCODING", "hll" + word),
                                 b"dense")
                pipe.multi()
                pipe.ping()
                self.assertEqual(pipe.execute(), [True])
            self.assertEqual(self.client.info("persistence")["rdb_changes_since_last_save"],
                             changes + 1)

    def test_what_has_grown_for_nothing_touches_nothing(self):
        with self.client.pipeline() as pipe:
            pipe.watch("grown")
            self.assertEqual(self.client.execute_command(
                "BITFIELD", "grown", "OVERFLOW", "FAIL", "INCRBY", "u8", "0", "256"), [None])
            self.assertEqual(self.client.strlen("grown"), 1)
            pipe.multi()
            pipe.ping()
            self.assertEqual(pipe.execute(), [True])

    def test_client_list_shows_it(self):
        with Raw(self.server) as raw:
            raw.send(encode("CLIENT", "SETNAME", "tx") + encode("WATCH", *KEYS) + encode("MULTI") +
                     encode("SET", "alpha", "x" * 1000) + encode("PING"))
            raw.read_exactly(b"+OK\r\n" * 3 + b"+QUEUED\r\n" * 2)
            line = [c for c in self.client.client_list() if c["name"] == "tx"][0]
            self.assertEqual(line["flags"], "x")
            self.assertEqual((line["multi"], line["watch"]), ("2", "5"))
            self.assertGreater(int(line["multi-mem"]), 1000)
            self.assertGreater(int(line["tot-mem"]), int(line["multi-mem"]))

    def test_info_and_client_list_inside(self):
        with self.client.pipeline(transaction=True) as pipe:
            pipe.set("alpha", 1).info("keyspace").set("beta", 1).info("keyspace").client_list()
            first, second = [r["db0"]["keys"] for r in pipe.execute()[1:4:2]]
        self.assertEqual((first, second), (1, 2))


class OutOfMemory(Case):

    def test_exec_is_refused(self):
        server = self.start()
        with server.redis() as admin, Raw(server) as raw:
            raw.send(encode("MULTI") + encode("SET", "a", "1"))
            raw.read_exactly(b"+OK\r\n+QUEUED\r\n")
            admin.set("b", "x" * 10000)
            admin.config_set("maxmemory", 1000)
            oom = b"OOM command not allowed when used memory > 'maxmemory'.\r\n"
            for request, reply in (
                    ("EXEC", b"-EXECABORT Transaction discarded because of: " + oom),
                    ("MULTI", b"+OK\r\n"),
                    ("PING", b"-" + oom),
                    ("DISCARD", b"+OK\r\n"),
                    ("PING", b"+PONG\r\n")):
                raw.send(encode(request))
                self.assertEqual(raw.read_exactly(reply), reply)
