"""DEBUG and LOLWUT."""

import os
import re

import redis

import harness
from case import Case, only_once, pollux_only
from resp_client import Resp
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
                        "HTSTATS-KEY list", "HTSTATS-KEY stream", "STRUCTSIZE x",
                        "QUICKLIST", "QUICKLIST nosuch", "QUICKLIST text", "QUICKLIST small 1",
                        "QUICKLIST list 1 2", "CLUSTERLINK KILL to x", "CLUSTERLINK KILL to",
                        "DROP-CLUSTER-PACKET-FILTER 1", "DROP-CLUSTER-PACKET-FILTER", "LEAK",
                        "AOF-FLUSH-SLEEP", "MALLCTL", "MALLCTL-STR", "REPLICATE",
                        "SET-SKIP-CHECKSUM-VALIDATION", "SET-SKIP-CHECKSUM-VALIDATION x"):
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

    @pollux_only
    def test_quicklist_is_told_in_the_log(self):
        server = self.start(enable_debug_command="yes")
        client = server.redis()
        client.rpush("small", "a", "b")
        client.rpush("large", *("x" * 100 for _ in range(1000)))
        for request in ("small", "small 1", "large", "large x", "large 1"):
            self.assertIn(b"told in the log", ask(client, "DEBUG", "QUICKLIST", *request.split()))
        log = server.log(limit=100_000)
        self.assertIn("DEBUG QUICKLIST: 2 elements, ql_nodes:1", log)
        nodes = int(re.search(rb"ql_nodes:(\d+)", ask(client, "DEBUG", "OBJECT", "large")).group(1))
        self.assertGreater(nodes, 1)
        self.assertEqual(log.count("DEBUG QUICKLIST: 1000 elements, ql_nodes:%d" % nodes), 3)
        self.assertEqual(log.count(": packed, "), nodes)

    @pollux_only
    def test_checksums_that_are_not_checked(self):
        ours, theirs = self.both()
        theirs.set("k", "value")
        payload = theirs.dump("k")
        broken = payload[:-1] + bytes([payload[-1] ^ 1])
        for skip, answer in (("0", "-DUMP payload version or checksum are wrong"), ("1", b"OK"),
                             ("0", "-DUMP payload version or checksum are wrong")):
            for client in (ours, theirs):
                self.assertEqual(ask(client, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", skip), b"OK")
                self.assertEqual(ask(client, "RESTORE", "k", "0", broken, "REPLACE"), answer)
        self.assertEqual(ours.get("k"), b"value")

    @only_once
    @pollux_only
    def test_rewrites_all_options(self):
        path = os.path.join(self.new_directory(), "c.conf")
        with open(path, "w") as file:
            file.write("# mine\nenable-debug-command yes\nsave \"\"\n")
        server = self.start(config=path, dir="/tmp")
        client = server.redis()
        self.assertEqual(ask(client, "DEBUG", "CONFIG-REWRITE-FORCE-ALL"), b"OK")
        with open(path) as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[:3], ["# mine", "enable-debug-command yes", "save \"\""])
        self.assertIn("hz 10", lines)
        self.assertIn("appendonly no", lines)
        server.stop()
        again = self.start(config=path, dir="/tmp").redis()
        self.assertEqual(again.config_get("hz"), {"hz": "10"})
        without = self.start(enable_debug_command="yes").redis()
        self.assertIn("without a config file", ask(without, "DEBUG", "CONFIG-REWRITE-FORCE-ALL"))

    @only_once
    @pollux_only
    def test_what_is_not_there_says_why(self):
        client = self.start(enable_debug_command="yes").redis()
        for request in ("AOF-FLUSH-SLEEP 1", "LEAK x", "MALLCTL x", "MALLCTL-STR x 1",
                        "REPLICATE all", "RESTART", "CRASH-AND-RECOVER 5"):
            with self.subTest(request):
                answer = ask(client, "DEBUG", *request.split())
                self.assertTrue(answer.startswith("-"), answer)
                self.assertNotIn("unknown subcommand", answer)

    @only_once
    def test_crashes(self):
        for command in ("SEGFAULT", "ASSERT", "PANIC", "OOM"):
            server = self.start(enable_debug_command="yes")
            resp = Resp(server)  # which does not try to connect again
            resp.send("DEBUG", command)
            self.assertTrue(resp.ended())
            self.assertNotIn(server.wait(), (0, None), command)

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
