"""Rewrites of the append-only history while clients write, histories that are turned on and off at
run time, and disks without room."""

import os
import resource
import signal
import subprocess
import threading
import time

import redis

from aof_case import DIRECTORY, KeptCase
from case import QUICK, not_quick, only_once, pollux_only
from resp_client import Resp
from test_slowlog import ask


class RewriteCase(KeptCase):

    def info(self, server):
        return server.redis().info("persistence")

    def is_rewritten(self, server):
        info = self.info(server)
        return not (info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

    def in_force(self, server):
        return self.is_rewritten(server) and not self.info(server)["aof_pending_rewrite"]

    def wait_in_force(self, server):
        """However slow the disk is; what it waits for is told."""
        deadline = time.monotonic() + 30
        while not self.in_force(server):
            if time.monotonic() > deadline:
                self.fail("the history is not in force after 30 s: %s\n%s" %
                          (self.info(server), server.log()))
            time.sleep(0.02)

    def first_keys(self, client):
        pipe = client.pipeline(transaction=False)
        for i in range(2000):
            pipe.hset("h:%d" % (i % 40), "f%d" % i, i)
            pipe.set("s:%d" % i, "v" * (i % 200))
            pipe.rpush("l:%d" % (i % 10), i)
            pipe.zadd("z", {"m%d" % i: i})
        pipe.set("long", b"x" * 2_000_000)
        pipe.execute()

    def first_keys_are_there(self, client):
        self.assertEqual(sum(client.hlen("h:%d" % i) for i in range(40)), 2000)
        self.assertEqual(sum(client.llen("l:%d" % i) for i in range(10)), 2000)
        self.assertEqual(client.zcard("z"), 2000)
        self.assertEqual(client.strlen("long"), 2_000_000)
        self.assertEqual(sum(client.strlen("s:%d" % i) for i in range(2000)),
                         sum(i % 200 for i in range(2000)))


class Rewrites(RewriteCase):

    @pollux_only
    def test_under_load(self):
        for policy in ("always", "everysec"):
            for how in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(policy=policy, how=how):
                    self.clear()
                    server = self.serve(appendfsync=policy)
                    client = server.redis()
                    self.first_keys(client)

                    def rewrite_and_end():
                        for _ in range(3 if QUICK else 8):
                            self.rewrite(client)
                        if policy == "everysec" and how == signal.SIGKILL:
                            self.kill_when_written(server)
                        else:
                            self.end(server, how)
                    last = self.count_until_it_ends(server, rewrite_and_end)
                    again = self.serve()
                    self.check_files()
                    self.first_keys_are_there(again.redis())
                    if policy == "always" or how == signal.SIGTERM:
                        self.counted(again, last)
                    again.stop()
                    theirs = self.theirs()
                    self.first_keys_are_there(theirs.redis())
                    theirs.stop()

    def kill_when_written(self, server):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()

    @pollux_only
    def test_killed_at_any_time_of_it(self):
        for delay_ms in (0, 5, 20) if QUICK else (0, 1, 2, 5, 10, 20, 40):
            self.clear()
            server = self.serve(appendfsync="always")
            client = server.redis()
            self.first_keys(client)
            client.bgrewriteaof()
            time.sleep(delay_ms / 1000)
            client.set("last", delay_ms)
            self.end(server, signal.SIGKILL)
            again = self.serve()
            self.first_keys_are_there(again.redis())
            self.assertEqual(int(again.redis().get("last")), delay_ms)
            self.check_files(begun=True)
            self.rewrite(again.redis())
            self.check_files()
            again.stop()

    @pollux_only
    def test_bgsave_cancel_leaves_a_rewrite_alone(self):
        server = self.serve(enable_debug_command="yes")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "2000")
        self.slow_down(client)
        client.bgrewriteaof()
        with self.assertRaisesRegex(redis.ResponseError, "not in progress or scheduled"):
            client.execute_command("BGSAVE", "CANCEL")
        self.eventually(lambda: self.info(server)["aof_rewrites"] == 1, what="rewritten")
        self.assertEqual(self.info(server)["aof_last_bgrewrite_status"], "ok")

    @pollux_only
    def test_when_it_has_grown(self):
        server = self.serve(auto_aof_rewrite_min_size=100_000, auto_aof_rewrite_percentage=100)
        client = server.redis()
        for _ in range(200):
            client.set("k", "v" * 1000)
        self.eventually(lambda: self.info(server)["aof_rewrites"] >= 1, what="rewritten")
        self.wait_in_force(server)
        self.assertLess(self.info(server)["aof_current_size"], 200_000)
        client.config_set("auto-aof-rewrite-percentage", 0)
        rewrites = self.info(server)["aof_rewrites"]
        for _ in range(400):
            client.set("k", "v" * 1000)
        time.sleep(0.3)
        self.assertEqual(self.info(server)["aof_rewrites"], rewrites)
        self.end(server, signal.SIGTERM)
        self.check_files()
        self.assertEqual(self.serve().redis().strlen("k"), 1000)

    @pollux_only
    def test_beside_a_save(self):
        server = self.serve(appendfsync="always")
        client = server.redis()
        self.first_keys(client)
        ask(client, "DEBUG", "POPULATE", "200000")
        client.bgsave()
        ask(client, "BGREWRITEAOF")
        self.eventually(lambda: self.info(server)["aof_rewrites"] == 1 and
                        self.in_force(server), 30, what="both done")
        self.assertEqual(self.info(server)["rdb_last_bgsave_status"], "ok")
        self.end(server, signal.SIGKILL)
        self.assertTrue(os.path.exists(self.path))
        again = self.serve()
        self.first_keys_are_there(again.redis())
        self.assertGreater(again.redis().dbsize(), 200000)  # POPULATE is in the base alone


class OnAndOff(RewriteCase):

    def turned_on(self, server):
        server.redis().config_set("appendonly", "yes")
        self.wait_in_force(server)

    @pollux_only
    def test_turned_on_with_data(self):
        server = self.serve(appendonly="no", save="")
        client = server.redis()
        self.first_keys(client)
        self.assertFalse(os.path.exists(self.files(DIRECTORY)))
        self.turned_on(server)
        client.set("after", "1")
        self.settle()
        self.end(server, signal.SIGKILL)
        self.check_files()
        for again in (self.theirs(), self.serve()):
            self.first_keys_are_there(again.redis())
            self.assertEqual(again.redis().get("after"), b"1")

    def test_can_not_be_turned_on(self):
        """Where its first files can't be made the answer is an error, and nothing is set."""
        server = self.serve(appendonly="no", save="", maxclients="500")
        client = server.redis()
        client.set("a", "1")
        with open(self.files(DIRECTORY), "wb"):
            pass  # in the place of the directory
        failure = ("CONFIG SET failed .possibly related to argument 'appendonly'. - Unable to "
                   "turn on AOF. Check server logs.")
        for words in (("appendonly", "yes"), ("maxclients", "400", "AppendOnly", "yes")):
            with self.assertRaisesRegex(redis.ResponseError, failure):
                client.execute_command("CONFIG", "SET", *words)
            self.assertEqual(client.config_get("appendonly"), {"appendonly": "no"})
            self.assertEqual(client.config_get("maxclients"), {"maxclients": "500"})
            self.assertEqual(self.info(server)["aof_enabled"], 0)
        # Of a value that can't be none of that is asked.
        with self.assertRaisesRegex(redis.ResponseError, "between 0 and 65535"):
            client.execute_command("CONFIG", "SET", "appendonly", "yes", "port", "99999")
        self.assertTrue(client.set("a", "2"))
        os.unlink(self.files(DIRECTORY))
        self.turned_on(server)
        client.set("after", "1")
        self.settle()
        self.end(server, signal.SIGKILL)
        self.assertEqual(self.serve().redis().mget("a", "after"), [b"2", b"1"])

    def test_turned_on_in_a_transaction(self):
        server = self.serve(appendonly="no", save="")
        resp = Resp(server)
        resp("MULTI")
        resp("CONFIG", "SET", "appendonly", "yes")
        resp("SET", "a", "1")
        self.assertEqual(resp("EXEC"), ["OK", "OK"])
        self.wait_in_force(server)

    def test_turned_off_and_on_in_a_transaction(self):
        """The history begins anew, and is whole."""
        server = self.serve(save="")
        resp = Resp(server)
        resp("SET", "a", "1")
        base = self.base_file()
        resp("MULTI")
        for words in (("CONFIG", "SET", "appendonly", "no"), ("SET", "b", "2"),
                      ("CONFIG", "SET", "appendonly", "yes"), ("SET", "c", "3")):
            resp(*words)
        self.assertEqual(resp("EXEC"), ["OK"] * 4)
        self.eventually(lambda: self.in_force(server) and self.base_file() != base, 20, "anew")
        resp("SET", "d", "4")
        self.settle()
        self.end(server, signal.SIGKILL)
        self.check_files()
        for again in (self.theirs(), self.serve()):
            self.assertEqual(again.redis().mget("a", "b", "c", "d"), [b"1", b"2", b"3", b"4"])

    @pollux_only
    def test_turned_on_under_load(self):
        server = self.serve(appendonly="no", save="", appendfsync="always")
        self.first_keys(server.redis())

        def turn_on_and_end():
            self.turned_on(server)
            time.sleep(0.1)
            self.end(server, signal.SIGKILL)
        last = self.count_until_it_ends(server, turn_on_and_end)
        again = self.serve()
        self.counted(again, last)
        self.first_keys_are_there(again.redis())

    @pollux_only
    def test_turned_off(self):
        """What comes then is not kept, and what was there before stays."""
        server = self.serve(appendfsync="everysec")
        client = server.redis()
        client.set("a", "1")
        client.config_set("appendonly", "no")
        client.set("a", "2")
        time.sleep(0.2)
        self.end(server, signal.SIGKILL)
        # What is still recorded while it is being turned off may be there.
        self.assertIn(self.serve().redis().get("a"), (b"1", b"2"))

    @pollux_only
    def test_turned_off_and_on_under_load(self):
        """At once, or with a pause: no change in the middle is missing while those behind it are
        there."""
        for pause in (0, 0, 0.001, 0.05):
            self.clear()
            server = self.serve(appendfsync="always")

            def turn_and_end():
                for _ in range(3 if QUICK else 10):
                    server.redis().config_set("appendonly", "no")
                    time.sleep(pause)
                    server.redis().config_set("appendonly", "yes")
                    time.sleep(0.01)
                self.wait_in_force(server)
                time.sleep(0.2)
                self.wait_in_force(server)
                self.end(server, signal.SIGKILL)
            last = self.count_until_it_ends(server, turn_and_end)
            again = self.serve()
            self.counted(again, last)
            again.stop()

    def test_what_is_answered(self):
        server = self.serve()
        resp = Resp(server)
        resp("MULTI")
        resp("BGREWRITEAOF")
        self.assertEqual(resp("EXEC"), ["Background append only file rewriting scheduled"])
        self.wait_in_force(server)

    @pollux_only
    def test_the_data_is_loaded_anew_beside_a_rewrite(self):
        """Whose base has what was there before: another is made, and then the history tells of
        what was loaded."""
        for wait in range(1, 9):
            self.clear()
            server = self.serve(appendfsync="always")
            client = server.redis()
            client.set("a", "old")
            client.execute_command("SAVE")
            client.set("a", "new")
            client.bgrewriteaof()
            time.sleep(wait / 1000)
            client.execute_command("DEBUG", "RELOAD", "NOSAVE")
            client.append("a", "+more")
            self.wait_in_force(server)
            self.end(server, signal.SIGKILL)
            again = self.serve()
            self.assertEqual(again.redis().get("a"), b"old+more")
            again.stop()

    def saved_and_changed(self, keys):
        """A server with a history whose RDB file has another value of a."""
        self.clear()
        server = self.serve(appendfsync="always", save="")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", str(keys))
        client.set("a", "loaded")
        client.execute_command("SAVE")
        client.set("a", "before")
        return server

    @pollux_only
    def test_the_end_comes_when_the_data_was_loaded_anew(self):
        """Refused, or behind the history of that; a second load gives up what the first one has
        asked for."""
        reload = b"DEBUG RELOAD NOSAVE\r\n"
        for reloads in (1, 1, 1, 2, 2, 2):
            server = self.saved_and_changed(20000)
            with server.connect() as asker:
                asker.sendall(reload * reloads + b"SHUTDOWN\r\n")
                seen = b""
                while seen.count(b"\r\n") <= reloads and (part := asker.recv(1000)):
                    seen += part
            self.assertTrue(seen.startswith(b"+OK\r\n" * reloads), seen)
            self.ends_with_what_was_loaded(server, seen)

    @pollux_only
    def test_the_end_comes_beside_another_load(self):
        for wait in (0, 0, 0.002, 0.005, 0.01):
            server = self.saved_and_changed(100000)
            with server.connect() as loader, server.connect() as asker:
                loader.sendall(b"DEBUG RELOAD NOSAVE\r\n" * 2)
                self.assertEqual(loader.recv(5), b"+OK\r\n")
                time.sleep(wait)
                asker.sendall(b"SHUTDOWN\r\n")
                self.ends_with_what_was_loaded(server, asker.recv(1000))

    def ends_with_what_was_loaded(self, server, seen, value=b"loaded"):
        """At once, or, if that was refused, when the history is one of that."""
        if b"-ERR Errors trying to SHUTDOWN" in seen:
            self.wait_in_force(server)
            os.kill(server.pid, signal.SIGTERM)
        self.assertEqual(server.wait(30), 0, server.log())
        again = self.serve()
        self.assertEqual(again.redis().get("a"), value)
        again.stop()

    def off_and_changed(self):
        """A server with an old history, and none in force, that is slow to save."""
        self.clear()
        server = self.serve(save="")
        client = server.redis()
        client.set("a", "old")
        client.config_set("appendonly", "no")
        client.execute_command("DEBUG", "POPULATE", "5000")
        client.set("a", "new")
        self.slow_down(client, 50)
        return server, client

    @pollux_only
    def test_the_end_beside_a_load_while_the_first_base_is_made(self):
        """The next start looks at the history, whatever the load has saved."""
        for loads in (False, True):
            server, client = self.off_and_changed()
            if loads:
                client.bgsave()
            client.config_set("appendonly", "yes")
            with server.connect() as loader, server.connect() as asker:
                loader.sendall(b"DEBUG RELOAD\r\n")
                self.eventually(lambda: self.info(server)["loading"] == 1, 30, "it begins")
                self.eventually(lambda: not loads or "Loading RDB" in server.log(), 30, "it loads")
                asker.sendall(b"SHUTDOWN\r\n")
                seen = asker.recv(1000)
            self.ends_with_what_was_loaded(server, seen, b"new")

    @pollux_only
    def test_asked_for_by_several_at_once(self):
        """One begins it, and the others hear that one has: at most as many begin as there are
        rewrites."""
        for append_only in ("yes", "no"):
            self.clear()
            server = self.serve(appendonly=append_only, save="")
            client = server.redis()
            client.execute_command("DEBUG", "POPULATE", "100000")
            for _ in range(8):
                before = self.info(server)["aof_rewrites"]
                askers = [server.connect() for _ in range(4)]
                for asker in askers:
                    asker.sendall(b"BGREWRITEAOF\r\n")
                answers = [asker.recv(1000) for asker in askers]
                for asker in askers:
                    asker.close()
                self.eventually(lambda: self.is_rewritten(server), 30, "rewritten")
                begun = sum(b"rewriting started" in answer for answer in answers)
                already = sum(b"already in progress" in answer for answer in answers)
                self.assertEqual((begun + already, begun),
                                 (4, self.info(server)["aof_rewrites"] - before), answers)
            server.stop()

    def test_without_a_history(self):
        """With appendonly no it makes one of the data as it is, in the place of what there was."""
        server = self.serve(appendonly="no", save="")
        client = server.redis()
        client.mset({"a": 1, "b": 2})
        for value in (b"1", b"3"):
            client.set("a", value)
            self.rewrite(client)
            self.assertEqual(self.info(server)["aof_last_bgrewrite_status"], "ok")
            self.assertEqual(self.info(server)["aof_enabled"], 0)
            self.check_files()
            client.set("a", "behind")
            for again in (self.theirs(), self.ours()):
                self.assertEqual(again.redis().mget("a", "b"), [value, b"2"])
                again.stop()
        # It is in nobody's way.
        client.config_set("appendonly", "yes")
        self.wait_in_force(server)
        client.set("a", "kept")
        self.settle()
        self.end(server, signal.SIGKILL)
        self.check_files()
        self.assertEqual(self.serve().redis().get("a"), b"kept")

    @only_once
    @pollux_only
    def test_without_a_history_gives_way_to_one(self):
        """A history that is turned on waits for no rewrite without one."""
        server = self.serve(appendonly="no", save="")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "300000")
        together = client.pipeline(transaction=False)
        together.execute_command("BGREWRITEAOF")
        together.config_set("appendonly", "yes")
        self.assertEqual(together.execute()[1], True)
        self.wait_in_force(server)
        client.set("after", "1")
        self.assertEqual(self.info(server)["aof_last_bgrewrite_status"], "ok")
        self.settle()
        self.end(server, signal.SIGKILL)
        again = self.serve().redis()
        self.assertEqual((again.dbsize(), again.get("after")), (300001, b"1"))

    def test_without_a_history_that_can_not_be_made(self):
        server = self.serve(appendonly="no", save="")
        client = server.redis()
        client.set("a", "1")
        with open(self.files(DIRECTORY), "wb"):
            pass  # in the place of the directory
        with self.assertRaisesRegex(redis.ResponseError, "Can't execute an AOF background"):
            client.bgrewriteaof()
        info = self.info(server)
        self.assertEqual((info["aof_last_bgrewrite_status"], info["aof_rewrites"],
                          info["aof_last_rewrite_time_sec"]), ("err", 0, -1))
        self.assertTrue(client.set("a", "1"))
        os.unlink(self.files(DIRECTORY))
        self.rewrite(client)
        self.check_files()

    @only_once
    def test_an_end_behind_one_that_has_failed(self):
        """What failed before is no reason to leave without the history that is to be."""
        server = self.serve(appendonly="no", save="")
        client = server.redis()
        client.execute_command("DEBUG", "POPULATE", "200000")
        with open(self.files(DIRECTORY), "wb"):
            pass  # in the place of the directory
        resp = Resp(server)
        for words in (("MULTI",), ("CONFIG", "SET", "appendonly", "yes"), ("EXEC",)):
            resp(*words)
        self.eventually(lambda: self.info(server)["aof_last_bgrewrite_status"] == "err", 20, "told")
        resp("CONFIG", "SET", "appendonly", "no")
        os.unlink(self.files(DIRECTORY))
        resp("CONFIG", "SET", "appendonly", "yes")
        resp.send("SHUTDOWN")
        if not resp.ended():  # an error: its base is not done
            self.wait_in_force(server)
            self.end(server, signal.SIGTERM)
        else:
            self.assertEqual(server.wait(30), 0)
            server.stop()
        self.assertEqual(self.serve().redis().dbsize(), 200000)

    @pollux_only
    def test_one_that_begins_when_the_server_ends(self):
        """Nobody waits for its base."""
        for i in range(4 if QUICK else 12):
            server = self.serve(appendfsync="always")
            client = server.redis()
            client.set("k", i)
            client.bgrewriteaof()
            time.sleep(i % 4 * 0.001)
            self.end(server, signal.SIGTERM)
        self.assertEqual(self.serve().redis().get("k"), b"%d" % i)


    @pollux_only
    def test_an_end_while_there_can_be_none(self):
        """Where it can't be written the server ends, rather than be killed at last."""
        os.makedirs(self.files(DIRECTORY, "temp-appendonly.aof.base"))
        server = self.serve(appendonly="no")
        client = server.redis()
        client.set("k", 1)
        client.config_set("appendonly", "yes")
        self.eventually(lambda: self.info(server)["aof_rewrites_consecutive_failures"] > 0,
                        what="a first try")
        self.end(server, signal.SIGTERM)


class NoRoom(RewriteCase):
    """A disk of 1 MiB, or a limit for files."""

    def refused(self, client, key="probe"):
        try:
            client.set(key, "x" * 100)
        except redis.ResponseError as error:
            self.assertRegex(str(error), "^MISCONF ")
            return True
        return False

    def small_disk(self, size="1m"):
        """Root's alone. It is unmounted when the test ends, whatever happens."""
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "none",
                                  self.directory], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no small disk: " + mounted.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.directory], check=False)

    @pollux_only
    def test_a_full_disk(self):
        for policy in ("always", "everysec"):
            with self.subTest(policy):
                self.check_full_disk(policy)

    def check_full_disk(self, policy):
        self.small_disk()
        server = self.serve(appendfsync=policy, auto_aof_rewrite_percentage=0)
        client = server.redis(socket_timeout=20)
        looks = Resp(server)  # shows nothing that is not durable, so it need not wait
        ballast = self.files("ballast")
        with open(ballast, "wb") as f:
            f.write(bytes(400_000))
        answered = {}
        done = threading.Event()

        def write(number):
            """Until it is refused, and on; what was answered with OK has to be there."""
            own = server.redis(socket_timeout=20)
            i = 0
            while not done.is_set():
                key = "k:%d:%d" % (number, i % 300)
                try:
                    own.set(key, "%d-%s" % (i, "v" * 300))
                    answered[key] = i
                except redis.ResponseError as error:
                    if not str(error).startswith("MISCONF "):
                        raise
                    time.sleep(0.01)
                i += 1
        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            self.eventually(lambda: self.info(server)["aof_last_write_status"] == "err", 20,
                            "the disk is full")
            self.eventually(lambda: self.refused(client), 5, "MISCONF")
            self.assertRegex(server.log(), "No space left on device")
            key = next(iter(answered))
            self.assertIsNotNone(client.get(key))  # reads go on
            for words in ("INFO", "CLIENT LIST", "PING", "CONFIG GET dir", "MEMORY STATS"):
                self.assertTrue(looks(*words.split(" ")))
            os.unlink(ballast)
            self.eventually(lambda: not self.refused(client), 10, "room again")
            self.assertEqual(self.info(server)["aof_last_write_status"], "ok")
        finally:
            done.set()
            if os.path.exists(ballast):  # it failed: nobody is to wait
                os.unlink(ballast)
            for thread in threads:
                thread.join()
        self.assertTrue(client.set("last", "1"))
        if policy == "everysec":
            self.settle()
        self.end(server, signal.SIGKILL)
        again = self.serve()
        client = again.redis()
        self.assertEqual(client.get("last"), b"1")
        for key, number in answered.items():
            self.assertGreaterEqual(int(client.get(key).split(b"-")[0]), number)
        self.check_files()
        again.stop()
        subprocess.run(["umount", self.directory], check=False)

    @pollux_only
    @only_once
    def test_files_may_not_grow(self):
        for policy in ("always", "everysec", "no"):
            with self.subTest(policy):
                self.clear()
                self.check_files_may_not_grow(policy)

    def check_files_may_not_grow(self, policy):
        server = self.serve(appendfsync=policy, auto_aof_rewrite_percentage=0)
        client = server.redis(socket_timeout=20)
        client.set("a", "1")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (20_000, 1 << 40))
        i = 0
        with self.assertRaises((redis.ResponseError, redis.TimeoutError)) as caught:
            slow = server.redis(socket_timeout=1)
            for i in range(100_000):
                slow.set("k:%d" % i, "v" * 100)
        if isinstance(caught.exception, redis.ResponseError):
            self.assertRegex(str(caught.exception), "^MISCONF ")
        self.eventually(lambda: self.refused(client), 5, "MISCONF")
        self.assertEqual(client.get("a"), b"1")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))
        self.eventually(lambda: not self.refused(client), 10, "may grow again")
        self.settle()
        self.end(server, signal.SIGKILL)
        again = self.serve()
        for n in range(i):
            self.assertEqual(again.redis().get("k:%d" % n), b"v" * 100)
        again.stop()

    @pollux_only
    @only_once
    def test_a_rewrite_leaves_a_file_that_may_not_grow(self):
        for policy in ("always", "everysec", "no"):
            with self.subTest(policy):
                self.clear()
                server = self.serve(appendfsync=policy, auto_aof_rewrite_percentage=0)
                client = server.redis(socket_timeout=20)
                client.set("a", "1")
                resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (20_000, 1 << 40))
                slow = server.redis(socket_timeout=1)
                with self.assertRaises((redis.ResponseError, redis.TimeoutError)):
                    for _ in range(100_000):
                        slow.set("k", "v" * 100)
                self.eventually(lambda: self.refused(client), 5, "MISCONF")
                self.assertIn("BGREWRITEAOF", server.log())
                client.bgrewriteaof()
                self.eventually(lambda: not self.refused(client), 10, "new files")
                self.wait_in_force(server)
                client.set("b", "2")
                self.settle()
                self.end(server, signal.SIGKILL)
                self.check_files()
                again = self.serve()
                self.assertEqual(again.redis().mget("a", "k", "b"), [b"1", b"v" * 100, b"2"])
                again.stop()

    @pollux_only
    @only_once
    @not_quick
    def test_no_room_for_a_rewrite(self):
        """Goes on with the file that is."""
        self.small_disk()
        server = self.serve(appendfsync="always", auto_aof_rewrite_percentage=0)
        client = server.redis(socket_timeout=20)
        for i in range(600):
            client.set("k:%d" % i, os.urandom(1000))
        client.bgrewriteaof()
        self.eventually(lambda: self.info(server)["aof_last_bgrewrite_status"] == "err", 20, "told")
        self.eventually(lambda: not self.refused(client), 10, "goes on")
        self.end(server, signal.SIGKILL)
        self.assertEqual(self.serve().redis().dbsize(), 601)
