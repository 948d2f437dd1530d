"""The append-only history as it is kept: what was written is there after the end of the server and
after kill -9, for us and for redis-server 7.0.15, which take turns on one directory."""

import os
import random
import re
import signal
import subprocess
import time

from aof_case import DIRECTORY, NAME, KeptCase
from case import QUICK, fewer, only_once, pollux_only
from resp_client import Error, Resp


class AofKeeps(KeptCase):

    def fields(self, client):
        """What redis-server 7.0 does not have."""
        client("HSET", "fields", "a", "1", "b", "2", "c", "3")
        client("HPEXPIRE", "fields", "100000000", "FIELDS", "1", "a")
        client("HSETEX", "fields", "EX", "50000", "FIELDS", "1", "d", "4")
        client("HPEXPIRE", "fields", "10", "FIELDS", "1", "b")
        client("HGETDEL", "fields", "FIELDS", "1", "c")
        client("MSETEX", "2", "m1", "x", "m2", "y", "EX", "40000")
        client("INCREX", "counted", "BYINT", "5", "EX", "30000")
        client("DELEX", "m2", "IFEQ", "y")

    @pollux_only
    def test_all_is_there_again(self):
        for policy in ("everysec", "always", "no"):
            for how in (signal.SIGTERM, signal.SIGKILL):
                with self.subTest(policy=policy, how=how):
                    rng = random.Random("%s %s" % (policy, how))
                    self.clear()
                    server = self.serve(appendfsync=policy)
                    client = Resp(server)
                    self.write_by_chance(rng, client, 300 if QUICK else 1500)
                    self.fields(client)
                    self.settle()
                    before = self.seen(server)
                    digests = self.digests(server)
                    self.end(server, how)
                    again = self.serve()
                    self.same(self.seen(again), before)
                    self.assertEqual(self.digests(again), digests)
                    self.assertNotRegex(again.log(), "answered with an error")
                    # What it appends now stands behind that.
                    client = Resp(again)
                    self.write_by_chance(rng, client, 200)
                    self.settle()
                    before = self.seen(again)
                    self.end(again, how)
                    self.check_files()
                    third = self.serve()
                    self.same(self.seen(third), before)
                    third.stop()

    @pollux_only
    def test_a_long_transaction_holds_nobody_back(self):
        """A kill in its middle takes nothing that others were told meanwhile, though the first
        thing that it has changed came before."""
        for policy in ("everysec", "always"):
            self.clear()
            server = self.serve(appendfsync=policy)
            long = Resp(server)
            for words in (("MULTI",), ("SET", "in:transaction", "1"), ("DEBUG", "SLEEP", "3")):
                long(*words)
            others = [Resp(server) for _ in range(8)]
            long.send("EXEC")
            time.sleep(0.3)  # it sleeps by now
            for i, other in enumerate(others):
                other.send("SET", "other:%d" % i, "1")
            time.sleep(1)
            told = [i for i, other in enumerate(others) if not other.nothing_comes(0.01)]
            self.end(server, signal.SIGKILL)
            if self.workers > 1:
                self.assertTrue(told, "the others are those of one worker")
            again = Resp(self.serve())
            self.assertEqual([i for i in told if again("GET", "other:%d" % i) != "1"], [])
            self.assertEqual(again("GET", "in:transaction"), None)

    @pollux_only
    def test_redis_loads_it(self):
        for seed, policy in enumerate(("everysec", "always")):
            rng = random.Random(seed)
            self.clear()
            server = self.serve(appendfsync=policy, aof_timestamp_enabled=rng.choice(("yes", "no")))
            client = Resp(server)
            self.write_by_chance(rng, client, 300 if QUICK else 2500)
            if seed % 2:
                self.rewrite(server.redis())
                self.write_by_chance(rng, client, 500)
            self.settle()
            before = self.seen(server)
            digests = self.digests(server)
            self.end(server, signal.SIGKILL)
            self.check_files()
            theirs = self.theirs()
            self.same(self.seen(theirs), before)
            self.assertEqual(self.digests(theirs), digests)
            theirs.stop()

    @pollux_only
    def test_takes_turns_with_redis(self):
        """On one directory, each with what the other has left."""
        rng = random.Random(3)
        before = {}
        for turn in range(3 if QUICK else 6):
            if turn % 2:
                server = self.redis(appendonly="yes", appendfsync="no")
                self.wait_loaded(server)
            else:
                server = self.serve()
            self.same(self.seen(server), before)
            client = Resp(server)
            self.write_by_chance(rng, client, 400)
            if turn in (2, 3):
                self.rewrite(server.redis())
                self.write_by_chance(rng, client, 100)
            client.close()
            self.settle()
            before = self.seen(server)
            self.end(server, signal.SIGTERM if turn % 3 else signal.SIGKILL)
            self.check_files()

    @pollux_only
    def test_waiting_clients(self):
        server = self.serve(appendfsync="always")
        client = Resp(server)
        client("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
        client("RPUSH", "other", "kept")
        waiting = [("BLPOP", "l", "0"), ("BLMOVE", "l", "moved", "LEFT", "RIGHT", "0"),
                   ("BRPOP", "l", "0"), ("BLMPOP", "0", "1", "l", "LEFT", "COUNT", "2"),
                   ("BZPOPMIN", "z", "0"), ("BZMPOP", "0", "1", "z", "MAX", "COUNT", "2"),
                   ("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x", ">")]
        others = []
        for words in waiting:
            others.append(Resp(server))
            others[-1].send(*words)
            self.eventually(lambda: server.redis().info("clients")["blocked_clients"] ==
                            len(others), what="waits")
        client("RPUSH", "l", "1", "2", "3", "4", "5", "6", "7")
        client("MULTI")
        client("ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d")
        client("XADD", "x", "*", "f", "v")
        client("EXEC")
        for other in others:
            self.assertNotIsInstance(other.reply(), Error)
            other.close()
        before = self.seen(server)
        self.assertEqual(client("LRANGE", "l", "0", "-1"), ["5", "6"])
        self.assertEqual(client("ZRANGE", "z", "0", "-1"), ["b"])
        self.assertEqual(client("XPENDING", "x", "g")[0], 1)
        self.end(server, signal.SIGKILL)
        self.same(self.seen(self.theirs()), before)
        self.same(self.seen(self.serve()), before)

    @pollux_only
    def test_what_expires_stays_away(self):
        server = self.serve(appendfsync="always")
        client = Resp(server)
        for i in range(200):
            client("SET", "k:%d" % i, "v", "PX", 20 + i % 7)
            client("HSET", "h:%d" % i, "f", "v", "g", "v")
            client("HPEXPIRE", "h:%d" % i, 20, "FIELDS", "1", "f")
            client("RPUSH", "l:%d" % i, "x")
            client("PEXPIRE", "l:%d" % i, 30)
        client("SET", "far", "v", "EX", "5000")
        self.eventually(lambda: client("DBSIZE") == 201, what="expired")
        self.eventually(lambda: all(client("HLEN", "h:%d" % i) == 1 for i in range(200)),
                        what="fields expired")
        client("SET", "k:1", "again")  # without a TTL, for good
        client("HSET", "h:1", "f", "again")
        time.sleep(0.05)
        before = self.seen(server)
        self.end(server, signal.SIGKILL)
        again = self.serve()
        self.same(self.seen(again), before)
        self.assertEqual(Resp(again)("GET", "k:1"), "again")
        self.assertEqual(Resp(again)("HGET", "h:1", "f"), "again")
        text = self.history()
        self.assertEqual(text.count(b"DEL\r\n$3\r\nk:1\r\n"), 1)

    @pollux_only
    def test_what_is_evicted_stays_away(self):
        server = self.serve(maxmemory=fewer(8 << 20, by=2), maxmemory_policy="allkeys-lru",
                            appendfsync="no")
        client = server.redis()
        for first in range(0, fewer(60000, by=2), 1000):
            pipe = client.pipeline(transaction=False)
            for i in range(first, first + 1000):
                pipe.set("k:%d" % i, "v" * 200)
            pipe.execute()
        def evicted():
            return client.info("stats")["evicted_keys"]

        def at_rest():  # it evicts ahead of need, too
            before = evicted()
            time.sleep(0.2)
            return evicted() == before
        self.assertGreater(evicted(), 1000)
        self.eventually(at_rest, what="nothing more to evict")
        keys = set(client.keys())
        self.end(server, signal.SIGTERM)
        again = self.serve()
        self.assertEqual(set(again.redis().keys()), keys)

    @pollux_only
    def test_transactions_are_whole(self):
        """Over several shards and databases, and with what is refused in them."""
        server = self.serve(appendfsync="always")
        client = Resp(server)
        client("MULTI")
        client("SET", "a", "1")
        client("LPUSH", "a", "refused")
        client("SELECT", "3")
        client("INCR", "b")
        client("SELECT", "0")
        client("MSET", "c", "1", "d", "2", "e", "3")
        client("EXEC")
        client("SET", "after", "1")
        client("MULTI")
        client("SET", "never", "1")
        before = self.seen(server)
        self.end(server, signal.SIGKILL)
        text = self.history()
        self.assertEqual(text.count(b"MULTI"), text.count(b"EXEC"))
        self.assertNotIn(b"never", text)
        theirs = self.theirs()
        self.same(self.seen(theirs), before)
        theirs.stop()
        # Cut off in the middle, nothing of it is there.
        last = self.last_file()
        with open(last, "rb") as f:
            data = f.read()
        with open(last, "wb") as f:
            f.write(data[:data.index(b"EXEC") - 30])
        again = self.serve()
        self.assertEqual(again.redis().dbsize(), 0)
        self.assertRegex(again.log(), "cut at byte")

    @pollux_only
    def test_a_cut_tail(self):
        """Is told, is cut, and what is appended then stands behind what was kept."""
        server = self.serve(appendfsync="always")
        client = Resp(server)
        for i in range(100):
            client("SET", "k:%d" % i, i)
        self.end(server, signal.SIGKILL)
        last = self.last_file()
        with open(last, "r+b") as f:
            f.truncate(os.path.getsize(last) - 5)
        again = self.serve(appendfsync="always")
        self.assertRegex(again.log(), "cut at byte [0-9]+, and the [0-9]+ bytes")
        client = Resp(again)
        self.assertEqual(client("DBSIZE"), 99)
        client("SET", "new", "1")
        self.end(again, signal.SIGKILL)
        self.check_files()
        self.assertEqual(self.serve().redis().dbsize(), 100)
        self.stop_all()
        with open(last, "r+b") as f:
            f.truncate(os.path.getsize(last) - 5)
        refused = self.start(dir=self.directory, appendonly="yes", aof_load_truncated="no",
                             expect_start=False)
        self.assertEqual(refused.wait(20), 1)
        self.assertRegex(refused.log(), "With aof-load-truncated yes")

    @only_once
    @pollux_only
    def test_long_values(self):
        server = self.serve(appendfsync="always")
        client = server.redis()
        client.set("long", os.urandom(3_000_000))
        client.mset({"m%d" % i: os.urandom(400_000) for i in range(6)})
        client.rpush("l", *[b"x" * 70000] * 20)
        before = self.seen(server)
        self.end(server, signal.SIGKILL)
        self.check_files()
        again = self.serve()
        self.same(self.seen(again), before)

    @only_once
    @pollux_only
    def test_databases_and_flushes(self):
        server = self.serve(databases=300, appendfsync="always")
        client = Resp(server)
        for db in (0, 299, 3, 255, 256, 0, 7):
            client("SELECT", db)
            client("SET", "k", db)
            client("SET", "only:%d" % db, "1")
        client("SWAPDB", "3", "299")
        client("MOVE", "k", "9")
        client("COPY", "only:7", "copied", "DB", "255")
        client("SELECT", "256")
        client("FLUSHDB")
        client("SET", "after", "1")
        sizes = {name: value["keys"] for name, value in server.redis().info("keyspace").items()}
        self.end(server, signal.SIGKILL)
        again = self.serve(databases=300, appendfsync="always")
        self.assertEqual({name: value["keys"]
                          for name, value in again.redis().info("keyspace").items()}, sizes)
        client = Resp(again)
        client("SELECT", "299")
        self.assertEqual(client("GET", "k"), "3")
        client("FLUSHALL")
        client("SET", "rest", "1")
        self.end(again, signal.SIGKILL)
        theirs = self.theirs(databases=300)
        self.assertEqual(theirs.redis(db=299).keys(), [b"rest"])
        self.assertEqual(len(theirs.redis().info("keyspace")), 1)

    @pollux_only
    def test_shutdown(self):
        """With a history, nothing is lost by any of them, and no save point is asked."""
        for number, how in enumerate(("SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN NOW FORCE",
                                      "SHUTDOWN SAVE")):
            with self.subTest(how):
                server = self.serve(appendfsync="no")
                client = Resp(server)
                client("SET", "last", how)
                client.send(*how.split(" "))
                self.assertTrue(client.ended())
                self.assertEqual(server.wait(20), 0, server.log())
                self.assertEqual(os.path.exists(self.path), number == 3)
                again = self.serve()
                self.assertEqual(Resp(again)("GET", "last"), how)
                self.end(again, signal.SIGTERM)

    @pollux_only
    def test_the_end_right_behind_the_start(self):
        """While the history that was loaded is taken up; of ten such ends one was refused."""
        for _ in range(10):
            self.end(self.serve(), signal.SIGTERM)

    @pollux_only
    def test_the_end_under_load(self):
        """SIGTERM while clients write: all that was answered is there."""
        server = self.serve(appendfsync="everysec")
        last = self.count_until_it_ends(server, lambda: self.end(server, signal.SIGTERM))
        self.counted(self.serve(), last)


class AofOptions(KeptCase):

    @pollux_only
    def test_time_stamps(self):
        server = self.serve(aof_timestamp_enabled="yes", appendfsync="always")
        client = Resp(server)
        client("SET", "a", "1")
        first = int(time.time())
        time.sleep(2.1)
        client("SET", "b", "2")
        client("CONFIG", "SET", "aof-timestamp-enabled", "no")
        time.sleep(1.1)
        client("SET", "c", "3")
        self.end(server, signal.SIGKILL)
        text = self.history()
        self.assertEqual(len(re.findall(rb"#TS:\d+\r\n", text)), 2)
        self.assertEqual(self.serve().redis().dbsize(), 3)
        self.stop_all()
        result = subprocess.run(
            ["redis-check-aof", "--truncate-to-timestamp", str(first + 1),
             os.path.join(DIRECTORY, NAME + ".manifest")], capture_output=True, text=True,
            timeout=60, check=False, cwd=self.directory, input="y\n")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(self.serve().redis().keys(), [b"a"])

    @pollux_only
    def test_bases_with_and_without_preamble(self):
        """Both servers load what a rewrite makes of it, with either."""
        for preamble in ("yes", "no"):
            with self.subTest(preamble):
                self.clear()
                server = self.serve(aof_use_rdb_preamble=preamble)
                client = Resp(server)
                self.write_by_chance(random.Random(1), client, 300)
                self.rewrite(server.redis())
                client("SELECT", "0")
                client("SET", "behind", "1")
                self.settle()
                before = self.seen(server)
                self.end(server, signal.SIGKILL)
                self.check_files()
                self.same(self.seen(self.theirs()), before)
                self.same(self.seen(self.serve()), before)
                self.stop_all()

    @pollux_only
    def test_policies_at_run_time(self):
        server = self.serve(appendfsync="no")
        client = Resp(server)

        def syncs():
            return server.redis().info("persistence")["aof_fsyncs"]
        for i in range(50):
            client("SET", "k:%d" % i, i)
        before = syncs()
        time.sleep(1.2)
        self.assertEqual(syncs(), before)
        client("CONFIG", "SET", "appendfsync", "always")
        client("SET", "now", "1")
        self.assertGreater(syncs(), before)
        before = syncs()
        for i in range(20):
            client("SET", "k:%d" % i, i)
        self.assertGreaterEqual(syncs(), before + 20)
        client("CONFIG", "SET", "appendfsync", "everysec")
        client("SET", "now", "2")
        before = syncs()
        for i in range(20):
            client("SET", "k:%d" % i, i)
        self.assertLessEqual(syncs(), before + 2)
        client("SET", "now", "3")
        self.eventually(lambda: server.redis().info("persistence")["aof_durable_ticket"] ==
                        server.redis().info("persistence")["aof_written_ticket"], 5, "synced")

    @pollux_only
    def test_info(self):
        server = self.serve(appendfsync="always")
        client = Resp(server)
        info = server.redis().info("persistence")
        self.assertEqual(info["aof_enabled"], 1)
        self.assertEqual(info["aof_rewrite_in_progress"], 0)
        self.assertEqual(info["aof_last_rewrite_time_sec"], -1)
        self.assertEqual(info["aof_last_bgrewrite_status"], "ok")
        self.assertEqual(info["aof_last_write_status"], "ok")
        self.assertEqual(info["aof_pending_rewrite"], 0)
        size = info["aof_current_size"]
        client("SET", "a", "x" * 1000)
        info = server.redis().info("persistence")
        self.assertGreaterEqual(info["aof_current_size"], size + 1000)
        self.assertEqual(info["aof_current_size"], sum(
            os.path.getsize(self.files(DIRECTORY, name))
            for name in os.listdir(self.files(DIRECTORY)) if "manifest" not in name))
        self.rewrite(server.redis())
        info = server.redis().info("persistence")
        self.assertEqual(info["aof_rewrites"], 1)
        self.assertIn(info["aof_last_rewrite_time_sec"], (0, 1))
        self.assertEqual(info["aof_base_size"], os.path.getsize(self.base_file()))
        self.assertEqual(info["aof_current_size"], sum(
            os.path.getsize(self.files(DIRECTORY, name))
            for name in os.listdir(self.files(DIRECTORY)) if "manifest" not in name))
        client("CONFIG", "SET", "appendonly", "no")
        info = server.redis().info("persistence")
        self.assertEqual(info["aof_enabled"], 0)
        self.assertNotIn("aof_current_size", info)
        self.assertEqual(client("BGREWRITEAOF"), "Background append only file rewriting started")

    @only_once
    @pollux_only
    def test_names(self):
        server = self.serve(appenddirname="elsewhere", appendfilename="history.aof")
        server.redis().set("a", "1")
        self.end(server, signal.SIGTERM)
        self.assertEqual(sorted(os.listdir(self.files("elsewhere"))),
                         ["history.aof.1.base.rdb", "history.aof.1.incr.aof",
                          "history.aof.manifest"])
        theirs = self.theirs(appenddirname="elsewhere", appendfilename="history.aof")
        self.assertEqual(theirs.redis().get("a"), b"1")
