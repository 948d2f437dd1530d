"""What people use such a server for, with redis-py: eight clients at once, and something that must
hold, at each step or at the end. tests/integration/node/ has the same uses for ioredis and
node-redis."""

import random
import threading
import time

import redis

from case import QUICK, ServerCase, pollux_only

CLIENTS = 8
ROUNDS = 10 if QUICK else 60


class Use(ServerCase):

    def together(self, work, clients=CLIENTS):
        """Runs work(client, number) on as many threads, each with a connection of its own; what
        they return, in order. Fails with the first thing that went wrong in one of them."""
        results, wrong = [None] * clients, []

        def run(number):
            client = self.server.redis(decode_responses=True)
            try:
                results[number] = work(client, number)
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)
            finally:
                client.close()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive(), "a client hangs")
        if wrong:
            raise wrong[0]
        return results

    def text(self):
        """A client whose replies are str."""
        client = self.server.redis(decode_responses=True)
        self.addCleanup(client.close)
        return client


class Database:
    """The slow thing behind a cache: rows with versions that only grow."""

    def __init__(self, rows):
        self.versions = [0] * rows
        self.told = [0] * rows  # the newest version whose invalidation was answered
        self.lock = threading.Lock()

    def read(self, row):
        with self.lock:
            return self.versions[row]

    def write(self, row):
        with self.lock:
            self.versions[row] += 1
            return self.versions[row]

    def invalidated(self, row, version):
        with self.lock:
            self.told[row] = max(self.told[row], version)


class CacheAside(Use):

    def test_nothing_stale_stays(self):
        """Read through the cache, fill with WATCH, invalidate after writing: behind the answer to
        an invalidation, nobody may see what is older, however long a fill has taken."""
        rows = 3
        database = Database(rows)
        quiet = threading.Barrier(CLIENTS, timeout=30)

        def cached(client, row):
            """What the cache has; None if nothing."""
            floor = database.told[row]
            value = client.get("row:%d" % row)
            if value is not None:
                self.assertGreaterEqual(int(value), floor, "row %d is stale" % row)
            return value

        def fill(client, row, pause):
            """False if the row was changed meanwhile."""
            key = "row:%d" % row
            with client.pipeline() as pipe:
                pipe.watch(key, "gen:" + key)
                value = database.read(row)
                time.sleep(pause)  # others write and invalidate
                pipe.multi()
                pipe.set(key, value, px=5000)
                try:
                    pipe.execute()
                    return True
                except redis.WatchError:
                    return False

        def write(client, row):
            version = database.write(row)
            with client.pipeline() as pipe:
                pipe.incr("gen:row:%d" % row).delete("row:%d" % row).execute()
            database.invalidated(row, version)

        def use(client, number):
            rng = random.Random(number)
            hits = refused = 0
            for step in range(ROUNDS * 5):
                row = rng.randrange(rows)
                if rng.random() < 0.2:
                    write(client, row)
                elif cached(client, row) is not None:
                    hits += 1
                else:
                    refused += not fill(client, row, rng.uniform(0, 0.004))
                if step % ROUNDS == ROUNDS - 1:  # nothing is under way: all is as in the database
                    quiet.wait()
                    for each in range(rows):
                        if cached(client, each) is not None:
                            self.assertEqual(database.told[each], database.versions[each])
                    quiet.wait()
            return hits, refused

        def work(client, number):
            try:
                return use(client, number)
            except Exception:
                quiet.abort()  # nobody has to wait for one that is gone
                raise

        results = self.together(work)
        self.assertGreater(sum(hits for hits, _ in results), 0, "the cache answered nothing")
        self.assertGreater(sum(refused for _, refused in results), 0, "no fill met a write")

    def test_entries_end_with_their_time(self):
        client = self.text()
        client.set("short", "v", px=400)
        self.assertEqual(client.get("short"), "v")
        self.eventually(lambda: client.get("short") is None, 5, "expiry")
        self.assertEqual(client.dbsize(), 0)


class Sessions(Use):

    def test_renewed_sessions_live_and_forgotten_ones_end(self):
        forgotten = ["session:forgotten:%d" % n for n in range(50)]
        client = self.text()
        for name in forgotten:
            client.hset(name, mapping={"user": "u", "csrf": "t"})
            client.pexpire(name, 300)

        def work(client, number):
            name = "session:%d" % number
            for step in range(ROUNDS):
                with client.pipeline() as pipe:
                    pipe.hincrby(name, "requests", 1).hset(name, "last", step).pexpire(name, 3000)
                    requests = pipe.execute()[0]
                self.assertEqual(requests, step + 1, "the session was lost on the way")
                time.sleep(0.005)
            return client.hgetall(name)

        for session in self.together(work):
            self.assertEqual(session, {"requests": str(ROUNDS), "last": str(ROUNDS - 1)})
        self.eventually(lambda: not any(client.exists(n) for n in forgotten), 5, "their end")


class RateLimits(Use):

    def test_fixed_window_lets_just_the_limit_through(self):
        limit = 100

        def work(client, _):
            passed = 0
            for _ in range(ROUNDS):
                with client.pipeline() as pipe:
                    pipe.set("limit:api", 0, ex=60, nx=True).incr("limit:api")
                    passed += 1 if pipe.execute()[1] <= limit else 0
            return passed

        self.assertEqual(sum(self.together(work)), min(limit, CLIENTS * ROUNDS))
        self.assertGreater(self.text().ttl("limit:api"), 0)

    def test_sliding_window(self):
        limit = 40

        def work(client, number):
            passed = 0
            for step in range(ROUNDS):
                name = "%d:%d" % (number, step)
                while True:
                    with client.pipeline() as pipe:
                        pipe.watch("window")
                        now = time.time()
                        pipe.zremrangebyscore("window", "-inf", now - 60)
                        if pipe.zcard("window") >= limit:
                            break
                        pipe.multi()
                        pipe.zadd("window", {name: now}).expire("window", 60)
                        try:
                            pipe.execute()
                            passed += 1
                            break
                        except redis.WatchError:
                            continue
            return passed

        self.assertEqual(sum(self.together(work)), min(limit, CLIENTS * ROUNDS))
        self.assertEqual(self.text().zcard("window"), min(limit, CLIENTS * ROUNDS))


class Throttle(Use):

    def test_refused_ones_back_off_and_all_get_through(self):
        """So many calls in a window, which begins with its first call and ends by expiry. Who is
        refused waits, longer each time, and asks again: no window lets more through than it may,
        and nobody's work is lost."""
        limit, window_ms, calls = 20, 100, max(ROUNDS // 4, 3)

        def work(client, number):
            rng = random.Random(number)
            passed = []
            for _ in range(calls):
                wait = 0.002
                while True:
                    with client.pipeline() as pipe:
                        pipe.set("throttle", 0, px=window_ms, nx=True).incr("throttle")
                        count = pipe.pttl("throttle").execute()
                    self.assertTrue(0 <= count[2] <= window_ms, count)  # it ends, whatever we do
                    if count[1] <= limit:
                        break
                    time.sleep(wait * (0.5 + rng.random()))
                    wait = min(wait * 2, window_ms / 1000)
                passed.append(count[1])
            return passed

        begun = time.monotonic()
        places = sum(self.together(work), [])
        took_ms = (time.monotonic() - begun) * 1000
        self.assertEqual(len(places), CLIENTS * calls)
        # In each window a place is given once, and none before the one below it.
        given = [places.count(place) for place in range(1, limit + 1)]
        self.assertEqual(sum(given), len(places))
        self.assertEqual(given, sorted(given, reverse=True))
        windows = given[0]
        self.assertGreaterEqual(windows, -(-len(places) // limit))
        self.assertGreaterEqual(took_ms, (windows - 1.5) * window_ms, "windows ended early")


class Leaderboard(Use):

    def test_scores_and_ranks_agree(self):
        players = ["player:%03d" % n for n in range(100)]

        def work(client, number):
            rng = random.Random(number)
            points = {}
            for _ in range(ROUNDS * 4):
                player, gain = rng.choice(players), rng.randrange(1, 50)
                client.zincrby("board", gain, player)
                points[player] = points.get(player, 0) + gain
                top = client.zrevrange("board", 0, 9, withscores=True)
                self.assertEqual(top, sorted(top, key=lambda e: (e[1], e[0]), reverse=True))
            return points

        expected = {}
        for points in self.together(work):
            for player, gain in points.items():
                expected[player] = expected.get(player, 0) + gain
        order = sorted(expected, key=lambda p: (expected[p], p), reverse=True)
        client = self.text()
        board = client.zrevrange("board", 0, -1, withscores=True)
        self.assertEqual(board, [(p, float(expected[p])) for p in order])
        for rank in range(0, len(order), 7):
            self.assertEqual(client.zrevrank("board", order[rank]), rank)
        middle = sorted(expected.values())[len(expected) // 2]
        self.assertEqual(client.zcount("board", middle, "+inf"),
                         sum(1 for v in expected.values() if v >= middle))


class Locks(Use):

    @staticmethod
    def release(client, token):
        """Deletes the lock if it is still ours."""
        while True:
            with client.pipeline() as pipe:
                pipe.watch("lock")
                if pipe.get("lock") != token:
                    return False
                pipe.multi()
                pipe.delete("lock")
                try:
                    pipe.execute()
                    return True
                except redis.WatchError:
                    continue

    def test_one_at_a_time(self):
        inside, most = [0], [0]

        def work(client, number):
            backoff = random.Random(number)
            for step in range(max(ROUNDS // 4, 3)):
                token, wait = "%d:%d" % (number, step), 0.0005
                while not client.set("lock", token, nx=True, px=20000):
                    time.sleep(wait * (0.5 + backoff.random()))  # throttled clients back off
                    wait = min(wait * 2, 0.01)
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                value = int(client.get("guarded") or 0)
                time.sleep(0.0005)
                client.set("guarded", value + 1)
                inside[0] -= 1
                self.assertTrue(self.release(client, token), "the lock was lost")

        self.together(work)
        self.assertEqual(most[0], 1)
        self.assertEqual(int(self.text().get("guarded")), CLIENTS * max(ROUNDS // 4, 3))

    def test_a_dead_owners_lock_ends_and_its_late_release_does_no_harm(self):
        client = self.text()
        self.assertTrue(client.set("lock", "dead", nx=True, px=500))
        self.assertFalse(client.set("lock", "heir", nx=True, px=20000))
        self.eventually(lambda: client.set("lock", "heir", nx=True, px=20000), 5, "the end")
        self.assertFalse(self.release(client, "dead"))
        self.assertEqual(client.get("lock"), "heir")


class Analytics(Use):

    def test_counters_and_visitors(self):
        def work(client, number):
            for step in range(ROUNDS):
                with client.pipeline(transaction=False) as pipe:
                    pipe.hincrby("hits", "page:%d" % (step % 5), 1)
                    pipe.pfadd("visitors:%d" % (step % 2), "u%d" % (number * ROUNDS + step))
                    pipe.setbit("active", number * ROUNDS + step, 1)
                    pipe.incrbyfloat("revenue", 0.25)
                    pipe.execute()

        self.together(work)
        client, total = self.text(), CLIENTS * ROUNDS
        self.assertEqual(sum(int(v) for v in client.hvals("hits")), total)
        self.assertEqual(client.bitcount("active"), total)
        self.assertEqual(float(client.get("revenue")), total * 0.25)
        both = client.pfcount("visitors:0", "visitors:1")
        self.assertLess(abs(both - total), max(total * 0.04, 2))
        client.pfmerge("visitors", "visitors:0", "visitors:1")
        self.assertEqual(client.pfcount("visitors"), both)


class Queues(Use):

    def test_stream_with_workers_that_crash(self):
        """Every job is done, though some workers take jobs and never acknowledge them."""
        jobs = CLIENTS * ROUNDS
        client = self.text()
        client.xgroup_create("jobs", "workers", id="0", mkstream=True)
        done, lock = {}, threading.Lock()

        def work(client, number):
            if number < 2:
                for step in range(jobs // 2):
                    client.xadd("jobs", {"job": number * (jobs // 2) + step}, maxlen=100000)
                return
            crashes = number >= CLIENTS - 2
            deadline = time.monotonic() + 40
            while len(done) < jobs and time.monotonic() < deadline:
                if crashes:
                    client.xreadgroup("workers", "w%d" % number, {"jobs": ">"}, count=3, block=5)
                    time.sleep(0.05)
                    continue
                taken = client.xreadgroup("workers", "w%d" % number, {"jobs": ">"}, count=5,
                                          block=20)
                entries = taken[0][1] if taken else \
                    client.xautoclaim("jobs", "workers", "w%d" % number, 100, "0-0", count=5)[1]
                for entry, fields in entries:
                    with lock:
                        done[fields["job"]] = done.get(fields["job"], 0) + 1
                    client.xack("jobs", "workers", entry)

        self.together(work)
        self.assertEqual(sorted(int(job) for job in done), list(range(jobs)))
        self.assertEqual(client.xlen("jobs"), jobs)

    @pollux_only  # CLAIM
    def test_stream_whose_workers_die(self):
        """One command reads jobs and takes over those of workers that are gone: each job is done
        once it was delivered to one who lives, and each delivery has been counted."""
        jobs, min_idle_ms = CLIENTS * ROUNDS, 150
        client = self.text()
        client.xgroup_create("jobs", "workers", id="0", mkstream=True)
        for job in range(jobs):
            client.xadd("jobs", {"job": job})
        for victim in range(3):  # takes jobs, and dies with them
            dying = self.server.redis()
            dying.xreadgroup("workers", "v%d" % victim, {"jobs": ">"}, count=5)
            dying.connection_pool.disconnect()
        self.assertEqual(client.xpending("jobs", "workers")["pending"], 15)
        done, lock = {}, threading.Lock()

        def work(client, number):
            client.set_response_callback("XREADGROUP", lambda reply, **_: reply)
            while len(done) < jobs:
                reply = client.execute_command(
                    "XREADGROUP", "GROUP", "workers", "w%d" % number, "COUNT", 3, "BLOCK", 400,
                    "CLAIM", min_idle_ms, "STREAMS", "jobs", ">")
                for entry, fields, idle_ms, before in (reply[0][1] if reply else []):
                    self.assertTrue(idle_ms >= min_idle_ms if before else idle_ms == 0, reply)
                    with lock:
                        done.setdefault(fields[1], []).append(before)
                    client.xack("jobs", "workers", entry)

        self.together(work)
        self.assertEqual(sorted(int(job) for job in done), list(range(jobs)))
        self.assertEqual(client.xpending("jobs", "workers")["pending"], 0)
        # One that is slow loses its jobs to others, too; but no two are told the same number.
        for job in range(jobs):
            counts = sorted(done[str(job)])
            first = 1 if job < 15 else 0
            self.assertEqual(counts, list(range(first, first + len(counts))), job)

    def test_list_with_blocked_workers(self):
        jobs = CLIENTS * ROUNDS

        def work(client, number):
            if number == 0:
                for step in range(jobs):
                    client.rpush("todo", step)
                for _ in range(CLIENTS - 1):
                    client.rpush("todo", "end")
                return []
            taken = []
            while True:
                job = client.blmove("todo", "doing:%d" % number, 30, "LEFT", "RIGHT")
                self.assertIsNotNone(job, "a worker waited for nothing")
                if job == "end":
                    return taken
                taken.append(int(job))

        taken = self.together(work)
        for one in taken:
            self.assertEqual(one, sorted(one), "not in order")
        self.assertEqual(sorted(sum(taken, [])), list(range(jobs)))
        client = self.text()
        self.assertEqual(client.exists("todo"), 0)
        self.assertEqual(sum(client.llen("doing:%d" % n) for n in range(1, CLIENTS)),
                         jobs + CLIENTS - 1)


class Events(Use):

    def test_every_subscriber_hears_all_in_order(self):
        subscribers, publishers = CLIENTS - 2, 2
        ready = threading.Barrier(CLIENTS)

        def work(client, number):
            if number < publishers:
                ready.wait(20)
                return [client.publish("events", "%d:%d" % (number, step))
                        for step in range(ROUNDS)]
            heard = []
            with client.pubsub() as listener:
                listener.subscribe("events")
                self.assertEqual(listener.get_message(timeout=10)["type"], "subscribe")
                ready.wait(20)
                while len(heard) < publishers * ROUNDS:
                    message = listener.get_message(timeout=10)
                    self.assertIsNotNone(message, "a message is missing")
                    heard.append(message["data"])
            return heard

        results = self.together(work)
        for counts in results[:publishers]:
            self.assertEqual(counts, [subscribers] * ROUNDS)
        for heard in results[publishers:]:
            self.assertEqual(heard, results[publishers], "one order for all")
            for publisher in range(publishers):
                own = [int(m.split(":")[1]) for m in heard if m.startswith("%d:" % publisher)]
                self.assertEqual(own, list(range(ROUNDS)))
