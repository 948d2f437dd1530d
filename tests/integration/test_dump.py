"""DUMP and RESTORE beside redis-server: what one dumps the other restores."""

import redis

import harness
import payloads
from case import Case, not_quick, only_once, pollux_only
from test_slowlog import ask


def fill(client):
    """Values of every type in every form."""
    pipe = client.pipeline(transaction=False)
    numbers = (0, 12, -1, 127, 128, -129, 32768, -32769, 2 ** 31, -2 ** 31 - 1, 2 ** 63 - 1)
    for number in numbers:
        pipe.set("n:%d" % number, number)
    for size in (0, 1, 20, 21, 44, 45, 63, 64, 500, 16383, 16384, 100000):
        pipe.set("s:%d" % size, "s" * size)
        pipe.set("b:%d" % size, bytes((i * i) % 251 for i in range(size)))
    pipe.append("n:0", "")
    pipe.setbit("bits", 100000, 1)
    for count in (1, 20, 400, 5000):
        pipe.rpush("l:%d" % count, *["element:%d" % (i % 321) for i in range(count)])
        pipe.sadd("i:%d" % count, *range(-count, 3 * count, 4))
        pipe.sadd("t:%d" % count, *["member:%d" % i for i in range(count)])
        pipe.hset("h:%d" % count, mapping={"field:%d" % i: i * i for i in range(count)})
        pipe.zadd("z:%d" % count, {"member:%d" % i: i % 17 / 4 for i in range(count)})
    pipe.rpush("l:long", "a", "b" * 70000, "", "c" * 300, 5)
    pipe.sadd("t:long", "a", "b" * 70000, 5)
    pipe.hset("h:long", mapping={"f": "v" * 70000, "g": 5})
    pipe.zadd("z:long", {"m" * 70000: 1, "n": float("inf"), "o": float("-inf"), "p": -0.0})
    pipe.execute()


# In these the order of elements, or where nodes begin, is each server's own.
OWN_BYTES = (b"t:", b"i:5000", b"h:5000", b"l:5000", b"l:long", b"h:long")


class Dump(Case):

    def both(self):
        theirs = harness.start_redis({"enable-debug-command": "yes"})
        self.addCleanup(theirs.stop)
        return self.start(enable_debug_command="yes").redis(), theirs.redis()

    def digest(self, client, key):
        return ask(client, "DEBUG", "DIGEST-VALUE", key)

    def test_what_one_dumps_the_other_restores(self):
        ours, theirs = self.both()
        for client in (ours, theirs):
            fill(client)
        self.assertEqual(ask(ours, "DEBUG", "DIGEST"), ask(theirs, "DEBUG", "DIGEST"))
        for key in sorted(ours.keys()):
            payload, other = ours.dump(key), theirs.dump(key)
            self.assertEqual(payload[0], other[0], key)
            if not key.startswith(OWN_BYTES):
                self.assertEqual(payload, other, key)
            digest = self.digest(theirs, key)
            for client in (ours, theirs):
                for name, taken in (("ours", payload), ("theirs", other)):
                    client.restore(name, 0, taken, replace=True)
                    self.assertEqual(self.digest(client, name), digest, (key, name))
            for name in ("ours", "theirs"):
                self.assertEqual(ours.object("encoding", name), theirs.object("encoding", name),
                                 key)

    @only_once
    def test_without_compression(self):
        ours, theirs = self.both()
        for client in (ours, theirs):
            client.config_set("rdbcompression", "no")
            client.set("s", "s" * 1000)
            client.hset("h", mapping={"f%d" % i: "vvvv" for i in range(100)})
        for key in ("s", "h"):
            self.assertEqual(ours.dump(key), theirs.dump(key))
            self.assertIn(b"vvvv" if key == "h" else b"s" * 1000, ours.dump(key))

    @only_once
    def test_types_of_old_servers(self):
        ours, theirs = self.both()
        for name, body in payloads.samples().items():
            for version in (1, 9, 10):
                for client in (ours, theirs):
                    client.restore(name, 0, payloads.seal(body, version), replace=True)
            self.assertEqual(self.digest(ours, name), self.digest(theirs, name), name)
            self.assertEqual(ours.object("encoding", name), theirs.object("encoding", name), name)
            # And what we make of it, they read.
            theirs.restore("again", 0, ours.dump(name), replace=True)
            self.assertEqual(self.digest(theirs, "again"), self.digest(theirs, name), name)

    @only_once
    def test_streams_through_both(self):
        ours, theirs = self.both()
        for i in range(3000):
            theirs.xadd("s", {"field": i, "other": "x" * (i % 50)},
                        id="%d-%d" % (i // 7, i % 7 + 1))
        for i in range(0, 3000, 5):
            theirs.xdel("s", "%d-%d" % (i // 7, i % 7 + 1))
        theirs.xgroup_create("s", "g", "0")
        theirs.xreadgroup("g", "alice", {"s": ">"}, count=500)
        theirs.xreadgroup("g", "bob", {"s": ">"}, count=300)
        theirs.xgroup_create("s", "h", "$")
        theirs.xgroup_create("empty", "g", "0", mkstream=True)
        for key in ("s", "empty"):
            payload = theirs.dump(key)
            ours.restore(key, 0, payload)
            self.assertEqual(ours.dump(key), payload)
            self.assertEqual(self.digest(ours, key), self.digest(theirs, key))
            theirs.restore("copy", 0, ours.dump(key), replace=True)
            self.assertEqual(ask(theirs, "XINFO", "STREAM", "copy", "FULL", "COUNT", "0"),
                             ask(theirs, "XINFO", "STREAM", key, "FULL", "COUNT", "0"))
        # Redis 5 has no more than length and last id behind the blocks.
        theirs.config_set("rdbcompression", "no")
        theirs.xadd("small", {"f": "v"}, id="1-1")
        theirs.xadd("small", {"f": "w"}, id="1-2")
        body = payloads.body(theirs.dump("small"))
        old = b"\x0f" + body[1:-6] + body[-1:]
        for client in (ours, theirs):
            client.restore("old", 0, payloads.seal(old))
        self.assertEqual(ours.dump("old"), theirs.dump("old"))
        self.assertEqual(payloads.body(ours.dump("old")), body)

    @only_once
    @pollux_only
    def test_types_of_newer_servers(self):
        client = self.start(rdbcompression="no").redis()
        for version in (11, 12):
            body = payloads.newer_samples()["set-listpack"]
            client.restore("k", 0, payloads.seal(body, version), replace=True)
            self.assertEqual(client.smembers("k"), {b"a", b"b", b"5"})
            for name in ("hash-listpackex", "hash-metadata"):
                body = payloads.newer_samples()[name]
                client.restore("h", 0, payloads.seal(body, version), replace=True)
                self.assertEqual(client.hgetall("h"), {b"a": b"1", b"b": b"x" * 30, b"c": b"5"})
                times = client.execute_command("HPEXPIRETIME", "h", "FIELDS", 3, "a", "b", "c")
                self.assertEqual(times, [4102444800000, 4102444800070, -1])
                self.assertEqual(client.object("encoding", "h"), b"listpackex")
                dumped = client.dump("h")
                self.assertEqual(dumped[-10:-8], b"\x0c\x00")
                self.assertEqual(payloads.body(dumped), payloads.newer_samples()["hash-listpackex"])

    @only_once
    def test_what_is_no_value(self):
        ours, theirs = self.both()
        theirs.config_set("sanitize-dump-payload", "yes")
        ours.set("k", "kept")
        before = ours.info("memory")["used_memory"]
        for name, body in payloads.hostile().items():
            # What is no number is 0 for redis-server.
            for client in (ours,) if name == "no score" else (ours, theirs):
                with self.assertRaisesRegex(redis.ResponseError, "Bad data format", msg=name):
                    client.restore("k", 0, payloads.seal(body), replace=True)
        self.assertEqual(ours.get("k"), b"kept")
        self.assertLess(ours.info("memory")["used_memory"], before + (4 << 20))

    def test_who_watches_the_key_knows(self):
        client = self.start().redis()
        client.rpush("l", "a", "b")
        payload = client.dump("l")
        with client.pipeline() as pipe:
            pipe.watch("copy")
            client.restore("copy", 0, payload)
            pipe.multi()
            pipe.get("x")
            with self.assertRaises(redis.WatchError):
                pipe.execute()
        self.assertEqual(client.lrange("copy", 0, -1), [b"a", b"b"])

    @not_quick
    def test_a_million_elements(self):
        ours, theirs = self.both()
        for start in range(0, 1000000, 10000):
            ours.hset("h", mapping={"field:%d" % i: "value:%d" % i
                                    for i in range(start, start + 10000)})
        payload = ours.dump("h")
        for client in (ours, theirs):
            client.restore("copy", 0, payload)
            self.assertEqual(client.hlen("copy"), 1000000)
        self.assertEqual(self.digest(ours, "copy"), self.digest(theirs, "copy"))
