"""Saving: SAVE, BGSAVE, save points, the end of the server; what is written is read by redis-server
and by us."""

import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import redis

from case import fewer, pollux_only, only_once
from rdb_case import RdbCase
from resp_client import Resp
from test_slowlog import ask

UNDER_WAY = "Background save already in progress"


class SaveCase(RdbCase):
    def saving(self, **options):
        options.setdefault("dir", self.directory)
        server = self.start(**options)
        self.eventually(lambda: self.info(server)["loading"] == 0, what="loaded")
        return server

    def kill(self, server):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.stop()

    def saved(self, server):
        self.eventually(lambda: self.info(server)["rdb_bgsave_in_progress"] == 0, what="saved")

    def info(self, server):
        return server.redis().info("persistence")

    def leftovers(self):
        return [name for name in os.listdir(self.directory) if name.startswith("temp-")]


class Files(SaveCase):
    @pollux_only
    def test_redis_loads_what_was_saved(self):
        theirs = self.redis()
        self.fill(theirs)
        before = self.digests(theirs)
        theirs.redis().save()
        theirs.stop()
        server = self.saving()
        os.remove(self.path)
        self.assertEqual(server.redis().save(), True)
        self.kill(server)
        check = subprocess.run(["redis-check-rdb", self.path], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout)
        theirs = self.redis()
        self.assertEqual(self.digests(theirs), before)
        self.assertEqual(self.leftovers(), [])

    def test_ours_loads_what_was_saved_while_it_changed(self):
        server = self.saving(hash_max_listpack_entries=16, list_max_listpack_size=16)
        client = server.redis()
        pipe = client.pipeline(transaction=False)
        for i in range(2000):
            pipe.set("s:%d" % i, "v" * (i % 300))
            pipe.hset("h", "f%d" % i, i)
            pipe.sadd("set", "m%d" % i)
            pipe.zadd("z", {"m%d" % i: i})
            pipe.rpush("l", i)
            pipe.xadd("x", {"f": i})
        pipe.set("long", "x" * 3_000_000)
        pipe.execute()
        done = threading.Event()
        totals = []

        def change(number):
            own = server.redis()
            while not done.is_set():
                with own.pipeline() as moving:  # the sum stays
                    moving.hincrby("h", "f%d" % number, 1)
                    moving.hincrby("h", "f%d" % (number + 1), -1)
                    moving.rpoplpush("l", "l")
                    moving.zincrby("z", 0.5, "m%d" % number)
                    moving.zincrby("z", -0.5, "m%d" % (number + 1))
                    moving.append("long", "y")
                    moving.execute()
                totals.append(1)

        threads = [threading.Thread(target=change, args=(2 * i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                self.assertTrue(client.bgsave())
                self.saved(server)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.kill(server)
        self.assertGreater(len(totals), 0)
        for client in (self.saving().redis(), self.redis().redis()):
            self.assertEqual(client.dbsize(), 2006)
            self.assertEqual(sum(map(int, client.hvals("h"))), sum(range(2000)))
            self.assertEqual(client.scard("set"), 2000)
            self.assertEqual(sum(s for _, s in client.zrange("z", 0, -1, withscores=True)),
                             sum(range(2000)))
            self.assertEqual(sorted(map(int, client.lrange("l", 0, -1))), list(range(2000)))
            self.assertEqual(client.xlen("x"), 2000)
            self.assertEqual(client.get("long").rstrip(b"y"), b"x" * 3_000_000)

    @only_once
    def test_without_sum_and_compression(self):
        server = self.saving(rdbchecksum="no", rdbcompression="no", dbfilename="other.rdb")
        server.redis().set("a", "x" * 10_000)
        server.redis().save()
        path = os.path.join(self.directory, "other.rdb")
        with open(path, "rb") as f:
            data = f.read()
        self.assertEqual(data[-8:], bytes(8))
        self.assertIn(b"x" * 10_000, data)
        server.redis().config_set("rdbcompression", "yes")
        server.redis().save()
        self.assertLess(os.path.getsize(path), 1000)

    @only_once
    def test_another_directory(self):
        server = self.saving(enable_protected_configs="yes")
        other = self.new_directory()
        server.redis().set("a", "1")
        server.redis().config_set("dir", other)
        server.redis().save()
        self.assertTrue(os.path.exists(os.path.join(other, "dump.rdb")))
        self.assertFalse(os.path.exists(self.path))


class Commands(SaveCase):
    def test_words(self):
        client = self.saving().redis()
        for words in (("BGSAVE", "FOO"), ("BGSAVE", "SCHEDULE", "x")):
            with self.assertRaisesRegex(redis.ResponseError, "syntax error"):
                client.execute_command(*words)
        with self.assertRaisesRegex(redis.ResponseError, "wrong number of arguments"):
            client.execute_command("SAVE", "x")
        with client.pipeline() as pipe:
            pipe.execute_command("SAVE")
            with self.assertRaisesRegex(redis.ResponseError, "not allowed inside a transaction"):
                pipe.execute()
        self.assertEqual(ask(client, "MULTI"), b"OK")
        self.assertEqual(ask(client, "BGSAVE"), b"QUEUED")
        self.assertEqual(ask(client, "EXEC"), [b"Background saving scheduled"])
        self.eventually(lambda: os.path.exists(self.path), what="the file")

    def test_info(self):
        server = self.saving()
        client = server.redis()
        fresh = self.info(server)
        self.assertEqual((fresh["rdb_saves"], fresh["rdb_last_bgsave_time_sec"]), (0, -1))
        for i in range(10):
            client.set("k%d" % i, i)
        self.assertEqual(self.info(server)["rdb_changes_since_last_save"], 10)
        before = client.lastsave()
        time.sleep(1.1)
        client.save()
        self.assertGreater(client.lastsave(), before)
        info = self.info(server)
        self.assertEqual(info["rdb_changes_since_last_save"], 0)
        self.assertEqual(info["rdb_saves"], 1)
        self.assertEqual(info["rdb_last_bgsave_status"], "ok")
        self.assertEqual(info["rdb_last_bgsave_time_sec"], -1)  # nor was it in the background
        self.assertEqual(info["rdb_current_bgsave_time_sec"], -1)

    @pollux_only
    def test_cancel(self):
        server = self.saving(enable_debug_command="yes")
        client = server.redis()
        with self.assertRaisesRegex(redis.ResponseError, "not in progress or scheduled"):
            client.execute_command("BGSAVE", "CANCEL")
        client.set("a", "1")
        client.save()
        size = os.path.getsize(self.path)
        ask(client, "DEBUG", "POPULATE", "50000")
        self.slow_down(client)
        client.bgsave()
        with self.assertRaisesRegex(redis.ResponseError, UNDER_WAY):
            client.bgsave()
        with self.assertRaisesRegex(redis.ResponseError, UNDER_WAY):
            client.execute_command("SAVE")
        self.assertEqual(ask(client, "BGSAVE", "CANCEL"), b"Background saving cancelled")
        self.saved(server)
        self.assertEqual(self.info(server)["rdb_last_bgsave_status"], "ok")
        self.assertEqual(os.path.getsize(self.path), size)
        self.assertEqual(self.leftovers(), [])
        self.slow_down(client, 0)
        self.assertTrue(client.bgsave())
        self.saved(server)
        self.assertGreater(os.path.getsize(self.path), 500_000)

    @pollux_only
    def test_cancelled_at_once_again_and_again(self):
        """Wherever its cut stands: the workers go on, and nothing piles up."""
        server = self.saving(enable_debug_command="yes")
        client = server.redis()
        ask(client, "DEBUG", "POPULATE", "20000")
        resp = Resp(server)
        ended = threading.Event()

        def write():
            writer = server.redis()
            while not ended.is_set():
                writer.mset({"k%d" % i: i for i in range(10)})

        def cancel(times):
            for i in range(times):
                self.assertEqual(resp("BGSAVE"), "Background saving started")
                until = time.monotonic() + i % 40 * 10e-6
                while time.monotonic() < until:
                    pass
                resp("BGSAVE", "CANCEL")
                while client.info("persistence")["rdb_bgsave_in_progress"]:
                    pass
            return client.info("memory")["used_memory"]
        thread = threading.Thread(target=write)
        thread.start()
        try:
            before = cancel(fewer(100))
            self.assertLess(cancel(fewer(500)) - before, 1 << 20)
            self.assertTrue(client.save())
        finally:
            ended.set()
            thread.join()

    def test_resetstat_leaves_save_points_alone(self):
        server = self.saving(save=["1", "10"])
        client = server.redis()
        for i in range(300):
            client.set("k%d" % (i % 7), i)
        client.save()
        client.config_resetstat()
        self.assertEqual(self.info(server)["rdb_changes_since_last_save"], 0)
        client.mset({"k%d" % i: "new" for i in range(10)})
        self.assertEqual(self.info(server)["rdb_changes_since_last_save"], 10)
        self.eventually(lambda: self.info(server)["rdb_changes_since_last_save"] == 0,
                        what="saved again")

    def test_hardly_anything_is_saved_at_once(self):
        server = self.saving()
        client = server.redis()
        client.set("a", "1")
        begun = time.monotonic()
        for _ in range(20):
            client.save()
        # Far from a second each, which a thread sleeps that was not woken.
        self.assertLess(time.monotonic() - begun, 10)

    def test_flushall_saves(self):
        server = self.saving(save=["3600", "1000"])
        client = server.redis()
        client.set("a", "1" * 1000)
        client.save()
        size = os.path.getsize(self.path)
        client.flushall()
        self.eventually(lambda: os.path.getsize(self.path) < size, what="saved without it")
        self.saved(server)
        self.kill(server)
        self.assertEqual(self.saving().redis().dbsize(), 0)

    def test_save_points(self):
        server = self.saving(save=["1", "3"])
        client = server.redis()
        client.mset({"a": 1, "b": 2})
        time.sleep(2.5)
        self.assertFalse(os.path.exists(self.path))
        client.set("c", 3)
        self.eventually(lambda: os.path.exists(self.path), what="the file")
        self.assertIn("3 changes in 1 seconds. Saving...", server.log())


class Failures(SaveCase):
    @only_once
    def test_writes_are_refused_while_saves_fail(self):
        """Those in the background; who waits for one is told, and nothing else comes of it."""
        server = self.saving(save=["3600", "1000"])
        client = server.redis()
        client.set("a", "1")
        os.mkdir(self.path)  # so nothing can be put in its place
        for words in ("SAVE", "SHUTDOWN"):
            with self.assertRaises(redis.ResponseError):
                client.execute_command(words)
            time.sleep(0.3)
            self.assertEqual(self.info(server)["rdb_last_bgsave_status"], "ok")
            self.assertTrue(client.set("a", "1"))
            self.assertTrue(client.ping())
        client.bgsave()
        self.eventually(lambda: self.info(server)["rdb_last_bgsave_status"] == "err", what="told")

        def refused():
            try:
                client.set("a", "2")
            except redis.ResponseError as error:
                return str(error).startswith("MISCONF ")
            return False
        self.eventually(refused, what="MISCONF")
        self.assertEqual(client.get("a"), client.get("a"))
        client.config_set("stop-writes-on-bgsave-error", "no")
        self.eventually(lambda: not refused(), what="allowed")
        client.config_set("stop-writes-on-bgsave-error", "yes")
        os.rmdir(self.path)
        self.assertTrue(client.save())
        self.eventually(lambda: not refused(), what="allowed")
        self.assertEqual(self.leftovers(), [])

    def test_the_next_write_behind_a_save_that_failed(self):
        """Whichever worker it is for, and though these may have looked a moment ago."""
        server = self.saving(save=["3600", "1000000"])
        client = server.redis()
        for _ in range(4):
            client.set("a", "1")
            os.mkdir(self.path)
            client.bgsave()
            self.eventually(lambda: self.info(server)["rdb_last_bgsave_status"] == "err",
                            what="told")
            for i in range(20):
                with self.assertRaisesRegex(redis.ResponseError, "^MISCONF "):
                    client.set("k%d" % i, "1")
            os.rmdir(self.path)
            client.save()
            for i in range(20):
                client.set("k%d" % i, "1")
            os.unlink(self.path)

    @only_once
    @pollux_only
    def test_no_room(self):
        server = self.saving(enable_debug_command="yes")
        client = server.redis()
        ask(client, "DEBUG", "POPULATE", "100000")
        client.save()
        size = os.path.getsize(self.path)
        for number, limit in enumerate((1 << 20, (1 << 20) + 512, 1_000_000), start=1):
            # Whole blocks, blocks of the disk's, neither: what the kernel says differs.
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, 1 << 40))
            with self.assertRaisesRegex(redis.ResponseError, "could not be saved"):
                client.execute_command("SAVE")
            self.assertTrue(client.ping())
            told = re.findall("(?i)saving error: .*File too large.*ulimit -f", server.log())
            self.assertEqual(len(told), number, server.log())
            self.assertEqual(os.path.getsize(self.path), size)
            self.assertEqual(self.leftovers(), [])
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))
        self.assertTrue(client.save())

    def test_killed_while_it_saves(self):
        server = self.saving(enable_debug_command="yes")
        client = server.redis()
        client.set("a", "1")
        client.save()
        ask(client, "DEBUG", "POPULATE", "50000")
        self.slow_down(client)
        client.bgsave()
        self.kill(server)
        client = self.saving().redis()
        self.assertEqual(client.dbsize(), 1)
        self.assertEqual(client.get("a"), b"1")


class TheEnd(SaveCase):
    def ends(self, how, **options):
        server = self.saving(**options)
        client = server.redis()
        client.set("a", "1")
        if isinstance(how, int):
            os.kill(server.pid, how)
        else:
            with self.assertRaises(redis.ConnectionError):
                client.execute_command(*how.split())
        self.assertEqual(server.wait(20), 0, server.log())
        found = os.path.exists(self.path)
        if found:
            os.remove(self.path)
        self.assertEqual(self.leftovers(), [])
        return found

    def test_when_the_end_saves(self):
        points = ["3600", "1000"]
        for how, save, saves in ((signal.SIGTERM, points, True), (signal.SIGTERM, "", False),
                                 (signal.SIGINT, points, True), ("SHUTDOWN", points, True),
                                 ("SHUTDOWN", "", False), ("SHUTDOWN NOSAVE", points, False),
                                 ("SHUTDOWN SAVE", "", True), ("SHUTDOWN NOW", points, True)):
            with self.subTest(how=how, save=save):
                self.assertEqual(self.ends(how, save=save), saves)
        self.assertTrue(self.ends(signal.SIGTERM, save="", shutdown_on_sigterm="save now"))
        self.assertFalse(self.ends(signal.SIGINT, save=points, shutdown_on_sigint="nosave"))

    def ended_by(self, server, how):
        os.kill(server.pid, how)
        self.assertEqual(server.wait(20), 0, server.log())

    @pollux_only
    def test_what_was_acknowledged_is_saved(self):
        server = self.saving(save=["3600", "1000"])
        last = self.count_until_it_ends(server, lambda: self.ended_by(server, signal.SIGTERM))
        self.counted(self.saving(), last)

    @only_once
    def test_the_first_interrupt_does_not_insist(self):
        """Somebody's SHUTDOWN saves; one interrupt beside it is no second one."""
        server = self.saving(save=["3600", "1000"], enable_debug_command="yes")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "2000")
        self.slow_down(client)
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"SHUTDOWN\r\n")
            self.eventually(lambda: "saving first" in server.log(), what="it saves")
            os.kill(server.pid, signal.SIGINT)
            self.assertEqual(server.wait(20), 0, server.log())
        self.assertTrue(os.path.exists(self.path))
        self.assertEqual([name for name in os.listdir(os.path.dirname(self.path))
                          if name.startswith("temp-")], [])

    @only_once
    def test_a_signal_that_is_over_is_no_first_one(self):
        """One that was aborted, however long ago; the next interrupt beside a SHUTDOWN waits."""
        server = self.saving(save=["3600", "1000"], enable_debug_command="yes")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "50000")
        self.slow_down(client)
        os.kill(server.pid, signal.SIGTERM)
        self.eventually(lambda: "saving first" in server.log(), what="it saves")
        client.execute_command("SHUTDOWN", "ABORT")
        self.eventually(lambda: "Shutdown was aborted" in server.log(), what="it is aborted")
        self.assertTrue(client.set("acknowledged", "1"))
        self.slow_down(client, 10)
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"SHUTDOWN\r\n")
            self.eventually(lambda: server.log().count("saving first") == 2, what="it saves")
            os.kill(server.pid, signal.SIGINT)
            self.assertEqual(server.wait(20), 0, server.log())
        self.assertEqual(self.saving().redis().get("acknowledged"), b"1")

    def test_nothing_is_answered_behind_it(self):
        """It would be taken for the answer to SHUTDOWN, or for a promise."""
        for words, save in ((b"SHUTDOWN", ["3600", "1000"]), (b"SHUTDOWN NOSAVE", ""),
                            (b"SHUTDOWN", "")):
            server = self.saving(save=save)
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(b"SET a 1\r\n" + words + b"\r\nPING\r\nSET a 2\r\n")
                seen = b""
                try:
                    while part := client.recv(1000):
                        seen += part
                except ConnectionResetError:
                    pass
            self.assertEqual(seen, b"+OK\r\n")
            self.assertEqual(server.wait(20), 0, server.log())

    @only_once
    def test_a_history_that_is_turned_on_while_the_end_saves(self):
        """The next start would look there, and find nothing of what was saved."""
        server = self.saving(save=["3600", "1000"], enable_debug_command="yes")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "10000")
        self.slow_down(client)
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"SHUTDOWN\r\n")
            self.eventually(lambda: "saving first" in server.log(), what="it saves")
            self.assertTrue(client.config_set("appendonly", "yes"))
            self.assertEqual(other.recv(1000), b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n")
        self.assertIn("append-only file is being written", server.log())
        self.eventually(lambda: client.info("persistence")["aof_pending_rewrite"] == 0, 30)
        self.assertTrue(client.set("a", "1"))
        with self.assertRaises(redis.ConnectionError):
            client.execute_command("SHUTDOWN")
        self.assertEqual(server.wait(20), 0, server.log())
        self.assertEqual(self.saving(appendonly="yes").redis().dbsize(), 10001)

    @only_once
    def test_the_end_is_refused_if_it_can_not_save(self):
        server = self.saving(save=["3600", "1000"])
        client = server.redis()
        client.set("a", "1")
        os.mkdir(self.path)
        with self.assertRaisesRegex(redis.ResponseError, "Errors trying to SHUTDOWN. Check logs."):
            client.execute_command("SHUTDOWN")
        os.kill(server.pid, signal.SIGTERM)
        self.eventually(lambda: server.log().count("can't exit") >= 2, what="told")
        self.assertTrue(client.ping())

        def writes():
            try:
                return client.set("b", "1")
            except redis.ResponseError:
                return False
        self.eventually(writes, what="writes go on")
        # It is not insisted on by an interrupt that comes later.
        os.kill(server.pid, signal.SIGINT)
        self.eventually(lambda: server.log().count("can't exit") >= 3, what="told again")
        self.assertTrue(client.ping())
        with self.assertRaises(redis.ConnectionError):
            client.execute_command("SHUTDOWN", "FORCE")
        self.assertEqual(server.wait(20), 0)
        os.rmdir(self.path)
