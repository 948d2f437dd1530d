"""Memory: eviction under every policy, the limits, MEMORY, and that the figures are true."""

import subprocess
import threading
import time

import harness
import redis
from case import QUICK, Case, Loaded, Raw, fewer, fill, not_quick, only_once, pollux_only, stand_in
from resp_client import Resp

LIMIT = fewer(16 << 20, by=2)
OOM = "command not allowed when used memory > 'maxmemory'"


class Policies(Loaded):

    def start_limited(self, policy, **options):
        server = self.start(maxmemory=LIMIT, maxmemory_policy=policy, **options)
        return server.redis()

    def check_used(self, client):
        def over(memory):
            return memory["used_memory"] - memory["mem_clients_normal"] - LIMIT * 1.01
        memory = client.info("memory")
        for pause in (0.02, 1):
            if over(memory) > 0:
                # A command frees for 100 us by the clock; if the host took these, the next turns
                # do it, and a host under load may give no turn in 20 ms. Asked again only once for
                # each pause: what frees in answer to INFO alone is a defect.
                time.sleep(pause)
                memory = client.info("memory")
        self.assertLessEqual(over(memory), 0)
        return memory

    def test_allkeys_policies_keep_the_limit_and_refuse_nothing(self):
        policies = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
        for policy in policies[1:2] if QUICK else policies:
            with self.subTest(policy):
                client = self.start_limited(policy)
                for part in range(4):
                    self.assertEqual(fill(client, fewer(30000, by=2), "part%d:" % part), 0)
                    self.check_used(client)
                self.assertEqual(client.info("memory")["maxmemory_policy"], policy)
                self.assertGreater(client.info("stats")["evicted_keys"], fewer(25000, by=2))
                written = fewer(120000, by=2)
                self.eventually(
                    lambda: client.dbsize() + client.info("stats")["evicted_keys"] == written,
                    what="every key is there or was evicted")

    @pollux_only
    def test_own_policy(self):
        client = self.start_limited("allkeys-s3fifo")
        self.assertEqual(fill(client, fewer(120000, by=2)), 0)
        self.check_used(client)
        self.assertGreater(client.info("stats")["evicted_keys"], fewer(25000, by=2))

    def test_volatile_policies_take_only_keys_with_a_ttl(self):
        policies = ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
        for policy in policies[::2] if QUICK else policies:
            with self.subTest(policy):
                client = self.start_limited(policy)
                kept = fewer(10000, by=2)
                self.assertEqual(fill(client, kept, "keep"), 0)
                self.assertEqual(fill(client, fewer(100000, by=2), "go", ttl=10000), 0)
                self.check_used(client)
                self.assertGreater(client.info("stats")["evicted_keys"], fewer(25000, by=2))
                pipe = client.pipeline(transaction=False)
                for i in range(kept):
                    pipe.exists("keep%d" % i)
                self.assertEqual(sum(pipe.execute()), kept)

    def test_volatile_policies_refuse_when_no_key_has_a_ttl(self):
        client = self.start_limited("volatile-lru")
        self.assertGreater(fill(client, fewer(150000, by=2)), fewer(25000, by=2))
        with self.assertRaisesRegex(redis.ResponseError, OOM):
            client.set("one", "more" * 100)
        self.assertEqual(client.get("k0"), b"v" * 200)
        self.assertEqual(client.info("stats")["evicted_keys"], 0)
        client.config_set("maxmemory-policy", "allkeys-lru")
        self.assertTrue(client.set("one", "more" * 100))

    def test_lru_keeps_what_is_used(self):
        client = self.start_limited("allkeys-lru")
        hot = fewer(2000, by=2)
        fill(client, hot, "hot")
        for part in range(30):
            fill(client, fewer(4000, by=2), "cold%d:" % part)
            pipe = client.pipeline(transaction=False)
            for i in range(hot):
                pipe.get("hot%d" % i)
            there = sum(value is not None for value in pipe.execute())
            time.sleep(0.07)
        self.assertGreater(there, hot * 0.95)
        self.assertGreater(client.info("stats")["evicted_keys"], fewer(30000, by=2))

    def test_volatile_ttl_takes_what_is_due_first(self):
        client = self.start_limited("volatile-ttl")
        late = fewer(5000, by=2)
        fill(client, late, "late", ttl=100000)
        fill(client, fewer(120000, by=2), "soon", ttl=5000)
        pipe = client.pipeline(transaction=False)
        for i in range(late):
            pipe.exists("late%d" % i)
        self.assertGreater(sum(pipe.execute()), late * 0.99)

    def test_big_values(self):
        client = self.start_limited("allkeys-lru")
        for i in range(80):
            self.assertTrue(client.set("big%d" % i, b"v" * (700000 + i * 1000)))
            self.check_used(client)
            fill(client, 200, "small%d:" % i)
        # The coldest of a sample goes, so now and then it is a warm one; and where all is slow
        # (instrumented builds) all are old.
        if not QUICK:
            self.assertGreaterEqual(client.exists(*["big%d" % i for i in range(75, 80)]), 3)
        there = [client.strlen("big%d" % i) in (0, 700000 + i * 1000) for i in range(80)]
        self.assertTrue(all(there))
        # Down to the lower watermark; and the workers, each at its own time, may all have seen that
        # one more must go.
        least = LIMIT - LIMIT // 64 - self.workers * 780000
        self.assertGreater(client.info("memory")["used_memory"], least)

    def test_keys_expire_and_are_evicted_at_the_same_time(self):
        policies = ("volatile-lru", "allkeys-lfu")
        for policy in policies[:1] if QUICK else policies:
            with self.subTest(policy):
                client = self.start_limited(policy)
                count = fewer(8000, by=2)
                for part in range(12):
                    ttl = 1 + part % 2 * 10000
                    self.assertEqual(fill(client, count, "part%d:" % part, 400, ttl), 0)
                    self.check_used(client)
                    time.sleep(0.2)
                self.eventually(lambda: sum(client.exists("part10:%d" % i) for i in range(50)) == 0,
                                what="the expiry of what was not evicted")

                def all_gone_or_there():
                    stats = client.info("stats")
                    gone = stats["expired_keys"] + stats["evicted_keys"]
                    return gone + client.dbsize() == 12 * count

                self.eventually(all_gone_or_there, what="every key is in one of three counts")
                stats = client.info("stats")
                self.assertGreater(stats["expired_keys"], count / 4)
                self.assertGreater(stats["evicted_keys"], fewer(5000, by=2))

    def test_a_lower_limit_is_reached_while_clients_are_served(self):
        client = self.start_limited("allkeys-lru")
        fill(client, 60000)
        client.config_set("maxmemory", "4mb")
        self.assertTrue(client.set("during", "x"))
        self.eventually(lambda: client.info("memory")["used_memory"] < (5 << 20),
                        what="the lower limit")
        self.eventually(lambda: client.info("stats")["current_eviction_exceeded_time"] == 0)

    def test_the_time_over_the_limit_is_counted(self):
        client = self.start_limited("noeviction")
        fill(client, 30000)
        self.assertEqual(client.info("stats")["total_eviction_exceeded_time"], 0)
        before = time.monotonic()
        client.config_set("maxmemory", "4mb")
        with self.assertRaisesRegex(redis.ResponseError, OOM):
            client.set("one", "more")
        time.sleep(0.4)
        stats = client.info("stats")
        passed_ms = (time.monotonic() - before) * 1000
        for name in ("current_eviction_exceeded_time", "total_eviction_exceeded_time"):
            self.assertGreaterEqual(stats[name], 250, name)
            self.assertLessEqual(stats[name], passed_ms + 1, name)
        client.config_set("maxmemory", "64mb")
        self.assertTrue(client.set("one", "more"))
        self.eventually(lambda: client.info("stats")["current_eviction_exceeded_time"] == 0)
        passed_ms = (time.monotonic() - before) * 1000
        total = client.info("stats")["total_eviction_exceeded_time"]
        self.assertGreaterEqual(total, 250)
        self.assertLessEqual(total, passed_ms + 1)
        time.sleep(0.2)
        self.assertEqual(client.info("stats")["total_eviction_exceeded_time"], total)

    @pollux_only
    @not_quick
    def test_entries_of_another_size_take_over(self):
        client = self.start_limited("allkeys-lru")
        for size in (20, 150, 450, 40):
            self.assertEqual(fill(client, LIMIT * 3 // 2 // (size + 30), "s%d:" % size, size), 0)
            self.check_used(client)
            # The memory is theirs: what fits is not far from the limit.
            self.assertGreater(client.dbsize() * (size + 30), LIMIT * 0.75)


class LimitsOfAnySize(Loaded):
    """What is in use, by all that INFO tells, against small limits: there the pages, slabs and
    large values that a shard has not done with weigh the most. 8 workers: the smallest shards."""

    # Bytes of a value, limit in MiB. A twenty-fifth of the limit for one value is the largest for
    # which the limit holds to 1 %; larger ones pass it by up to one value a worker.
    CASES = ((16, 8), (64, 8), (5000, 8), (60000, 8), (60000, 32), (300000, 8))

    @pollux_only
    @not_quick
    @only_once
    def test_under_load_and_at_rest(self):
        for workers in (1, 4, 8):
            for size, megabytes in self.CASES:
                with self.subTest(workers=workers, size=size, megabytes=megabytes):
                    self.check_limit(workers, size, megabytes << 20)

    # A shard that holds anything has a segment of its key table and a page for each size of entry,
    # and one is tolerated: that a limit is smaller than these is the only reason to pass it.
    @pollux_only
    @only_once
    def test_a_limit_of_little_more_than_nothing(self):
        self.check_limit(8, 64, 1 << 20)

    def check_limit(self, workers, size, limit):
        with self.start_with_workers(workers, limit) as server:
            client = server.redis()
            seen = []
            done = []

            def look():
                watcher = server.redis()
                while not done:
                    seen.append(self.data_bytes(watcher))
                    time.sleep(0.003)

            threads = [threading.Thread(target=look)]
            writes = max(3 * limit // (size + 60), 200)
            batch = max(1, min(32, 1000000 // size))
            threads += [threading.Thread(target=fill, args=(client, writes // 2, name, size),
                                         kwargs={"batch": batch}) for name in ("a", "b")]
            for thread in threads:
                thread.start()
            for thread in threads[1:]:
                thread.join()
            done.append(True)
            threads[0].join()
            time.sleep(0.3)
            self.assertGreater(client.info("stats")["evicted_keys"], writes / 4)
            self.assertLessEqual(max(seen), limit * 1.01)
            self.assertLessEqual(self.data_bytes(client), limit)
            # One of the large may be all that there is to a shard.
            self.assertGreater(self.data_bytes(client), limit * (0.85 if size < 100000 else 0.5))

    @staticmethod
    def data_bytes(client):
        memory = client.info("memory")
        return memory["used_memory"] - memory["mem_clients_normal"]

    @staticmethod
    def start_with_workers(workers, limit):
        return harness.start_pollux({"maxmemory": limit, "maxmemory-policy": "allkeys-lru"},
                                    workers=workers)


class TheColdestFirst(Loaded):

    @pollux_only
    def test_over_all_shards_however_uneven(self):
        server = self.start(maxmemory=LIMIT, maxmemory_policy="allkeys-lru",
                            maxmemory_samples=10)
        client = server.redis()
        count = fewer(40000, by=2)
        fill(client, count, "old")  # on every shard
        time.sleep(0.5)
        fill(client, count, "{one}new")  # on one
        pipe = client.pipeline(transaction=False)
        for i in range(count):
            pipe.exists("{one}new%d" % i)
        there = sum(pipe.execute())
        self.assertGreater(client.info("stats")["evicted_keys"], count / 16)
        # Were all that went of the one shard that grows, a sixteenth would be missing.
        self.assertGreater(there, count * 0.95)


class Figures(Loaded):

    def test_object_freq_and_idletime(self):
        with harness.start_redis() as oracle:
            servers = [self.start().redis(), oracle.redis()]
            for client in servers:
                client.config_set("maxmemory-policy", "allkeys-lfu")
                client.set("k", "v")
            self.assertEqual(*[c.object("freq", "k") for c in servers])
            for client in servers:
                client.config_set("lfu-log-factor", "0")
                for _ in range(40):
                    client.get("k")
            self.assertEqual(*[c.object("freq", "k") for c in servers])
            for client in servers:
                client.set("k", "w")
                client.append("k", "x")
                client.expire("k", 100)
                client.rename("k", "l")
                client.type("l")
                client.touch("l")
            self.assertEqual(*[c.object("freq", "l") for c in servers])
            for client in servers:
                with self.assertRaisesRegex(redis.ResponseError, "LFU maxmemory policy is sel"):
                    client.object("idletime", "l")
                client.config_set("maxmemory-policy", "volatile-lru")
                with self.assertRaisesRegex(redis.ResponseError, "LFU maxmemory policy is not"):
                    client.object("freq", "l")
                client.set("m", "v")
            time.sleep(2.1)
            for client in servers:
                self.assertIn(client.object("idletime", "m"), (1, 2, 3))
                client.get("m")
                self.assertEqual(client.object("idletime", "m"), 0)

    def test_the_names_of_all_figures(self):
        with harness.start_redis() as oracle:
            ours, theirs = self.start().redis(), oracle.redis()
            for client in (ours, theirs):
                client.set("k", "v")
            self.assertEqual(set(theirs.info("memory")) - set(ours.info("memory")), set())
            self.assertEqual(list(theirs.memory_stats()), list(ours.memory_stats()))
            self.assertEqual(list(theirs.memory_stats()["db.0"]), list(ours.memory_stats()["db.0"]))

    @pollux_only
    def test_memory_subcommands(self):
        client = self.start().redis()
        client.set("k", "v" * 100)
        self.assertGreater(client.memory_usage("k"), 100)
        self.assertLess(client.memory_usage("k", samples=0), 250)
        self.assertIsNone(client.memory_usage("absent"))
        self.assertTrue(client.memory_purge())
        report = client.execute_command("MEMORY MALLOC-STATS")
        self.assertIn(b"jemalloc" if client.info("memory")["mem_allocator"] == "jemalloc"
                      else b"allocator of the C library", report)
        self.assertIn(b"5 MiB", client.execute_command("MEMORY DOCTOR"))
        fill(client, 30000)
        self.assertNotIn(b"5 MiB", client.execute_command("MEMORY DOCTOR"))
        stats = client.memory_stats()
        self.assertEqual(stats["keys.count"], 30001)
        self.assertGreater(stats["db.0"]["overhead.hashtable.main"], 30000 * 8)
        self.assertAlmostEqual(stats["dataset.bytes"] + stats["overhead.total"],
                               stats["total.allocated"])

    def emptied(self):
        """A client of a server most of whose memory is free, and how to ask for the allocator's."""
        client = self.start().redis()
        fill(client, 800, size=100000)
        client.delete(*["k%d" % i for i in range(800)])

        def memory(what):
            return client.info("memory")["allocator_" + what]

        self.eventually(lambda: memory("active") < 30 << 20)  # freed by the tick
        return client, memory

    @pollux_only
    @not_quick
    def test_an_idle_server_gives_back_what_is_free(self):
        _, memory = self.emptied()
        self.eventually(lambda: memory("resident") < 40 << 20, seconds=30)

    @pollux_only
    @not_quick
    def test_purge_gives_it_back_at_once(self):
        client, memory = self.emptied()
        client.memory_purge()
        self.eventually(lambda: memory("resident") < 40 << 20, seconds=2)  # else it takes 10

    @pollux_only
    @not_quick
    def test_used_memory_is_what_the_allocator_has_given(self):
        server = self.start(maxmemory_policy="allkeys-lru")
        client = server.redis()
        client.ping()
        fixed = client.info("memory")["allocator_allocated"]
        # What workers have beside data and clients, and the caches of the allocator; and what a
        # shard may have ready: a chunk and some more pages, partly used and spare slabs.
        beside = (1 << 20) * Case.workers
        ready = (4 << 20) * Case.workers
        seen = []

        def look():
            watcher = server.redis()
            while not done:
                memory = watcher.info("memory")
                given = memory["allocator_allocated"] - fixed
                seen.append((memory["used_memory"], given, memory["allocator_frag_bytes"]))
                time.sleep(0.01)

        done = []
        watching = threading.Thread(target=look)
        watching.start()
        try:
            fill(client, 80000, size=700)                       # growth
            fill(client, 80000, size=300)                       # churn
            fill(client, 150000, "small", size=40)
            for first in range(0, 150000, 500):                 # deletion, here and there
                client.delete(*["small%d" % i for i in range(first, first + 500) if i % 16])
            client.config_set("maxmemory", "20mb")              # eviction
            fill(client, 100000, "new", size=100)
            client.flushall()
            time.sleep(0.3)
        finally:
            done.append(True)
            watching.join()
        self.assertGreater(len(seen), 50)
        for used, given, spare in seen:
            self.assertLessEqual(abs(used - given), given * 0.02 + beside)
            self.assertLessEqual(spare, given * 0.05 + ready + beside)


class Clients(Case):

    def hog(self, server, megabytes):
        """A client that takes so much memory by not reading its replies."""
        raw = Raw(server)
        self.addCleanup(raw.socket.close)
        raw.send(harness.encode("CLIENT", "ID"))
        ident = int(raw.socket.recv(64)[1:])
        raw.send(harness.encode("GET", "big") * megabytes)
        return raw, ident

    def there(self, client):
        return {int(c["id"]) for c in client.client_list()}

    @pollux_only
    def test_what_has_come_counts_and_a_bounded_share_of_what_is_announced(self):
        server = self.start()
        client = server.redis()
        raw = Raw(server)
        self.addCleanup(raw.socket.close)
        raw.send(harness.encode("CLIENT", "ID"))
        ident = int(raw.socket.recv(64)[1:])

        def weight():
            listed = {int(one["id"]): one for one in client.client_list()}
            return int(listed[ident]["tot-mem"])

        raw.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\n")
        came = 0
        for sent in (1, 3, 20):
            raw.send(b"x" * (sent << 20))
            self.eventually(lambda: weight() >= sent << 20)
            came += sent << 20
            self.assertLess(weight(), 9 * came)
        raw.socket.close()
        self.eventually(lambda: client.info("memory")["mem_clients_normal"] < 1 << 20)

    @not_quick
    def test_the_largest_go_first(self):
        server = self.start(maxmemory_clients="40mb")
        client = server.redis()
        client.set("big", b"v" * (1 << 20))
        small, small_id = self.hog(server, 14)
        spared = Raw(server)
        self.addCleanup(spared.socket.close)
        spared.send(harness.encode("CLIENT", "NO-EVICT", "ON"))
        spared.read_exactly(b"+OK\r\n")
        large, large_id = self.hog(server, 36)
        self.eventually(lambda: large_id not in self.there(client), what="the largest closed")
        self.assertIn(small_id, self.there(client))
        self.assertEqual(client.info("stats")["evicted_clients"], 1)

    def test_a_limit_of_a_byte_lets_in_who_sets_it_right(self):
        server = self.start(maxmemory_clients="1")
        self.assertTrue(server.redis().ping())
        self.assertTrue(server.redis().config_set("maxmemory-clients", "0"))

    @pollux_only
    def test_many_small_ones_are_seen_at_once(self):
        self.fill_with_small_ones(self.start(maxmemory_clients="5mb"))

    @pollux_only
    def test_many_small_ones_are_seen_at_once_whichever_worker_has_the_largest(self):
        server = harness.start_pollux({"maxmemory-clients": "5mb"}, workers=8)
        self.addCleanup(server.stop)
        self.fill_with_small_ones(server)

    def fill_with_small_ones(self, server):
        client = server.redis()
        seen = []
        for _ in range(150):
            raw = Raw(server)
            self.addCleanup(raw.socket.close)
            try:  # half a request
                raw.send(b"*2\r\n$3\r\nGET\r\n$1000000\r\n" + b"x" * 100000)
            except OSError:
                continue
            seen.append(client.info("memory")["mem_clients_normal"])
        self.assertGreater(client.info("stats")["evicted_clients"], 50)
        self.assertLess(max(seen), 8 << 20)

    def test_a_share_of_maxmemory(self):
        server = self.start(maxmemory="100mb", maxmemory_clients="10%")
        client = server.redis()
        self.assertEqual(client.config_get("maxmemory-clients"), {"maxmemory-clients": "10%"})
        client.set("big", b"v" * (1 << 20))
        hog, ident = self.hog(server, 40)
        self.eventually(lambda: ident not in self.there(client), what="over a tenth: closed")


class Events(Case):

    def test_what_is_evicted_is_told(self):
        server = self.start(maxmemory="8mb", maxmemory_policy="allkeys-lru",
                            notify_keyspace_events="K$eg")
        client = server.redis()
        listener = server.redis().pubsub()
        self.addCleanup(listener.close)
        listener.psubscribe("__keyspace@0__:*")
        listener.get_message(timeout=10)
        count = 800
        for i in range(count):
            client.set("k%d" % i, b"v" * 20000)
        self.eventually(
            lambda: client.dbsize() + client.info("stats")["evicted_keys"] == count,
            what="every key is there or was evicted")
        told = {}
        while True:
            event = listener.get_message(timeout=0.3)
            if event is None:
                break
            told.setdefault(event["channel"].split(b":")[1], []).append(event["data"])
        for i in range(count):
            gone = client.exists("k%d" % i) == 0
            self.assertEqual(told[b"k%d" % i], [b"set"] + [b"evicted"] * gone)
        self.assertGreater(client.info("stats")["evicted_keys"], 300)

    @only_once
    def test_redis_cli_sees_the_memory(self):
        server = self.start()
        fill(server.redis(), 1000)
        out = subprocess.run(["redis-cli", "-p", str(server.port), "--memkeys"],
                             stdout=subprocess.PIPE, timeout=30).stdout.decode()
        self.assertIn("Biggest string found", out)


class Refusals(Case):

    COMMANDS = (
        "SET a 1", "SET new 1", "GET a", "APPEND a x", "STRLEN a", "SETRANGE a 0 x",
        "GETRANGE a 0 1", "INCR n", "INCRBY n 2", "DECR n", "INCRBYFLOAT n 1.5", "MSET a 1 b 2",
        "MSETNX c 1 d 2", "MGET a n", "SETNX e 1", "SETEX a 10 v", "PSETEX a 10000 v",
        "GETSET a v", "GETEX a EX 10", "PERSIST a", "EXPIRE a 100", "PERSIST a", "SETBIT a 7 1",
        "GETBIT a 7", "BITCOUNT a", "BITOP AND a a n", "BITFIELD a SET u8 0 1",
        "BITFIELD a GET u8 0", "BITFIELD_RO a GET u8 0", "COPY a copy", "RENAME a b",
        "RENAMENX b a", "TYPE a", "TTL a", "TOUCH a", "UNLINK none", "GETDEL n", "SET bad",
        "SET a 1 NOSUCH", "LCS a n", "OBJECT ENCODING a", "DEL a", "EXISTS a", "MULTI", "SET a 1",
        "GET a", "EXEC", "MULTI", "GET a", "EXEC", "FLUSHALL",
    )

    @only_once
    def test_over_the_limit_redis_and_pollux_refuse_the_same(self):
        with harness.start_redis() as oracle:
            ours = self.start()
            for policy in ("noeviction", "volatile-lru", "volatile-ttl", "volatile-random",
                           "volatile-lfu"):
                # A key that gets a TTL may go, there before the next command, here in a moment.
                commands = [line for line in self.COMMANDS
                            if policy == "noeviction" or "EX " not in line and
                            "EXPIRE" not in line]
                replies = []
                for server in (oracle, ours):
                    client = server.redis()
                    client.mset({"a": "value", "n": 5, "ballast": "v" * 1000})
                    client.config_set("maxmemory-policy", policy)
                    client.config_set("maxmemory", "1")
                    replies.append([self.ask(client, line) for line in commands])
                    client.config_set("maxmemory", "0")
                self.assertEqual(list(zip(commands, replies[0])),
                                 list(zip(commands, replies[1])), policy)

    @only_once
    def test_what_else_would_be_refused_comes_behind_memory(self):
        """A subscriber's and a monitor's writes, too, are refused for want of memory first."""
        with harness.start_redis() as oracle:
            said = []
            for server in (oracle, self.start()):
                client = server.redis()
                client.set("a", "v")
                client.config_set("maxmemory", "1")
                replies = []
                for word, *more in (["SUBSCRIBE", "c"], ["MONITOR"]):
                    asker = Resp(server)
                    asker(word, *more)
                    replies += [asker("SET", "b", "1"), asker("GET", "a")]
                    asker.close()
                said.append([reply.split(" ")[0] for reply in replies])
            self.assertEqual(*said)
            self.assertEqual(said[0][::2], ["OOM", "OOM"])

    @staticmethod
    def ask(client, line):
        connection = client.connection_pool.get_connection("_")
        try:
            connection.send_command(*line.split())
            reply = connection.read_response()
        except redis.ResponseError as error:
            reply = str(error)
        finally:
            client.connection_pool.release(connection)
        return reply
