"""DEBUG RELOAD and LOADAOF: the data is the same again, or what the file has; what clients see
meanwhile; what can't be loaded. Replies beside redis-server 7.0.15."""

import os
import random
import signal
import threading
import time

import redis

from aof_case import words_by_chance
from case import fewer, pollux_only
from rdb_case import RdbCase
import test_slowlog

LOADING = "-LOADING Redis is loading the dataset in memory"
WRONG_OPTION = "-DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
NOT_LOADED = "-Error trying to load the RDB dump"


def ask(client, *args):
    try:
        return test_slowlog.ask(client, *args)
    except redis.exceptions.BusyLoadingError as error:
        return "-LOADING " + str(error)


class ReloadCase(RdbCase):
    def serving(self, **options):
        options = {"dir": self.directory, "save": "", "enable_debug_command": "yes", **options}
        server = self.start(**options)
        self.eventually(lambda: server.redis().info("persistence")["loading"] == 0, what="loaded")
        return server

    def fill_both(self, server):
        """All types, by what redis-server has saved."""
        theirs = self.redis()
        self.fill(theirs)
        theirs.redis().save()
        theirs.stop()
        client = server.redis()
        self.assertEqual(ask(client, "DEBUG", "RELOAD", "NOSAVE"), b"OK")
        self.assertGreater(client.dbsize(), 30)
        return client

    def names_and_forms(self, server):
        """All keys, each with its TTL, type and encoding. The digest tells what is in them; of
        values the bytes may change, as two members with the same hash may change places."""
        return {(db, name, expire, body[:1])
                for db, name, expire, body in self.saved_keys(server)}

    def reload(self, client, *words):
        return ask(client, "DEBUG", "RELOAD", *words)

    def alive(self, server):
        self.assertTrue(server.alive(), server.log())
        self.assertNotRegex(server.log(), "(?i)BUG REPORT|crash report")


class Reload(ReloadCase):
    @pollux_only
    def test_all_types_stay_what_they_are(self):
        server = self.serving()
        client = self.fill_both(server)
        digests, keys = self.digests(server), self.names_and_forms(server)
        for _ in range(fewer(3, by=3)):
            self.assertEqual(self.reload(client), b"OK")
            self.assertEqual(self.digests(server), digests)
            self.assertEqual(self.names_and_forms(server), keys)
        self.assertEqual(client.info("persistence")["rdb_changes_since_last_save"], 0)
        self.alive(server)
        server.stop()
        self.assertEqual(self.digests(self.redis()), digests)

    def test_words(self):
        client = self.serving().redis()
        client.set("a", 1)
        for words in (("BOGUS",), ("NOSAVE", "bogus")):
            self.assertEqual(self.reload(client, *words), WRONG_OPTION)
        self.assertEqual(client.get("a"), b"1")
        self.assertEqual(self.reload(client, "merge"), b"OK")
        self.assertEqual(self.reload(client, "noflush", "MERGE"), b"OK")
        self.assertIn("ry DEBUG HELP", ask(client, "DEBUG", "LOADAOF", "x"))
        self.assertEqual(client.get("a"), b"1")

    def test_an_older_file(self):
        client = self.serving().redis()
        client.mset({"a": 1, "b": 1})
        client.set("timed", 1, ex=1000)
        client.save()
        client.mset({"a": 2, "c": 2})
        client.persist("timed")
        self.assertEqual(self.reload(client, "NOSAVE"), b"OK")
        self.assertEqual(client.mget("a", "b", "c"), [b"1", b"1", None])
        self.assertGreater(client.ttl("timed"), 900)
        client.mset({"a": 2, "c": 2})
        client.delete("b")
        client.persist("timed")
        self.assertEqual(self.reload(client, "NOSAVE", "NOFLUSH", "MERGE"), b"OK")
        self.assertEqual(client.mget("a", "b", "c"), [b"1", b"1", b"2"])
        self.assertGreater(client.ttl("timed"), 900)

    @pollux_only
    def test_a_key_that_stands_twice(self):
        """redis-server panics."""
        server = self.serving()
        client = server.redis()
        client.set("a", 1)
        self.assertEqual(self.reload(client, "NOFLUSH"), NOT_LOADED)
        self.assertEqual(client.get("a"), b"1")
        self.assertRegex(server.log(), "DEBUG RELOAD: .*dump.rdb.*duplicated key")
        self.alive(server)
        self.assertEqual(self.reload(client), b"OK")

    def test_no_file(self):
        client = self.serving().redis()
        client.set("a", 1)
        self.assertEqual(self.reload(client, "NOSAVE"), NOT_LOADED)
        self.assertEqual(client.dbsize(), 0)
        self.assertEqual(self.reload(client), b"OK")
        client.set("a", 1)
        self.assertEqual(client.get("a"), b"1")

    def test_a_damaged_file(self):
        server = self.serving()
        client = server.redis()
        for at in (0, 40, -1, -300, -3000):
            client.flushall()
            client.mset({"k%d" % i: "v" * 50 for i in range(3000)})
            client.save()
            with open(self.path, "rb+") as f:
                f.seek(at, 0 if at >= 0 else 2)
                byte = f.read(1)[0]
                f.seek(-1, 1)
                f.write(bytes([byte ^ 0xff]))
            self.assertEqual(self.reload(client, "NOSAVE"), NOT_LOADED)
            client.set("new", 1)
            self.assertEqual(client.get("new"), b"1")
        self.alive(server)

    @pollux_only
    def test_what_can_not_be_saved_stays(self):
        server = self.serving()
        client = server.redis()
        client.set("a", 1)
        os.mkdir(self.path)
        self.assertRegex(self.reload(client), "^-.*could not be saved")
        self.assertEqual(client.get("a"), b"1")
        self.alive(server)

    def test_who_watches_waits_and_tracks(self):
        server = self.serving()
        client = server.redis()
        client.mset({"a": 1, "b": 2})
        client.rpush("list", "x")
        client.save()
        client.delete("list")
        popped = []
        waiter = threading.Thread(target=lambda: popped.append(server.redis().blpop("list", 1)))
        waiter.start()
        self.eventually(lambda: client.info("clients")["blocked_clients"] == 1)
        with client.pipeline() as touched, client.pipeline() as missed:
            touched.watch("a")
            touched.multi()
            missed.watch("absent")
            missed.multi()
            self.assertEqual(self.reload(client, "NOSAVE"), b"OK")
            touched.get("a")
            missed.get("a")
            with self.assertRaises(redis.WatchError):
                touched.execute()
            self.assertEqual(missed.execute(), [b"1"])
        waiter.join()
        self.assertEqual(popped, [None])  # as there: nobody is served by a load
        self.assertEqual(client.lrange("list", 0, -1), [b"x"])

    @pollux_only
    def test_in_a_transaction(self):
        client = self.serving().redis()
        with client.pipeline() as pipe:
            pipe.set("a", 1)
            pipe.execute_command("DEBUG", "RELOAD")
            pipe.get("a")
            done, refused, value = pipe.execute(raise_on_error=False)
        self.assertEqual((done, value), (True, b"1"))
        self.assertIn("transaction", str(refused))

    @pollux_only
    def test_under_load(self):
        """What was acknowledged is there; who is sent away has changed nothing."""
        server = self.serving()
        client = server.redis()
        client.mset({"sum:%d" % i: 1000 for i in range(20)})
        client.execute_command("DEBUG", "POPULATE", fewer(100000), "filler", "100")
        before = client.dbsize()
        done = threading.Event()
        counts = [[0, 0] for _ in range(4)]
        wrong = []

        def write(number):
            own = server.redis()
            rng = random.Random(number)
            i = 0
            while not done.is_set():
                try:
                    one, two = rng.sample(range(20), 2)
                    with own.pipeline() as pipe:
                        pipe.incrby("sum:%d" % one, 1)
                        pipe.decrby("sum:%d" % two, 1)
                        pipe.rpush("list:%d" % number, i)
                        pipe.execute()
                    i += 1
                    total = sum(int(v) for v in own.mget(*("sum:%d" % n for n in range(20))))
                    if total != 20000:
                        wrong.append(total)
                    counts[number][0] = i
                except redis.exceptions.BusyLoadingError:
                    counts[number][1] += 1
                except redis.exceptions.ResponseError as error:
                    if "LOADING" in str(error):
                        counts[number][1] += 1
                    else:
                        wrong.append(str(error))
                    # the transaction may have gone through before the sums were asked for
                    i = None
                if i is None:
                    while i is None and not done.is_set():
                        try:
                            i = own.llen("list:%d" % number)
                        except redis.exceptions.RedisError:
                            pass
                    i = i or 0

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(6):
            time.sleep(0.1)
            self.assertEqual(self.reload(client), b"OK")
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        for number in range(4):
            there = [int(v) for v in client.lrange("list:%d" % number, 0, -1)]
            self.assertGreaterEqual(len(there), counts[number][0])
        self.assertGreater(sum(count for count, _ in counts), 20)
        self.assertEqual(client.dbsize() - before,
                         sum(client.exists("list:%d" % n) for n in range(4)))
        self.alive(server)

    @pollux_only
    def test_meanwhile(self):
        """-LOADING to all but what may run; another reload and one who left are no trouble."""
        server = self.serving()
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", fewer(400000), "filler", "200")
        before = client.dbsize()
        asker = server.connect()
        asker.sendall(b"DEBUG RELOAD\r\n")
        other = server.redis()
        until = time.monotonic() + 60
        while ask(other, "GET", "absent") != LOADING:
            self.assertLess(time.monotonic(), until)
        self.assertEqual(self.reload(other), LOADING)
        self.assertIn("loading:", str(ask(other, "INFO", "persistence")))
        asker.close()
        self.eventually(lambda: ask(other, "DBSIZE") == before, 60, "loaded")
        self.assertEqual(self.reload(client), b"OK")
        self.assertEqual(client.dbsize(), before)
        self.alive(server)

    @pollux_only
    def test_flushes_and_swaps_as_it_ends(self):
        """By who has seen the end before others have, whose shards are his for that."""
        server = self.serving(databases="16")
        client = server.redis()
        pipe = client.pipeline(transaction=False)
        for db in range(16):
            pipe.execute_command("SELECT", str(db))
            pipe.mset({"k:%d" % i: i for i in range(40)})
        pipe.execute_command("SAVE")
        pipe.execute()
        others = [server.connect() for _ in range(6)]
        flushes = b"MULTI\r\nFLUSHALL\r\nEXEC\r\n"
        over = threading.Event()

        def flush(number):
            # Whatever the answer; most often -LOADING.
            other = others[number]
            other.settimeout(0.001)
            while not over.is_set():
                try:
                    other.sendall((b"SWAPDB 1 2\r\n" if number % 2 else b"") + flushes * 4)
                    other.recv(100_000)
                except TimeoutError:
                    pass
        threads = [threading.Thread(target=flush, args=(i,)) for i in range(len(others))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(fewer(1500)):
                self.assertIn(self.reload(client, "NOSAVE"), (b"OK", LOADING))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.alive(server)

    @pollux_only
    def test_the_end_comes_meanwhile(self):
        for end in ("term", "shutdown", "kill"):
            server = self.serving()
            client = server.redis()
            client.flushall()
            client.execute_command("DEBUG", "POPULATE", fewer(200000), "filler", "200")
            digest = ask(client, "DEBUG", "DIGEST")
            asker = server.connect()
            asker.sendall(b"DEBUG RELOAD\r\n")
            other = server.redis()
            self.eventually(lambda: ask(other, "GET", "absent") == LOADING or
                            b"DB saved on disk" in server.log().encode(), 60)
            time.sleep(random.random() / 3)
            if end == "term":
                os.kill(server.pid, signal.SIGTERM)
            elif end == "kill":
                os.kill(server.pid, signal.SIGKILL)
            else:
                ask_end = server.connect()
                ask_end.sendall(b"SHUTDOWN SAVE\r\n")
            status = server.wait(30)
            self.assertEqual(status, -9 if end == "kill" else 0, server.log())
            self.assertNotRegex(server.log(), "(?i)BUG REPORT|crash report")
            server.stop()
            if end == "shutdown":
                again = self.serving()
                self.assertEqual(ask(again.redis(), "DEBUG", "DIGEST"), digest)
                again.stop()
            for name in os.listdir(self.directory):
                os.remove(os.path.join(self.directory, name))

    @pollux_only
    def test_with_saves_under_way(self):
        server = self.serving()
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", fewer(100000), "filler", "200")
        digest = ask(client, "DEBUG", "DIGEST")
        client.save()
        for words in ((), ("NOSAVE",), ("NOSAVE", "NOFLUSH", "MERGE")):
            client.bgsave()
            self.assertEqual(self.reload(client, *words), b"OK")
            self.assertEqual(ask(client, "DEBUG", "DIGEST"), digest)
            self.eventually(lambda: client.info("persistence")["rdb_bgsave_in_progress"] == 0)
        self.assertEqual(client.save(), True)
        self.alive(server)


class LoadAof(ReloadCase):
    def serving(self, **options):
        return super().serving(**{"appendonly": "yes", **options})

    def loadaof(self, client):
        return ask(client, "DEBUG", "LOADAOF")

    def seen(self, server):
        """Of every key its database, name, end and value."""
        keys = set()
        for db in (0, 3, 15):
            client = server.redis(db=db)
            for name in client.keys():
                keys.add((db, name, client.execute_command("PEXPIRETIME", name),
                          ask(client, "DEBUG", "DIGEST-VALUE", name)[0]))
        return keys

    @pollux_only
    def test_writes_of_each_family(self):
        for policy in ("no", "everysec", "always"):
            server = self.serving(appendfsync=policy)
            client = server.redis()
            rng = random.Random(7)
            for i in range(fewer(1500, by=3)):
                words = words_by_chance(rng, i)
                if words[0] != "PFCOUNT":  # keeps what it has counted, which no history tells
                    ask(client, *words)
                if i % 500 == 499:
                    time.sleep(0.01)
                    digests = self.digests(server)
                    self.assertEqual(self.loadaof(client), b"OK")
                    self.assertEqual(self.digests(server), digests, (policy, i))
                if i % 500 == 250:
                    digests = self.digests(server)
                    self.assertEqual(self.reload(client), b"OK")
                    self.assertEqual(self.digests(server), digests, (policy, i))
            client.set("last", policy)
            self.alive(server)
            keys = self.seen(server)
            server.stop()
            again = self.serving()
            self.assertEqual(self.seen(again) ^ keys, set(), policy)
            again.redis().flushall()
            again.stop()

    @pollux_only
    def test_after_another_file_the_history_is_made_anew(self):
        server = self.serving()
        client = server.redis()
        client.mset({"a": 1, "b": 1})
        client.save()
        client.mset({"a": 2, "c": 2})
        self.assertEqual(self.reload(client, "NOSAVE"), b"OK")
        rewrites = lambda: client.info("persistence")["aof_rewrite_in_progress"]
        self.eventually(lambda: rewrites() == 0)
        time.sleep(0.3)
        self.eventually(lambda: rewrites() == 0)
        client.append("a", "+")
        digests = self.digests(server)
        self.assertEqual(self.loadaof(client), b"OK")
        self.assertEqual(self.digests(server), digests)
        self.assertEqual(client.mget("a", "b", "c"), [b"1+", b"1", None])

    @pollux_only
    def test_during_a_rewrite(self):
        server = self.serving()
        client = server.redis()
        pipe = client.pipeline(transaction=False)
        for i in range(fewer(50000, by=12)):
            pipe.set("k%d" % i, "v" * 100)
        pipe.execute()
        digests = self.digests(server)
        under_way = 0
        for i in range(5):
            ask(client, "BGREWRITEAOF")
            under_way += client.info("persistence")["aof_rewrite_in_progress"]
            time.sleep(0.02 * i)
            self.assertEqual(self.loadaof(client), b"OK")
            self.assertEqual(self.digests(server), digests)
            ask(client, "BGREWRITEAOF")
            self.assertEqual(self.reload(client), b"OK")
            self.assertEqual(self.digests(server), digests)
        self.assertGreater(under_way, 0)
        self.alive(server)

    @pollux_only
    def test_under_load_of_writers(self):
        server = self.serving(appendfsync="always")
        client = server.redis()
        done = threading.Event()
        counts = [0, 0, 0]

        def write(number):
            own = server.redis()
            while not done.is_set():
                reply = ask(own, "INCR", "count:%d" % number)
                if isinstance(reply, int):
                    counts[number] = reply

        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(8):
            time.sleep(0.05)
            self.assertEqual(self.loadaof(client), b"OK")
        done.set()
        for thread in threads:
            thread.join()
        for number in range(3):
            self.assertGreater(counts[number], 0)
            self.assertEqual(int(client.get("count:%d" % number)), counts[number])
        self.alive(server)

    @pollux_only
    def test_no_history(self):
        server = self.serving(appendonly="no")
        client = server.redis()
        client.set("a", 1)
        self.assertIn("appendonly no", self.loadaof(client))
        self.assertEqual(client.get("a"), b"1")
        client.config_set("appendonly", "yes")
        self.eventually(lambda: self.loadaof(client) == b"OK", 20)
        client.set("b", 2)
        self.assertEqual(self.loadaof(client), b"OK")
        self.assertEqual(client.mget("a", "b"), [b"1", b"2"])
        client.config_set("appendonly", "no")
        self.assertIn("appendonly no", self.loadaof(client))
        self.alive(server)

    @pollux_only
    def test_a_damaged_history_ends_it(self):
        """As there; and the history is as it was, to be repaired."""
        server = self.serving()
        client = server.redis()
        client.set("a", 1)
        self.assertEqual(self.loadaof(client), b"OK")
        directory = os.path.join(self.directory, "appendonlydir")
        [name] = [n for n in os.listdir(directory) if ".incr." in n]
        path = os.path.join(directory, name)
        with open(path, "ab") as f:
            f.write(b"garbage\r\n")
        with open(path, "rb") as f:
            before = f.read()
        asker = server.connect()
        asker.sendall(b"DEBUG LOADAOF\r\n")
        self.assertEqual(server.wait(30), 1, server.log())
        self.assertRegex(server.log(), "Fatal error loading the DB: .*Exiting[.]")
        self.assertNotRegex(server.log(), "(?i)BUG REPORT|crash report")
        with open(path, "rb") as f:
            self.assertEqual(f.read(), before)
        server.stop()
