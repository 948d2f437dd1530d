"""The RDB file that is loaded at the start, beside redis-server 7.0.15 with the same file: the same
keys, the same counts, the same files refused, the same answers meanwhile."""

import hashlib
import os
import signal
import struct
import time

import payloads
from case import QUICK, pollux_only
from rdb_case import RdbCase, file_of
from resp_client import Resp
from test_slowlog import ask

LOADING = "LOADING Redis is loading the dataset in memory"
LOADING_BYTES = b"-" + LOADING.encode() + b"\r\n"
# So many that there is time to ask while they are loaded.
MANY = 300000 if QUICK else 2000000
DBS = (0, 3, 15)


def key(name, body, before=b""):
    """The record of a key; `body`: type and value."""
    return before + body[:1] + payloads.text(name) + body[1:]


def string(name, value, before=b""):
    return key(name, b"\x00" + payloads.text(value), before)


def until(ms):
    return b"\xfc" + struct.pack("<q", ms)


def many_keys():
    """A file of MANY strings, without a checksum."""
    records = b"".join(b"\x00\x10key:%012d\x20%032d" % (i, i) for i in range(MANY))
    return b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x08used-mem\xc1\xe8\x03\xfe\x00" + \
        records + b"\xff" + bytes(8)


class LoadCase(RdbCase):
    """A server and the file that it finds."""

    def write(self, data):
        with open(self.path, "wb") as f:
            f.write(data)

    def loaded(self, **options):
        """A server that has loaded the file."""
        server = self.start(dir=self.directory, enable_debug_command="yes", **options)
        self.wait_loaded(server)
        return server

    def wait_loaded(self, server):
        self.eventually(lambda: server.redis().info("persistence")["loading"] == 0, 60, "loaded")

    def refused(self, data, *patterns, **options):
        """The file ends the start: what the log says last."""
        if data is not None:
            self.write(data)
        server = self.start(dir=self.directory, expect_start=False, **options)
        status = server.wait(60)  # of a busy host; it is there to find what hangs
        log = server.log()
        self.assertEqual(status, 1, log)
        self.assertNotRegex(log, "(?i)BUG|crash|backtrace|ready to exit|Ready to accept")
        last = log.strip().splitlines()[-1]
        for pattern in ("Fatal error loading the DB: dump.rdb", "Exiting[.]$") + patterns:
            self.assertRegex(last, pattern)
        server.stop()

    def properties(self, server):
        """Of every key what a client can see of it, by database and name."""
        seen = {}
        for db in DBS:
            client = server.redis(db=db)
            for name in client.keys():
                kind = client.type(name)
                seen[db, name] = (kind, client.execute_command("PEXPIRETIME", name),
                                  client.object("encoding", name),
                                  ask(client, "DEBUG", "DIGEST-VALUE", name))
                if kind == b"stream":
                    info = client.xinfo_stream(name, full=True)
                    del info["radix-tree-nodes"]  # theirs have inner ones
                    for group in info["groups"]:
                        for consumer in group["consumers"]:
                            if b"active-time" in consumer:  # ours, and no file has it
                                at = consumer.index(b"active-time")
                                del consumer[at:at + 2]
                    seen[db, name] += (info,)
        return seen

    def counts(self, server):
        info = server.redis().info("persistence")
        return info["rdb_last_load_keys_loaded"], info["rdb_last_load_keys_expired"]


class Load(LoadCase):

    @pollux_only
    def test_has_what_redis_has_saved(self):
        for compress in ("yes",) if QUICK else ("yes", "no"):
            for policy in ("noeviction", "allkeys-lru", "allkeys-lfu"):
                # Without decay: the minute may change in the middle.
                use = {"maxmemory_policy": policy, "lfu_decay_time": 0}
                theirs = self.redis(rdbcompression=compress, **use)
                theirs.redis().flushall()
                theirs.redis().function_flush()
                self.fill(theirs)
                if policy == "allkeys-lru":
                    theirs.redis().restore("idle", 0, theirs.redis().dump("fleeting"), idletime=500)
                if policy == "allkeys-lfu":
                    theirs.redis().restore("used", 0, theirs.redis().dump("fleeting"), frequency=99)
                theirs.redis().save()
                theirs.stop()
                theirs = self.redis(**use)  # which has loaded it
                keys = self.properties(theirs)
                digests = self.digests(theirs)
                theirs.stop()
                ours = self.loaded(**use)
                self.assertEqual(self.digests(ours), digests)
                self.assertEqual(self.properties(ours), keys)
                self.assertEqual(self.counts(ours), (len(keys), 0))
                log = ours.log()
                for pattern in ("Loading RDB produced by version 7[.]0[.]15",
                                "RDB age [0-9]+ seconds",
                                "RDB memory usage when created [0-9.]+ Mb",
                                "Done loading RDB, keys loaded: %d, keys expired: 0[.]" % len(keys),
                                "DB loaded from disk: [0-9.]+ seconds",
                                "1 library of functions.*NOT loaded"):
                    self.assertRegex(log, pattern)
                self.assertLess(log.index("DB loaded"), log.index("Ready to accept connections"))
                if policy == "allkeys-lru":
                    self.assertIn(ours.redis().object("idletime", "idle") - 500, range(60))
                if policy == "allkeys-lfu":
                    self.assertEqual(ours.redis().object("freq", "used"), 99)
                ours.stop()

    @pollux_only
    def test_old_types_become_what_redis_makes_of_them(self):
        records = b"".join(key(name.encode(), body) for name, body in payloads.samples().items())
        for magic in (b"REDIS0004", b"REDIS0010"):
            self.write(file_of(magic, b"\xfe\x00" + records))
            theirs = self.redis()
            digests = self.digests(theirs)
            names = set(theirs.redis().keys())
            theirs.stop()
            ours = self.loaded()
            self.assertEqual(self.digests(ours), digests)
            self.assertEqual(set(ours.redis().keys()), names)
            ours.stop()

    @pollux_only
    def test_newer_types(self):
        new = payloads.newer_samples()
        self.write(file_of(b"REDIS0012", b"".join(key(name.encode(), body)
                                                  for name, body in new.items())))
        ours = self.loaded()
        self.assertEqual(ours.redis().dbsize(), len(new))

    @pollux_only
    def test_starts_empty_without_a_file(self):
        server = self.start(dir=self.directory)
        self.assertEqual(server.redis().ping(), True)
        self.assertEqual(server.redis().dbsize(), 0)
        self.assertEqual(self.counts(server), (0, 0))
        self.assertNotIn("RDB", server.log())
        self.assertIn("Ready to accept connections", server.log())

    @pollux_only
    def test_leaves_out_what_redis_leaves_out(self):
        parts = b"".join((
            b"\xfe\x00", string(b"a", b"1", until(1000)),
            string(b"b", b"1", b"\xfd" + b"\x09\0\0\0"), string(b"c", b"1"), string(b"a", b"2"),
            string(b"later", b"1", until(4102444800123)),
            key(b"list", b"\x01\x00"), key(b"set", b"\x02\x00"), key(b"hash", b"\x04\x00"),
            key(b"zset", b"\x05\x00", until(5)), key(b"lists", b"\x0e\x00"),
            key(b"pack", b"\x10" + payloads.text(b"\7\0\0\0\0\0\xff")),
            b"\xfe\x05", string(b"c", b"5")))
        self.write(file_of(b"REDIS0010", b"\xfa\x03foo\x03bar\xfa\x04%abc\x03def" + parts))
        theirs = self.redis(loglevel="debug")
        expected = self.counts(theirs), theirs.redis().info("keyspace")["db0"]["keys"]
        names = sorted(theirs.redis().keys())
        theirs.stop()
        ours = self.loaded()
        self.assertEqual(expected,
                         (self.counts(ours), ours.redis().info("keyspace")["db0"]["keys"]))
        self.assertEqual(sorted(ours.redis().keys()), names)
        self.assertEqual(ours.redis().get("a"), b"2")
        self.assertEqual(ours.redis(db=5).get("c"), b"5")
        self.assertRegex(ours.log(), "keys loaded: 4, keys expired: 2, empty keys skipped: 6[.]")
        self.assertRegex(ours.log(), "RDB '%abc': def")

    @pollux_only
    def test_damaged_files(self):
        good = file_of(b"REDIS0010", b"\xfe\x00" + b"".join(
            string(b"key:%d" % i, b"value %d" % i) for i in range(300)))
        copy = "load another copy or an older backup"
        backup = "load an older backup"
        for size in (0, 5, 9, 11, 12, 300, 4096, len(good) - 9, len(good) - 1):
            with self.subTest(size=size):
                self.refused(good[:size], "byte [0-9]+: .*beyond the end of the file", backup)
        for at in (12, 1000, 4000, len(good) - 20, len(good) - 8, len(good) - 1):
            with self.subTest(at=at):
                damaged = good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1:]
                self.refused(damaged, "byte [0-9]+", "backup")
        for what, data, patterns in (
                ("nothing known", b"hello, world", ("byte 0: this is no RDB file",)),
                ("twice", file_of(b"REDIS0010", string(b"a", b"1") + string(b"b", b"1") +
                                  string(b"a", b"2")),
                 ("byte 19: RDB has duplicated key: key \"a\" of database 0", copy)),
                ("a type", file_of(b"REDIS0010", key(b"a", b"\x64\x00")),
                 ("byte 9: type 100, which is not known",)),
                ("a database", file_of(b"REDIS0010", b"\xfe\x10" + string(b"a", b"1")),
                 ("byte 9: keys of database 16, but option databases is 16",)),
                ("a value", file_of(b"REDIS0010", b"\xfe\x00" + key(b"h", b"\x10\x05wrong")),
                 ("byte 11: the value of key \"h\" of database 0 [(]type 16[)] is damaged", copy)),
                ("a newer file", file_of(b"REDIS0099", b""), ("RDB version 99",))):
            with self.subTest(what):
                self.refused(data, *patterns)

    @pollux_only
    def test_a_value_is_refused_behind_many_that_are_right(self):
        data = many_keys()[:-9]
        at = len(data)
        self.write(data + key(b"h", b"\x10\x05wrong") + b"\xff" + bytes(8))
        self.refused(None, "byte %d: the value of key \"h\"" % at)

    @pollux_only
    def test_without_a_check_of_the_sum(self):
        good = file_of(b"REDIS0010", string(b"a", b"1"))
        self.write(good[:-1] + bytes([good[-1] ^ 1]))
        self.assertEqual(self.loaded(rdbchecksum="no").redis().get("a"), b"1")
        self.write(good[:-8] + bytes(8))
        server = self.loaded()
        self.assertEqual(server.redis().get("a"), b"1")
        self.assertIn("RDB file was saved with checksum disabled", server.log())

    @pollux_only
    def test_what_is_no_file(self):
        os.mkdir(self.path)
        self.refused(None, "can't be (opened|read): Is a directory", "dir and dbfilename")
        os.rmdir(self.path)
        os.symlink("dump.rdb", self.path)
        self.refused(None, "can't be opened: Too many levels of symbolic links")

    @pollux_only
    def test_another_name(self):
        self.write(file_of(b"REDIS0010", string(b"a", b"1")))
        os.rename(self.path, os.path.join(self.directory, "other.rdb"))
        server = self.loaded(dbfilename="other.rdb")
        self.assertEqual(server.redis().get("a"), b"1")

    @pollux_only
    def test_the_limit_of_memory_holds_when_all_is_there(self):
        count = 20000
        data = file_of(b"REDIS0003", b"\xfe\x00" + b"".join(
            string(b"key:%d" % i, b"v" * 100) for i in range(count)))
        self.write(data)
        for policy in ("noeviction", "allkeys-lru"):
            server = self.loaded(maxmemory="1mb", maxmemory_policy=policy)
            client = server.redis()
            self.assertEqual(self.counts(server), (count, 0))
            if policy == "noeviction":
                self.assertEqual(client.dbsize(), count)
                with self.assertRaisesRegex(Exception, "OOM|not allowed when used memory"):
                    client.set("another", "x")
            else:
                self.eventually(lambda: client.dbsize() < count // 2, what="evicted")
            server.stop()


class WhileLoading(LoadCase):
    """With a file that takes its time."""

    @classmethod
    def setUpClass(cls):
        cls.many = many_keys()

    def setUp(self):
        super().setUp()
        self.write(self.many)

    def is_loading(self, server):
        with server.connect() as s:
            s.sendall(b"PING\r\n")
            return s.recv(1000) == LOADING_BYTES

    @pollux_only
    def test_answers_as_redis_does(self):
        server = self.start(dir=self.directory)
        client = Resp(server)
        self.addCleanup(client.close)
        rounds = []  # the last one may see the end
        while client("PING") == LOADING:
            rounds.append({line: client(*line.split()) for line in (
                "GET key:1", "SET a 1", "DBSIZE", "FLUSHALL", "RANDOMKEY", "BGSAVE", "MGET a b c",
                "EXISTS a", "MEMORY USAGE a", "MULTI", "SET b 1", "EXEC", "ECHO a", "SELECT 3",
                "SELECT 0", "WATCH a", "UNWATCH", "CONFIG GET port", "SHUTDOWN ABORT", "NOSUCH",
                "GET", "PUBLISH c m", "DEBUG SLEEP 0", "LASTSAVE", "INFO persistence")})
        self.assertGreater(len(rounds), 1, "it was loaded before anybody could ask")
        for answers in rounds[:-1]:
            for line in ("GET key:1", "SET a 1", "DBSIZE", "FLUSHALL", "RANDOMKEY", "BGSAVE",
                         "MGET a b c", "EXISTS a", "MEMORY USAGE a", "SET b 1"):
                self.assertEqual(answers[line], LOADING, line)
            for line in ("MULTI", "SELECT 3", "SELECT 0", "WATCH a", "UNWATCH"):
                self.assertEqual(answers[line], "OK", line)
            for line in ("SHUTDOWN ABORT", "NOSUCH", "GET", "DEBUG SLEEP 0"):
                self.assertEqual(answers[line][:4], "ERR ", line)
            self.assertEqual(answers["EXEC"],
                             "EXECABORT Transaction discarded because of previous errors.")
            self.assertEqual(answers["ECHO a"], "a")
            self.assertEqual(answers["CONFIG GET port"], ["port", str(server.port)])
            self.assertEqual(answers["PUBLISH c m"], 0)
            self.check_info(answers["INFO persistence"])

    def check_info(self, text):
        info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        self.assertEqual(info["loading"], "1")
        self.assertEqual(info["async_loading"], "0")
        self.assertEqual(int(info["loading_total_bytes"]), len(self.many))
        loaded = int(info["loading_loaded_bytes"])
        # Its head may have yet to be read.
        self.assertIn(int(info["loading_rdb_used_mem"]), (1000,) if loaded else (0, 1000))
        self.assertLessEqual(loaded, len(self.many))
        self.assertAlmostEqual(float(info["loading_loaded_perc"]), 100 * loaded / len(self.many),
                               delta=0.01)
        self.assertLess(abs(int(info["loading_start_time"]) - time.time()), 200)
        self.assertGreaterEqual(int(info["loading_eta_seconds"]), 0)
        self.assertLessEqual(int(info["rdb_last_load_keys_loaded"]), MANY)

    @pollux_only
    def test_everything_is_there_behind_the_last_refusal(self):
        server = self.start(dir=self.directory)
        with server.connect() as s:
            reply = LOADING_BYTES
            while reply == LOADING_BYTES:
                s.sendall(b"DBSIZE\r\n")
                reply = s.recv(1000)
            self.assertEqual(reply, b":%d\r\n" % MANY)
        client = server.redis()
        for i in range(0, MANY, MANY // 500):
            self.assertEqual(client.get("key:%012d" % i), b"%032d" % i)
        self.assertEqual(self.counts(server), (MANY, 0))

    @pollux_only
    def test_ends_while_it_loads(self):
        digest = hashlib.sha1(self.many).hexdigest()
        for how in ("SIGTERM", "SIGINT", "SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE", "SIGKILL"):
            with self.subTest(how):
                server = self.start(dir=self.directory)
                loading = self.is_loading(server)
                if how.startswith("SIG"):
                    os.kill(server.pid, getattr(signal, how))
                else:
                    with server.connect() as s:
                        s.sendall(how.encode() + b"\r\n")
                        reply = s.recv(1000)
                        self.assertTrue(reply == b"" or not loading or how.endswith(" SAVE"))
                status = server.wait(20)
                self.assertEqual(status, -9 if how == "SIGKILL" else 0, server.log())
                server.stop()
        with open(self.path, "rb") as f:
            self.assertEqual(hashlib.sha1(f.read()).hexdigest(), digest)
