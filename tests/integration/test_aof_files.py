"""Append-only files beside redis-server and redis-check-aof: what they write is read as the same
records, what is cut off or damaged is told at the same byte, and a directory kept here is one that
they load. The server under test has no part in this; aof_files_tool has."""

import os
import random
import re
import shutil
import subprocess
import time

import harness
from case import Case, only_once, pollux_only

CHECK = "/usr/bin/redis-check-aof"
DIRECTORY = "appendonlydir"
MANIFEST = os.path.join(DIRECTORY, "appendonly.aof.manifest")


def tool():
    """Beside the server that is tested."""
    server = os.environ.get("POLLUX_SERVER") or harness.POLLUX
    return os.path.join(os.path.dirname(server), "tests", "aof_files", "aof_files_tool")


def records_of(data):
    """Offset and text of each record, as the tool lists them. Only of what is right."""
    records = []
    at = 0
    while at < len(data):
        begin = at
        line_end = data.index(b"\n", at)
        if data[at:at + 1] == b"#":
            text = data[at + 1:line_end].rstrip(b"\r")
            at = line_end + 1
            records.append("%d time %s" % (begin, text[3:].decode()) if text.startswith(b"TS:")
                           else "%d # %s" % (begin, text.hex()))
            continue
        count = int(data[at + 1:line_end])
        at = line_end + 1
        args = []
        for _ in range(count):
            line_end = data.index(b"\n", at)
            size = int(data[at + 1:line_end])
            at = line_end + 1 + size + 2
            args.append(data[line_end + 1:line_end + 1 + size].hex() or "-")
        records.append(" ".join([str(begin)] + args))
    return records


class AofFiles(Case):

    def setUp(self):
        super().setUp()
        self.directory = self.new_directory()

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def put(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)

    def get(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def tree(self):
        """All files, but the log, with their bytes."""
        return {os.path.relpath(os.path.join(folder, name), self.directory):
                self.get(os.path.join(folder, name))
                for folder, _, names in os.walk(self.directory) for name in names}

    def run_tool(self, *args, status=0):
        result = subprocess.run([tool(), *map(str, args)], capture_output=True, text=True,
                                timeout=60, check=False, cwd=self.directory)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stderr if status else result.stdout.splitlines()

    def check(self, name, *args):
        return subprocess.run([CHECK, *args, name], capture_output=True, text=True, timeout=60,
                              check=False, cwd=self.directory, input="y\n")

    def redis(self, expect_start=True, **options):
        settings = {"appendonly": "yes", "dir": self.directory, "enable-debug-command": "yes"}
        settings.update({name.replace("_", "-"): value for name, value in options.items()})
        server = harness.start_redis(settings, expect_start=expect_start)
        self.addCleanup(server.stop)
        if expect_start:  # it answers while it loads
            self.eventually(lambda: not server.redis().info("persistence")["loading"])
        return server

    def rewrite(self, client):
        client.bgrewriteaof()
        while True:
            info = client.info("persistence")
            if not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]:
                break
            time.sleep(0.01)
        self.assertEqual(info["aof_last_bgrewrite_status"], "ok")

    def fill(self, client):
        client.set("binary", bytes(range(256)) + b"\r\n*1\r\n$4\r\n\r\n#TS:1\r\n")
        client.set("", "an empty name")
        with client.pipeline() as pipeline:
            for i in range(5):
                pipeline.rpush("list", "v" * i)
            pipeline.incrbyfloat("float", 0.5)
            pipeline.execute()
        client.set("long", "x" * 70000, ex=100000)
        client.xadd("stream", {"f": 1})
        client.spop("nothing")
        client.delete("float")

    @only_once
    @pollux_only
    def test_reads_every_record_that_redis_writes(self):
        for preamble in ("yes", "no"):
            shutil.rmtree(self.path(DIRECTORY), ignore_errors=True)
            with self.redis(aof_timestamp_enabled="yes", aof_use_rdb_preamble=preamble) as server:
                client = server.redis()
                self.fill(client)
                server.redis(db=7).set("k", "of 7")
                self.rewrite(client)
                self.fill(client)
                time.sleep(1.1)  # another timestamp
                self.fill(client)
            manifest = self.get(MANIFEST).decode()
            self.assertEqual(self.run_tool("manifest", MANIFEST), manifest.splitlines())
            names = re.findall(r"file (\S+) seq 2 type [bi]\n", manifest)
            self.assertEqual(len(names), 2)
            for name in names:
                name = os.path.join(DIRECTORY, name)
                data = self.get(name)
                for window in (1, 1000, 1 << 30):
                    lines = self.run_tool("list", name, window)
                    self.assertEqual(lines[-1], "end %d" % len(data))
                    self.assertEqual(lines[:-1], ["rdb %d" % len(data)] if name.endswith("rdb")
                                     else records_of(data))
            times = [line for line in lines if " time " in line]
            self.assertGreaterEqual(len(times), 1)

    @only_once
    @pollux_only
    def test_tells_a_cut_where_redis_check_aof_does(self):
        with self.redis(aof_timestamp_enabled="yes") as server:
            client = server.redis()
            client.set("k", "v\r\n*")
            with client.pipeline() as pipeline:
                pipeline.rpush("list", "", "x")
                pipeline.incr("n")
                pipeline.execute()
            client.delete("k")
        name = os.path.join(DIRECTORY, "appendonly.aof.1.incr.aof")
        data = self.get(name)
        told = self.run_tool("cuts", name)
        self.assertEqual(len(told), len(data) + 1)
        for cut in range(1, len(data) + 1):
            self.put("cut.aof", data[:cut])
            check = self.check("cut.aof")
            valid = int(re.search(r"ok_up_to=(\d+)", check.stdout).group(1)
                        if "ok_up_to" in check.stdout else cut)
            # Text without a line end is complete for redis-check-aof; appended to, it would swallow
            # what comes next.
            if check.returncode == 0 and told[cut] != "end %d" % cut:
                self.assertNotIn(b"\n", data[:cut][int(told[cut].split()[1]):])
                self.assertEqual(data[int(told[cut].split()[1])], ord("#"))
                continue
            self.assertEqual(told[cut], "%s %d" % ("end" if check.returncode == 0 else "truncated",
                                                   valid), check.stdout)

    @only_once
    @pollux_only
    def test_whatever_is_whole_here_is_whole_for_redis_check_aof(self):
        with self.redis(aof_timestamp_enabled="yes") as server:
            with server.redis().pipeline() as pipeline:
                pipeline.rpush("list", "", "x")
                pipeline.incr("n")
                pipeline.execute()
        data = self.get(os.path.join(DIRECTORY, "appendonly.aof.1.incr.aof"))
        chance = random.Random(1)
        multi, ended = harness.encode("multi"), harness.encode("EXEC")
        damaged = [multi + multi, ended, multi + data, data + ended, data + b"x", b"\n" + data,
                   data.replace(b"EXEC", b"exec")]
        for _ in range(100):
            at = chance.randrange(len(data))
            byte = chance.choice([bytes([data[at] ^ 1]), b"\r\n", b"0", b"", data[at:at + 1] * 2])
            damaged.append(data[:at] + byte + data[at + 1:])
        whole = 0
        for bytes_ in damaged:
            self.put("damaged.aof", bytes_)
            end, valid = self.run_tool("list", "damaged.aof", 100)[-1].split()
            check = self.check("damaged.aof")
            if end == "end":
                whole += 1
                self.assertEqual(check.returncode, 0, bytes_)
            elif check.returncode != 0:
                up_to = int(re.search(r"ok_up_to=(\d+)", check.stdout).group(1))
                between = bytes_[int(valid):up_to]  # what it takes for numbers
                self.assertTrue(not between or between.startswith(b"*"), (between, bytes_))
            else:  # taken there though a number or a line end is not as it is written
                self.assertEqual(end, "broken", bytes_)
        self.assertGreater(whole, 5)

    @only_once
    @pollux_only
    def test_cuts_where_redis_server_cuts(self):
        with self.redis() as server:
            client = server.redis()
            for i in range(3):
                with client.pipeline() as pipeline:
                    pipeline.rpush("list", "x" * i)
                    pipeline.incr("n")
                    pipeline.execute()
        name = os.path.join(DIRECTORY, "appendonly.aof.1.incr.aof")
        data = self.get(name)
        left_open = 0
        for cut in range(len(data) - 1, 30, -11):
            self.put(name, data[:cut])
            self.redis().stop()
            after_redis = self.tree()
            self.put(name, data[:cut])
            told = self.run_tool("list", name, 100)[-1]
            self.run_tool("serve")
            self.assertIn(told, ("end %d" % cut, "truncated %d" % len(self.get(name))))
            if self.tree() != after_redis:
                # Cut within a command of a transaction, redis-server 7.0 drops the command and
                # leaves the MULTI without an EXEC in front of what it appends.
                left_open += 1
                self.assertTrue(after_redis[name].startswith(
                    self.get(name) + b"*1\r\n$5\r\nMULTI\r\n"))
        self.assertGreater(left_open, 0)

    @only_once
    @pollux_only
    def test_redis_loads_the_directory_that_is_kept_here(self):
        self.put("more", harness.encode("SELECT", 0) + harness.encode("RPUSH", "l", "a", "b"))
        self.put("group", b"#TS:1700000000\r\n" + harness.encode("MULTI") +
                 harness.encode("INCR", "n") + harness.encode("EXEC"))
        self.run_tool("serve", "append=more", "append=group")
        self.put("base", harness.encode("SELECT", 0) + harness.encode("SET", "rewritten", 1))
        expected = {"": [b"l", b"n"], "rewrite=base": [b"l", b"n", b"rewritten"]}
        for step, keys in expected.items():
            if step:
                self.run_tool("serve", step, "append=more", "append=group")
            check = self.check(MANIFEST)
            self.assertEqual(check.returncode, 0, check.stdout)
            self.assertIn("All AOF files and manifest are valid", check.stdout)
            with self.redis() as server:
                client = server.redis()
                self.assertEqual(sorted(client.keys()), keys)
                self.assertEqual(client.llen("l"), 2)
                self.rewrite(client)
                client.set("n", 5)
            lines = self.run_tool("serve")
            self.assertEqual([line.split(".")[3] for line in lines], ["base", "incr"])
        self.assertEqual(sorted(os.listdir(self.path(DIRECTORY))),
                         sorted(["appendonly.aof.4.base.rdb", "appendonly.aof.4.incr.aof",
                                 "appendonly.aof.manifest"]))

    @only_once
    @pollux_only
    def test_an_old_single_file_is_taken_over_as_redis_does(self):
        with self.redis() as server:
            server.redis().set("in", "the RDB part")
            self.rewrite(server.redis())
            server.redis().set("k", "v")
        preamble = self.get(os.path.join(DIRECTORY, "appendonly.aof.2.base.rdb"))
        commands = self.get(os.path.join(DIRECTORY, "appendonly.aof.2.incr.aof"))
        for old in (commands, preamble + commands, preamble + commands[:-3]):
            trees = []
            for serve in (lambda: self.redis().stop(), lambda: self.run_tool("serve")):
                shutil.rmtree(self.path(DIRECTORY))
                self.put("appendonly.aof", old)
                serve()
                trees.append(self.tree())
            self.assertEqual(trees[0], trees[1])
            self.assertEqual(sorted(trees[0]), [os.path.join(DIRECTORY, name) for name in (
                "appendonly.aof", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest")])
            with self.redis() as server:
                self.assertEqual(server.redis().exists("in"), int(old != commands))

    @only_once
    @pollux_only
    def test_refuses_the_manifests_that_redis_refuses(self):
        good = b"file a seq 1 type b\nfile b seq 2 type i\n"
        both = [good, b"# text\n" + good, b"# text\n", b"FILE a SEQ 1 TYPE b\n",
                b"\tfile a seq 1 type b\r\n",
                b"file a seq 1 type b startoffset 7\n", b"file \"a\" type i seq 9\n",
                b"file 'a' seq 3 type h\n", b"file b seq 3 type i\nfile a seq 4 type i\n"]
        neither = [b"", b"\n", b"x\n", good[:-1], good + b"\n", b"file a seq 1 type\n",
                   b"file a seq 1\n", b"file a/b seq 1 type b\n", b"file a\\b seq 1 type b\n",
                   b"file \"a seq 1 type b\n", b"file \"a\"b seq 1 type b\n",
                   b"file a seq 0 type b\n", b"file a seq x type b\n", b"file a seq 1 type x\n",
                   b"file a seq 1 typo b\n", b"file a seq 1 type b\nfile b seq 2 type b\n",
                   b"file a seq 2 type i\nfile b seq 2 type i\n", b"file a seq -1 type i\n",
                   b"file " + b"a" * 1010 + b" seq 1 type b\n", b" # text\n",
                   b"file missing seq 1 type b\n"]
        only_redis = [b"file a seq 1x type b\n", b"file a seq 1 type base\n",
                      b"file a seq -1 type b\n", b"file a seq 1 type b\nfile a seq 1 type i\n"]
        for manifests, ours, theirs in ((both, True, True), (neither, False, False),
                                        (only_redis, False, True)):
            for manifest in manifests:
                with self.subTest(manifest):
                    for mine in (True, False):
                        shutil.rmtree(self.path(DIRECTORY), ignore_errors=True)
                        self.put(MANIFEST, manifest)
                        self.put(os.path.join(DIRECTORY, "a"), b"")
                        self.put(os.path.join(DIRECTORY, "b"), b"")
                        if mine:
                            error = self.run_tool("serve", status=0 if ours else 1)
                            if not ours:
                                self.assertIn(MANIFEST, error)
                        elif theirs:
                            self.redis().stop()
                        else:
                            server = self.redis(expect_start=False)
                            self.assertEqual(server.wait(10), 1)
                            server.stop()

    @only_once
    @pollux_only
    def test_a_lost_manifest_is_no_empty_data_set(self):
        self.run_tool("serve")
        os.remove(self.path(MANIFEST))
        self.assertIn("is there, but no", self.run_tool("serve", status=1))

    @only_once
    @pollux_only
    def test_recovers_to_the_moment_that_redis_check_aof_recovers_to(self):
        with self.redis(aof_timestamp_enabled="yes") as server:
            for i in range(3):
                server.redis().set("k", i)
                time.sleep(1.05)
        name = os.path.join(DIRECTORY, "appendonly.aof.1.incr.aof")
        data = self.get(name)
        times = [(int(offset), int(number)) for offset, number in
                 (line.split(" time ") for line in self.run_tool("list", name, 100)
                  if " time " in line)]
        self.assertEqual(len(times), 3)
        for moment in range(times[0][1], times[-1][1] + 2):
            self.put(name, data)
            check = self.check(MANIFEST, "--truncate-to-timestamp", str(moment))
            self.assertEqual(check.returncode, 0, check.stdout)
            expected = min([offset for offset, number in times if number > moment] + [len(data)])
            self.assertEqual(len(self.get(name)), expected)
