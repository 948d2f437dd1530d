"""DEBUG and LOLWUT."""

import re

import redis

import harness
from case import Case, only_once, pollux_only
from test_slowlog import ask


class Debug(Case):

    def both(self):
        theirs = harness.start_redis({"enable-debug-command": "yes"})
        self.addCleanup(theirs.stop)
        return self.start(enable_debug_command="yes").redis(), theirs.redis()

    def test_digest_is_that_of_redis(self):
        ours, theirs = self.both()
        self.assertEqual(ask(ours, "DEBUG", "DIGEST"), b"0" * 40)
        for client in (ours, theirs):
            pipe = client.pipeline(transaction=False)
            for i in range(500):
                pipe.set("k%d" % i, "v%d" % i)
                pipe.set("n%d" % i, i)
            pipe.set(b"bin\x00\r\n", b"\x00\xff", ex=1000)
            pipe.append("k1", "more")
            pipe.execute()
            client.execute_command("SELECT", 0)
            client.copy("k2", "k2", destination_db=3)
        self.assertEqual(ask(ours, "DEBUG", "DIGEST"), ask(theirs, "DEBUG", "DIGEST"))
        values = ("DEBUG", "DIGEST-VALUE", "k1", "n5", "nosuch", b"bin\x00\r\n", "k400")
        self.assertEqual(ask(ours, *values), ask(theirs, *values))
        ours.delete("k3")
        self.assertNotEqual(ask(ours, "DEBUG", "DIGEST"), ask(theirs, "DEBUG", "DIGEST"))

    def test_populate(self):
        ours, theirs = self.both()
        for request in (("1000",), ("10", "other"), ("10", "sized", "50"), ("20", "sized", "5"),
                        ("0",)):
            for client in (ours, theirs):
                self.assertEqual(ask(client, "DEBUG", "POPULATE", *request), b"OK")
        self.assertEqual(ours.dbsize(), theirs.dbsize())
        self.assertEqual(ask(ours, "DEBUG", "DIGEST"), ask(theirs, "DEBUG", "DIGEST"))

    def test_errors_are_those_of_redis(self):
        ours, theirs = self.both()
        for client in (ours, theirs):
            client.set("text", "x")
            client.hset("small", "f", "v")
            client.sadd("numbers", 1, 2)
            client.rpush("list", "x", "y")
            client.xadd("stream", {"f": "v"})
        for request in ("POPULATE x", "POPULATE -1", "POPULATE 1 a x", "POPULATE 1 a -1",
                        "DIGEST-VALUE", "QUICKLIST-PACKED-THRESHOLD x",
                        "QUICKLIST-PACKED-THRESHOLD -1", "QUICKLIST-PACKED-THRESHOLD 0",
                        "QUICKLIST-PACKED-THRESHOLD 1kb", "QUICKLIST-PACKED-THRESHOLD 4293918720",
                        "QUICKLIST-PACKED-THRESHOLD 4293918721",
                        "HTSTATS-KEY", "HTSTATS-KEY a b", "HTSTATS-KEY nosuch",
                        "HTSTATS-KEY text", "HTSTATS-KEY small", "HTSTATS-KEY numbers",
                        "HTSTATS-KEY list", "HTSTATS-KEY stream", "STRUCTSIZE x"):
            with self.subTest(request):
                self.assertEqual(ask(ours, "DEBUG", *request.split()),
                                 ask(theirs, "DEBUG", *request.split()))

    def test_bytes_of_a_list_are_those_of_redis(self):
        ours, theirs = self.both()
        for elements in (["a"], ["12", "b" * 30, "-7"], ["c" * 40] * 100):
            for client in (ours, theirs):
                client.delete("list")
                client.rpush("list", *elements)
            with self.subTest(elements=len(elements)):
                self.assertEqual(*(re.search(rb"ql_nodes.*ql_uncompressed_size:\d+",
                                             ask(client, "DEBUG", "OBJECT", "list")).group()
                                   for client in (ours, theirs)))

    @pollux_only
    def test_table_of_a_key(self):
        client = self.start(enable_debug_command="yes").redis()
        client.sadd("set", *("member%d" % i for i in range(1000)))
        client.zadd("zset", {"member%d" % i: i for i in range(1001)})
        client.hset("hash", mapping={"field%d" % i: "v" * 100 for i in range(1002)})
        for key, elements in (("set", 1000), ("zset", 1001), ("hash", 1002)):
            with self.subTest(key):
                text = ask(client, "DEBUG", "HTSTATS-KEY", key).decode()
                figures = dict(line.strip().split(": ") for line in text.splitlines()[1:])
                self.assertEqual(int(figures["number of elements"]), elements)
                table = int(figures["table bytes"])
                self.assertTrue(8 * elements <= table <= 16 * elements, text)
                # The key's entry comes to it in MEMORY USAGE.
                whole = int(figures["bytes of all"])
                self.assertTrue(table < whole < client.memory_usage(key) <= whole + 200, text)

    @only_once
    @pollux_only
    def test_struct_sizes(self):
        client = self.start(enable_debug_command="yes").redis()
        text = ask(client, "DEBUG", "STRUCTSIZE").decode()
        sizes = {name: int(size) for name, size in (word.split(":") for word in text.split(" "))}
        self.assertEqual(sizes["bits"], 64)
        self.assertEqual(set(sizes), {"bits", "entry", "expiry", "outside", "slot", "list", "set",
                                      "hash", "zset", "stream", "group"})
        # A key with a TTL takes what the header and the expiry block say, beside its own bytes.
        client.set("k" * 16, "v" * 32)
        plain = client.memory_usage("k" * 16)
        self.assertTrue(0 <= plain - 48 - sizes["entry"] - sizes["slot"] <= sizes["slot"], plain)
        client.expire("k" * 16, 1000)
        self.assertEqual(client.memory_usage("k" * 16) - plain, sizes["expiry"])

    @only_once
    def test_string_match(self):
        client = self.start(enable_debug_command="yes").redis()
        self.assertIn(b"10000", ask(client, "DEBUG", "STRINGMATCH-TEST"))
        self.assertEqual(ask(client, "DEBUG", "STRINGMATCH-LEN", "a*c", "abbbc"), 1)
        self.assertEqual(ask(client, "DEBUG", "STRINGMATCH-LEN", "a*c", "abbb"), 0)

    @only_once
    def test_crashes(self):
        for command in ("SEGFAULT", "ASSERT", "PANIC"):
            server = self.start(enable_debug_command="yes")
            client = server.redis()
            with self.assertRaises(redis.RedisError):
                client.execute_command("DEBUG", command)
            self.assertNotEqual(server.wait(), 0)

    @only_once
    def test_not_without_the_option(self):
        ours, theirs = self.start().redis(), harness.start_redis()
        self.addCleanup(theirs.stop)
        self.assertEqual(ask(ours, "DEBUG", "DIGEST"), ask(theirs.redis(), "DEBUG", "DIGEST"))


class Lolwut(Case):

    @only_once
    @pollux_only
    def test_draws(self):
        client = self.start().redis()
        picture = ask(client, "LOLWUT").decode()
        lines = picture.splitlines()
        self.assertEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines[:22])), 66)
        self.assertEqual(picture.count("✦"), 2)
        self.assertIn("Pollux ver.", lines[-1])
        self.assertIn("Redis ver. 7", lines[-1])
        self.assertNotEqual(picture, ask(client, "LOLWUT").decode())
        small = ask(client, "LOLWUT", "VERSION", "5", "30", "12").decode().splitlines()
        self.assertEqual(len(small), 14)
        self.assertLessEqual(max(map(len, small[:12])), 30)
        self.assertIn("not an integer", ask(client, "LOLWUT", "VERSION", "x"))
        self.assertIn(b"ver.", ask(client, "LOLWUT", "VERSION"))
        self.assertEqual(len(ask(client, "LOLWUT", "-5", "99999999").decode().splitlines()), 402)
