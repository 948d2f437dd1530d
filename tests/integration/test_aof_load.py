"""The append-only history that is loaded at the start, beside redis-server 7.0.15 with the same
files: the same data, whatever it was made of and wherever it is cut off; the same start without
one; and a sentence where it can't be loaded."""

import os
import random
import re
import shutil
import signal

import harness
from aof_case import DIRECTORY, NAME, AofCase
from case import QUICK, only_once, pollux_only
from resp_client import Resp
from test_load import LOADING

MANY = 200000 if QUICK else 1500000


def encode(*commands):
    return b"".join(harness.encode(*(word.encode() if isinstance(word, str) else word
                                     for word in command.split())) for command in commands)


class AofLoad(AofCase):

    def put(self, parts, manifest=None):
        """A history of these files: base (or None), and others."""
        shutil.rmtree(self.files(DIRECTORY), ignore_errors=True)
        os.mkdir(self.files(DIRECTORY))
        lines = ""
        for i, data in enumerate(parts):
            if data is None:
                continue
            kind, seq = ("incr", i) if i else ("base", 1)
            name = "%s.%d.%s.aof" % (NAME, seq, kind)
            lines += "file %s seq %d type %s\n" % (name, seq, kind[0])
            with open(self.files(DIRECTORY, name), "wb") as f:
                f.write(data)
        with open(self.files(DIRECTORY, NAME + ".manifest"), "w") as f:
            f.write(lines if manifest is None else manifest)

    def refused_history(self, *patterns, **options):
        server = self.start(dir=self.copied(), appendonly="yes", expect_start=False, **options)
        self.assertEqual(server.wait(60), 1, server.log())
        last = server.log().strip().splitlines()[-1]
        self.assertNotRegex(server.log(), "(?i)BUG|crash report|Ready to accept")
        for pattern in ("Fatal error loading the DB: ", "Exiting[.]$") + patterns:
            self.assertRegex(last, pattern)
        server.stop()

    def check_same(self, **options):
        """What redis-server and this one make of the files."""
        theirs = self.theirs(**options)
        digests = self.digests(theirs)
        keys = self.seen(theirs)
        theirs.stop()
        ours = self.ours(**options)
        have = self.seen(ours)
        others = {name for name in have.keys() | keys.keys() if have.get(name) != keys.get(name)}
        self.assertEqual({name: have.get(name) for name in others},
                         {name: keys.get(name) for name in others})
        self.assertEqual(self.digests(ours), digests)
        return ours, keys

    def writer(self, **options):
        return self.redis(**{"appendonly": "yes", "appendfsync": "no",
                             "auto-aof-rewrite-percentage": 0, **options})

    @pollux_only
    def test_has_what_redis_has_written(self):
        for preamble in ("yes", "no"):
            for rewritten in (False, True):
                with self.subTest(preamble=preamble, rewritten=rewritten):
                    shutil.rmtree(self.files(DIRECTORY), ignore_errors=True)
                    server = self.writer(**{"aof-use-rdb-preamble": preamble})
                    server.redis().function_flush()
                    self.fill(server)
                    client = server.redis()
                    if rewritten:
                        self.rewrite(client)
                    client.rpush("l:1", "more")
                    client.spop("t:400", 20)
                    client.eval("redis.call('SET', KEYS[1], 'x', 'EX', 5000)", 1, "by a script")
                    server.stop()
                    ours, keys = self.check_same()
                    self.assertGreater(len(keys), 60)
                    log = ours.log()
                    for pattern in ("DB loaded from base file .*: [0-9.]+ seconds",
                                    "DB loaded from incr file .*: [0-9.]+ seconds",
                                    "DB loaded from append only file: [0-9.]+ seconds"):
                        self.assertRegex(log, pattern)
                    self.assertRegex(log, "of functions|FUNCTION or SCRIPT")
                    self.assertNotRegex(log, "answered with an error")
                    self.assertLess(log.index("only file: "), log.index("Ready to accept"))
                    ours.stop()

    @pollux_only
    def test_commands_by_chance(self):
        for seed in range(2 if QUICK else 6):
            rng = random.Random(seed)
            shutil.rmtree(self.files(DIRECTORY), ignore_errors=True)
            server = self.writer(**{"aof-timestamp-enabled": rng.choice(("yes", "no"))})
            client = Resp(server)
            self.write_by_chance(rng, client, 2500)
            if seed % 2:
                self.rewrite(server.redis())
                self.write_by_chance(rng, client, 700)
            client.close()
            server.stop()
            with self.subTest(seed):
                ours, _ = self.check_same()
                self.assertNotRegex(ours.log(), "answered with an error")
                ours.stop()

    @pollux_only
    def test_cut_off_anywhere(self):
        rng = random.Random(5)
        server = self.writer()
        client = Resp(server)
        self.write_by_chance(rng, client, 300)
        client.close()
        server.stop()
        last = self.files(DIRECTORY, NAME + ".1.incr.aof")
        with open(last, "rb") as f:
            data = f.read()
        multi = data.index(b"$5\r\nMULTI")
        positions = {0, 1, 5, multi, multi + 20, multi + 60, len(data) - 1, len(data)}
        positions |= {rng.randrange(len(data)) for _ in range(4 if QUICK else 30)}
        for size in sorted(positions):
            with self.subTest(size), open(last, "wb") as f:
                f.write(data[:size])
                f.flush()
                ours, _ = self.check_same()
                kept = os.path.getsize(os.path.join(
                    ours.command[ours.command.index("--dir") + 1], DIRECTORY, NAME + ".1.incr.aof"))
                self.assertLessEqual(kept, size)
                if kept < size:
                    self.assertRegex(ours.log(), "cut at byte %d, and the %d bytes" % (
                        kept, size - kept))
                ours.stop()

    @only_once
    @pollux_only
    def test_files_of_old_servers(self):
        """One file, beside the directory; with an RDB file in front or without."""
        server = self.redis()
        self.fill(server)
        server.redis().save()
        server.stop()
        with open(self.path, "rb") as f:
            rdb = f.read()
        os.unlink(self.path)
        tail = encode("SELECT 3", "SET new 1", "SELECT 0", "RPUSH l:1 x")
        for head in (rdb, b""):
            with open(self.files(NAME), "wb") as f:
                f.write(head + tail)
            ours, keys = self.check_same()
            self.assertIn((3, b"new"), keys)
            self.assertTrue(os.path.exists(os.path.join(
                ours.command[ours.command.index("--dir") + 1], DIRECTORY, NAME)))
            ours.stop()

    @only_once
    @pollux_only
    def test_starts_without_a_history(self):
        """As redis-server: empty, whatever the RDB file has; and that loads what is made."""
        server = self.redis()
        server.redis().set("a", 1)
        server.redis().save()
        server.stop()
        for preamble in ("yes", "no"):
            theirs = self.theirs(**{"aof-use-rdb-preamble": preamble})
            names = sorted(os.listdir(os.path.join(theirs.redis().config_get("dir")["dir"],
                                                   DIRECTORY)))
            self.assertEqual(theirs.redis().dbsize(), 0)
            theirs.stop()
            ours = self.ours(**{"aof-use-rdb-preamble": preamble})
            home = ours.command[ours.command.index("--dir") + 1]
            self.assertEqual(ours.redis().dbsize(), 0)
            self.assertEqual(sorted(os.listdir(os.path.join(home, DIRECTORY))), names)
            self.assertRegex(ours.log(), "RDB file dump[.]rdb is NOT loaded")
            ours.stop()
            theirs = self.redis(appendonly="yes", dir=home)
            self.assertEqual(theirs.redis().dbsize(), 0)
            theirs.stop()
            ours = self.start(dir=home, appendonly="yes")
            self.wait_loaded(ours)
            self.assertNotRegex(ours.log(), "NOT loaded")
            ours.stop()

    @pollux_only
    def test_commands_that_fail_are_counted(self):
        self.put([None, encode("SET a 1", "LPUSH a 1", "BLPOP none 0", "SUBSCRIBE c", "SPOP a",
                               "SET b 2")])
        ours, keys = self.check_same()
        self.assertEqual(len(keys), 2)
        self.assertRegex(ours.log(), "2 commands were answered with an error, the first at byte "
                                     "27: lpush: -WRONGTYPE")
        self.assertNotIn("errorstat_WRONGTYPE", ours.redis().info("errorstats"))
        self.assertEqual(ours.redis().info("commandstats").get("cmdstat_lpush"), None)

    @pollux_only
    def test_nothing_expires_before_all_is_there(self):
        self.put([None, encode("SET a 1", "PEXPIREAT a 1000", "APPEND a 2", "PERSIST a",
                               "SET b 1 PXAT 1000", "RPUSH l x", "EXPIRE l 10000")])
        ours = self.ours()
        client = ours.redis()
        self.assertEqual(client.get("b"), None)
        self.assertIn(client.ttl("l"), range(9900, 10001))
        self.eventually(lambda: client.dbsize() <= 2, 5, "expired")

    @only_once
    @pollux_only
    def test_what_cannot_be_loaded(self):
        good = encode("SET a 1")
        byte = "byte %d: " % len(good)
        path = "appendonlydir/appendonly[.]aof[.]1[.]%s[.]aof: append-only file, "
        incr = path % "incr"
        for parts, patterns in (
                ([None, good + encode("NOPE a")],
                 (incr + byte + "Unknown command 'NOPE' reading the append only file",)),
                ([None, good + encode("XGROUP NOPE a")], ("Unknown command 'XGROUP'",)),
                ([None, good + encode("SET a")], (incr + byte + "'SET' has 1 arguments",)),
                ([None, good + encode("SELECT 16")], (incr + byte + "SELECT of database '16'",)),
                ([good[:-1], good], (path % "base" + "byte 0", "not the last file")),
                ([good, good[:-1], good], (incr + "byte 0", "not the last file")),
                ([None, good + b"+OK\r\n" + good], (incr + byte, "damaged")),
                ([b"REDIS0010\xfa", good], ("base[.]aof: RDB file, byte 9",))):
            self.put(parts)
            self.refused_history(*patterns)
        self.put([None, good + good[:-1]])
        self.refused_history(incr + byte, "With aof-load-truncated yes", aof_load_truncated="no")
        self.put([good], manifest="file x seq 1 type q\n")
        self.refused_history("manifest")
        self.put([None, good], manifest="file absent.1.incr.aof seq 1 type i\n")
        self.refused_history("absent")

    @pollux_only
    def test_answers_while_it_loads(self):
        one = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$1\r\nv\r\n"
        self.put([None, b"".join(one % i for i in range(MANY))])
        server = self.start(dir=self.directory, appendonly="yes")
        client = Resp(server)
        self.addCleanup(client.close)
        seen = 0
        while True:
            info = client("INFO", "persistence")
            if client("GET", "key:%012d" % 1) != LOADING:
                break
            seen += 1
            self.assertRegex(info, "loading:1\r\n")
            for name in ("loading_start_time", "loading_total_bytes", "loading_loaded_bytes",
                         "loading_loaded_perc", "loading_eta_seconds"):
                self.assertRegex(info, name + ":[0-9.]+")
        self.assertGreater(seen, 1)
        self.assertEqual(client("DBSIZE"), MANY)
        server.stop()
        for how in (signal.SIGTERM, signal.SIGINT):  # in the middle
            server = self.start(dir=self.directory, appendonly="yes")
            os.kill(server.pid, how)
            self.assertEqual(server.wait(20), 0, server.log())
            self.assertFalse(re.search("(?i)BUG|crash report|Fatal", server.log()), server.log())
            server.stop()
