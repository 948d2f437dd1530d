"""What the tests of append-only histories share: commands by chance, servers on copies of files,
and what a client can see of all keys."""

import os
import re
import shutil
import signal
import subprocess
import time

from test_load import LoadCase

DIRECTORY = "appendonlydir"
NAME = "appendonly.aof"


def words_by_chance(rng, i):
    """One write, as words: of any type, on one key or several, in time or by chance."""
    def key(kind):
        return "%s:%d" % (kind, rng.randrange(20))

    def number():
        return str(rng.randrange(500))
    text = "v" * rng.choice((0, 3, 30, 300, 3000))
    return rng.choice((
        ("SET", key("s"), text), ("SET", key("s"), number(), "EX", "50000"),
        ("SET", key("s"), "x", "KEEPTTL"), ("SETEX", key("s"), "40000", number()),
        ("GETEX", key("s"), "PERSIST"), ("GETDEL", key("s")), ("APPEND", key("s"), number()),
        ("SETRANGE", key("s"), "7", number()), ("INCRBY", key("n"), number()),
        ("INCRBYFLOAT", key("n"), "0.5"), ("MSET", key("s"), "1", key("s"), number()),
        ("MSETNX", key("s"), "1", key("s"), "2"), ("SETBIT", key("b"), number(), "1"),
        ("BITFIELD", key("b"), "INCRBY", "u8", "3", number()),
        ("BITOP", "XOR", key("b"), key("b"), key("b")),
        ("RPUSH", key("l"), number(), number(), text), ("LPUSH", key("l"), number()),
        ("LPOP", key("l"), "2"), ("LINSERT", key("l"), "BEFORE", number(), "new"),
        ("LREM", key("l"), "1", number()), ("LMOVE", key("l"), key("l"), "LEFT", "RIGHT"),
        ("LTRIM", key("l"), "0", "30"), ("BLPOP", key("l"), key("l"), "0.001"),
        ("SADD", key("e"), number(), number(), "word"), ("SREM", key("e"), number()),
        ("SPOP", key("e"), "2"), ("SMOVE", key("e"), key("e"), number()),
        ("SUNIONSTORE", key("e"), key("e"), key("e")), ("SDIFFSTORE", key("e"), key("e"), key("e")),
        ("HSET", key("h"), number(), text, "f", number()), ("HINCRBY", key("h"), "n", "3"),
        ("HINCRBYFLOAT", key("h"), "r", "0.25"), ("HDEL", key("h"), number(), "f"),
        ("ZADD", key("z"), number(), number(), number(), "m"), ("ZINCRBY", key("z"), "1.5", "m"),
        ("ZPOPMIN", key("z")), ("ZUNIONSTORE", key("z"), "2", key("z"), key("z")),
        ("ZRANGESTORE", key("z"), key("z"), "0", "5"), ("ZREMRANGEBYRANK", key("z"), "0", "1"),
        ("GEOADD", key("g"), "13.3", "38.1", number()),
        ("GEORADIUS", key("g"), "13", "38", "200", "km", "STORE", key("z")),
        ("XADD", key("x"), "*", "f", number()), ("XADD", key("x"), "MAXLEN", "5", "*", "f", "v"),
        ("XTRIM", key("x"), "MAXLEN", "3"), ("XGROUP", "CREATE", key("x"), "g", "0", "MKSTREAM"),
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", key("x"), ">"),
        ("XAUTOCLAIM", key("x"), "g", "d", "0", "0"), ("XGROUP", "DESTROY", key("x"), "g"),
        ("PFADD", key("p"), number(), number()), ("PFMERGE", key("p"), key("p"), key("p")),
        ("PFCOUNT", key("p"), key("p")), ("PFCOUNT", key("p")),
        ("SORT", key("e"), "ALPHA", "STORE", key("l")), ("DEL", key("s"), key("l")),
        ("UNLINK", key("h"), key("z"), key("x")), ("RENAME", key("s"), key("s")),
        ("RENAMENX", key("l"), key("l")), ("COPY", key("z"), key("z"), "REPLACE"),
        ("MOVE", key("s"), "3"), ("EXPIRE", key("l"), "30000"), ("PEXPIRE", key("h"), "70000000"),
        ("EXPIREAT", key("s"), "2500000000"), ("PERSIST", key("l")), ("PEXPIRE", key("n"), "1"),
        ("SELECT", "0"), ("SELECT", "0"), ("SELECT", "3"), ("SELECT", "15"),
        ("SWAPDB", "0", "3") if i % 7 == 0 else ("TOUCH", key("s")),
        ("FLUSHDB",) if i % 40 == 0 else ("SETNX", key("s"), "1"),
        ("FLUSHALL",) if i % 90 == 0 else ("EXISTS", key("s")),
    ))


class AofCase(LoadCase):

    def files(self, *names):
        return os.path.join(self.directory, *names)

    def copied(self):
        """The directory as it is now, for a server of its own."""
        copy = self.new_directory()
        shutil.copytree(self.directory, copy, dirs_exist_ok=True)
        return copy

    def theirs(self, **options):
        server = self.redis(**{"appendonly": "yes", "dir": self.copied(), **options})
        self.eventually(lambda: server.redis().info("persistence")["loading"] == 0, 60, "loaded")
        return server

    def ours(self, **options):
        """Each time on a copy: it makes the last file ready to be appended to."""
        server = self.start(dir=self.copied(), appendonly="yes", enable_debug_command="yes",
                            **options)
        self.wait_loaded(server)
        return server

    def seen(self, server):
        """Of every key what does not depend on when it was loaded."""
        keys = self.properties(server)
        for values in keys.values():
            if values[0] == b"stream":
                for group in values[-1]["groups"]:
                    for consumer in group["consumers"]:
                        consumer[consumer.index(b"seen-time") + 1] = 0
        return keys

    def rewrite(self, client):
        def over():
            info = client.info("persistence")
            return not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]

        def begun():
            return client.info("persistence").get("aof_rewrites", 0)
        before = begun()
        client.bgrewriteaof()
        self.eventually(lambda: begun() > before and over(), 60, "rewritten")

    def write_by_chance(self, rng, client, count):
        """By one client, with transactions."""
        multi = False
        for i in range(count):
            if rng.random() < 0.06:
                client("EXEC" if multi else "MULTI")
                multi = not multi
            client(*words_by_chance(rng, i))
        if multi:
            client("EXEC")


class KeptCase(AofCase):
    """A server that keeps a history in self.directory, again and again."""

    def setUp(self):
        super().setUp()
        self.served = []

    def serve(self, **options):
        options = {"dir": self.directory, "appendonly": "yes", "enable_debug_command": "yes",
                   **options}
        server = self.start(**options)
        self.served.append(server)
        self.wait_loaded(server)
        return server

    def stop_all(self):
        for server in self.served:
            server.stop()

    def clear(self):
        self.stop_all()
        shutil.rmtree(self.files(DIRECTORY), ignore_errors=True)

    def end(self, server, how):
        os.kill(server.pid, how)
        status = server.wait(30)
        self.assertEqual(status, -9 if how == signal.SIGKILL else 0, server.log())
        server.stop()

    def seen(self, server):
        """Without encodings: those depend on the way a value was made."""
        return {name: values[:2] + values[3:] for name, values in super().seen(server).items()}

    def settle(self):
        """What was to expire within milliseconds has; and with everysec, what a kill takes is
        what came within the last hundredth of a second."""
        time.sleep(0.1)

    def same(self, have, expected):
        others = {name for name in have.keys() | expected.keys()
                  if have.get(name) != expected.get(name)}
        self.assertEqual({name: have.get(name) for name in others},
                         {name: expected.get(name) for name in others})

    def named(self, kind):
        with open(self.files(DIRECTORY, NAME + ".manifest")) as f:
            return [self.files(DIRECTORY, line.split()[1]) for line in f
                    if line.split()[5] == kind]

    def last_file(self):
        return self.named("i")[-1]

    def base_file(self):
        return self.named("b")[0]

    def history(self):
        """All that was appended and is in force."""
        text = b""
        for name in self.named("i"):
            with open(name, "rb") as f:
                text += f.read()
        return text

    def check_files(self, begun=False):
        """`begun`: files of a rewrite that was killed may be left; the next one replaces them."""
        result = subprocess.run(
            ["redis-check-aof", os.path.join(DIRECTORY, NAME + ".manifest")], timeout=60,
            capture_output=True, text=True, check=False, cwd=self.directory)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        named = {os.path.basename(name) for name in self.named("i") + self.named("b")}
        there = set(os.listdir(self.files(DIRECTORY))) - named
        if begun:
            there = {name for name in there if not re.search("[.](incr|base)[.](aof|rdb)$", name)}
        self.assertEqual(there, {NAME + ".manifest"})
