"""Behaviour that needs a running server and time: expiry, memory limits, atomicity over shards."""

import threading
import time

import redis

from case import QUICK, Case, Loaded, ServerCase, fewer, fill, not_quick

KEYS = 60000


class Expiry(ServerCase):

    def fill(self, count, ttl_ms):
        pipe = self.client.pipeline(transaction=False)
        for i in range(count):
            pipe.set("e%d" % i, "v", px=ttl_ms(i))
            if i % 5000 == 4999:
                pipe.execute()
        pipe.execute()

    def test_keys_vanish_without_access(self):
        self.fill(1000, lambda i: 100 + i % 50)
        self.assertGreater(self.client.dbsize(), 0)
        self.eventually(lambda: self.client.dbsize() == 0, 10, "DBSIZE 0")
        self.assertEqual(self.client.info("stats")["expired_keys"] >= 1000, True)

    def test_exact_at_read(self):
        for ms in (1, 5, 20, 50):
            self.client.set("k", "v", px=ms)
            time.sleep(ms / 1000 + 0.002)
            self.assertIsNone(self.client.get("k"))

    @not_quick
    def test_many_keys_with_ttl(self):
        self.fill(KEYS, lambda i: 1500 + i % 1500)
        worst = 0.0
        deadline = time.monotonic() + 30
        while self.client.dbsize() > 0 and time.monotonic() < deadline:
            start = time.monotonic()
            self.client.ping()
            worst = max(worst, time.monotonic() - start)
        self.assertEqual(self.client.dbsize(), 0)
        self.assertLess(worst, 0.5)

    def test_ttl_survives_what_keeps_it(self):
        self.client.set("k", "1", ex=100)
        self.client.incr("k")
        self.client.append("k", "x")
        self.client.rename("k", "k2")
        self.assertTrue(90 < self.client.ttl("k2") <= 100)
        self.client.set("k2", "new")
        self.assertEqual(self.client.ttl("k2"), -1)


class MaxMemory(Loaded):

    def test_noeviction(self):
        server = self.start(maxmemory="30mb")
        client = server.redis()
        value = b"v" * 4000
        stored = 0
        with self.assertRaisesRegex(redis.ResponseError,
                                    "command not allowed when used memory > 'maxmemory'"):
            for stored in range(100000):
                client.set("m%d" % stored, value)
        self.assertGreater(stored, 3000)
        self.assertLess(client.info("memory")["used_memory"], 31 << 20)
        self.assertEqual(client.get("m0"), value)
        with self.assertRaises(redis.ResponseError):
            client.append("m0", value)
        client.delete(*["m%d" % i for i in range(1000)])
        self.assertTrue(client.set("again", value))
        client.config_set("maxmemory", "0")
        for i in range(3000):
            client.set("n%d" % i, value)

    def fill_up(self, client, size):
        """Stores values of that size until one is refused; how many there are."""
        count = fewer(200000, by=2)
        refused = fill(client, count, "f", size)
        self.assertGreater(refused, 0)
        return count - refused

    def test_small_keys_that_are_deleted_make_room(self):
        server = self.start(maxmemory=fewer(10 << 20, by=2))
        client = server.redis()
        stored = self.fill_up(client, 30)
        full = client.info("memory")["used_memory"]
        # Every other one: hardly any page of entries is left empty.
        for first in range(0, stored, 2000):
            client.delete(*["f%d" % i for i in range(first, min(first + 2000, stored), 2)])
        self.eventually(lambda: client.info("memory")["used_memory"] < full * 0.75, 10, "room")
        for i in range(1000):
            client.set("n%d" % i, b"v" * 200)  # of another size, too

    def test_room_is_there_at_once(self):
        server = self.start(maxmemory=fewer(10 << 20, by=2))
        client = server.redis()
        for _ in range(1 if QUICK else 3):
            self.fill_up(client, 30)
            pipe = client.pipeline(transaction=False)
            pipe.flushall()
            for i in range(8):
                pipe.set("n%d" % i, "v")
            self.assertEqual(pipe.execute(raise_on_error=False), [True] * 9)

    def test_account_returns_to_empty(self):
        server = self.start()
        client = server.redis()
        client.set("warm", "x")
        client.flushall()
        empty = client.info("memory")["used_memory"]
        pipe = client.pipeline(transaction=False)
        for i in range(20000):
            pipe.set("k%d" % i, b"v" * (i % 600))
        pipe.execute()
        self.assertGreater(client.info("memory")["used_memory"], empty + 5000000)
        client.flushall()
        self.eventually(lambda: client.info("memory")["used_memory"] < empty + 2500000, 10,
                        "memory is given back")


class OverShards(ServerCase):

    SECONDS = 2

    def run_threads(self, *functions):
        stop = time.monotonic() + self.SECONDS
        problems = []

        def guarded(function):
            client = self.server.redis()
            try:
                while time.monotonic() < stop and not problems:
                    problem = function(client)
                    if problem:
                        problems.append(problem)
            except redis.RedisError as error:
                problems.append(error)
            client.close()

        threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_mset_is_atomic(self):
        keys = ["s%d" % i for i in range(12)]
        self.client.mset({k: 0 for k in keys})

        def write(client):
            value = time.monotonic_ns()
            client.mset({k: value for k in keys})

        def read(client):
            values = set(client.mget(keys))
            return "torn read %s" % values if len(values) != 1 else None
        self.run_threads(write, write, read, read)

    def test_rename_moves_whole(self):
        self.client.set("token{1}", "v")

        def move(client, source, target):
            try:
                client.renamenx(source, target)
            except redis.ResponseError as error:
                self.assertIn("no such key", str(error))

        def there(client):
            move(client, "token{1}", "token{2}")

        def back(client):
            move(client, "token{2}", "token{1}")

        def count(client):
            found = client.exists("token{1}", "token{2}")
            return None if found == 1 else "%d tokens" % found
        self.run_threads(there, back, count, count)

    def test_later_write_is_not_seen_before_earlier(self):
        self.client.mset({"first": 0, "second{x}": 0})
        number = [0]

        def write(client):
            pipe = client.pipeline(transaction=False)
            for _ in range(20):
                number[0] += 1
                pipe.set("first", number[0])
                pipe.set("second{x}", number[0])
            pipe.execute()

        def read(client):
            first, second = (int(v) for v in client.mget("first", "second{x}"))
            return "first %d second %d" % (first, second) if second > first else None
        self.run_threads(write, read, read)

    def test_flushall_and_swapdb_hold_all(self):
        keys = ["f%d" % i for i in range(12)]

        def write(client):
            client.mset({k: 1 for k in keys})

        def flush(client):
            client.flushall()
            client.swapdb(0, 1)

        def read(client):
            found = client.exists(*keys)
            return None if found in (0, len(keys)) else "half a flush: %d" % found
        self.run_threads(write, flush, read, read)
