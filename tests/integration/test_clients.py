"""The clients and tools that people have: redis-cli, redis-benchmark, redis-py."""

import subprocess
import threading

import redis

import harness
from case import ServerCase, fewer, not_quick


class RedisCli(ServerCase):

    def test_session(self):
        lines = "set greeting hello\nappend greeting ' world'\nget greeting\nincr n\nincr n\n" \
                "set t v ex 100\nttl t\ntype greeting\nobject encoding n\nnosuch\n"
        out = self.cli(stdin=lines.encode()).splitlines()
        self.assertEqual(out[:9], ["OK", "11", "hello world", "1", "2", "OK", "100", "string",
                                   "int"])
        self.assertIn("unknown command 'nosuch'", out[9])

    def test_arguments_and_database(self):
        self.assertEqual(self.cli("-n", "3", "set", "k", "v"), "OK\n")
        self.assertEqual(self.cli("-n", "3", "get", "k"), "v\n")
        self.assertEqual(self.cli("get", "k"), "\n")

    def test_resp3(self):
        self.assertEqual(self.cli("-3", "set", "k", "v"), "OK\n")
        self.assertIn("proto", self.cli("-3", "hello", "3"))

    def test_scan(self):
        self.client.mset({"key:%d" % i: i for i in range(3000)})
        self.client.set("other", 1)
        found = self.cli("--scan", "--pattern", "key:*").split()
        self.assertEqual(sorted(found), sorted("key:%d" % i for i in range(3000)))

    def test_bigkeys(self):
        self.client.set("small", "x")
        self.client.set("big", "x" * 5000)
        self.assertIn("Biggest string found '\"big\"' has 5000 bytes", self.cli("--bigkeys"))

    def test_pipe(self):
        count = 20000
        data = b"".join(harness.encode("SET", "pipe:%d" % i, "v%d" % i) for i in range(count))
        out = self.cli("--pipe", stdin=data)
        self.assertIn("errors: 0, replies: %d" % count, out)
        self.assertEqual(self.client.dbsize(), count)

    def test_latency(self):
        samples = self.cli("--latency", "-i", "1", "--raw", seconds=30).split()
        self.assertGreater(int(samples[3]), 10)

    def test_stat(self):
        # It runs until it is stopped.
        result = subprocess.run(
            ["timeout", "1.5", "stdbuf", "-oL", "redis-cli", "-p", str(self.server.port), "--stat",
             "-i", "0.1"],
            stdout=subprocess.PIPE, timeout=20)
        self.assertGreaterEqual(len(result.stdout.splitlines()), 5)

    def test_info(self):
        out = self.cli("info")
        for field in ("redis_version:", "used_memory:", "connected_clients:",
                      "total_commands_processed:", "# Keyspace"):
            self.assertIn(field, out)


class RedisBenchmark(ServerCase):

    def bench(self, *args):
        result = subprocess.run(
            ["redis-benchmark", "-p", str(self.server.port), "--csv", "-r", "10000", *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        out = result.stdout.decode()
        self.assertEqual(result.returncode, 0, out)
        self.assertNotIn("rror", out)
        return [line for line in out.splitlines() if line.startswith('"') and "rps" not in line]

    def test_without_pipeline(self):
        rows = self.bench("-t", "ping,set,get,incr,mset", "-n", "5000", "-c", "50")
        self.assertEqual(len(rows), 6)  # ping twice: inline and multi bulk

    def test_pipelines(self):
        for depth in ("16", "200"):
            rows = self.bench("-t", "set,get,incr,mset", "-P", depth,
                              "-n", str(fewer(40000, by=10)))
            self.assertEqual(len(rows), 4)

    @not_quick
    def test_threads_and_big_values(self):
        self.assertEqual(len(self.bench("-t", "set,get", "-n", "20000", "-d", "20000",
                                        "-P", "4", "--threads", "2")), 2)

    def test_one_connection_each_time(self):
        self.assertEqual(len(self.bench("-t", "set,get", "-n", "1000", "-k", "0")), 2)


class RedisPy(ServerCase):

    def test_decoded(self):
        client = self.server.redis(decode_responses=True)
        self.assertTrue(client.set("k", "caf\u00e9", ex=100))
        self.assertEqual(client.get("k"), "caf\u00e9")
        self.assertEqual(client.mget("k", "none"), ["caf\u00e9", None])
        self.assertTrue(0 < client.ttl("k") <= 100)
        self.assertEqual(client.config_get("maxmemory-policy"),
                         {"maxmemory-policy": "noeviction"})
        self.assertIn("redis_version", client.info())

    def test_binary(self):
        value = bytes(range(256)) * 400
        self.client.set(b"\x00\r\n", value)
        self.assertEqual(self.client.get(b"\x00\r\n"), value)

    def test_pipeline(self):
        pipe = self.client.pipeline(transaction=False)
        for i in range(2000):
            pipe.set("p%d" % i, i)
            pipe.get("p%d" % i)
            pipe.incr("sum")
        replies = pipe.execute()
        self.assertEqual(replies[1::3], [b"%d" % i for i in range(2000)])
        self.assertEqual(replies[2::3], list(range(1, 2001)))

    def test_scan_iter_under_change(self):
        stay = {b"stay:%d" % i for i in range(2000)}
        self.client.mset({k: 1 for k in stay})
        seen = set()
        for i, key in enumerate(self.client.scan_iter(count=50)):
            seen.add(key)
            self.client.set("new:%d" % i, 1)
            self.client.delete("new:%d" % (i - 5))
            if i > 20000:
                break
        self.assertTrue(stay <= seen)

    def test_big_values(self):
        for size in (16383, 16384, 65536, 1 << 20, 8 << 20):
            value = b"v" * size
            self.client.set("big", value)
            self.assertEqual(self.client.get("big"), value)

    def test_errors_are_redis_errors(self):
        self.client.set("k", "text")
        with self.assertRaisesRegex(redis.ResponseError, "not an integer"):
            self.client.incr("k")
        with self.assertRaisesRegex(redis.ResponseError, "unknown command"):
            self.client.execute_command("NOSUCH")

    def test_threads_share_a_pool(self):
        errors = []

        def work(name):
            try:
                for i in range(300):
                    self.client.set("%s:%d" % (name, i), i)
                    if self.client.get("%s:%d" % (name, i)) != b"%d" % i:
                        errors.append((name, i))
                    self.client.incr("shared")
            except redis.RedisError as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(self.client.get("shared"), b"2400")
