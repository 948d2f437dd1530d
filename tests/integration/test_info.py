"""INFO: every field of redis-server 7.0.15, several sections at once, statistics of commands,
errors and keys."""

import re

import redis

import harness
from case import Case, ServerCase, only_once, pollux_only
from test_slowlog import ask

# Fields that are not here, with the reason.
NOT_HERE = {}


def fields(text):
    """Section by section, the names; of statistics their form."""
    found = {}
    section = None
    for line in text.decode().split("\r\n"):
        if line.startswith("# "):
            section = line[2:]
            found[section] = []
        elif line:
            name, _, value = line.partition(":")
            if re.match(r"cmdstat_|errorstat_|latency_percentiles_usec_|db\d+$", name):
                value = re.sub(r"[0-9.]+", "N", value)
                value = value.replace(",subexpiry=N", "")  # of Redis 7.4
                name = re.sub(r"(cmdstat_|errorstat_|usec_|db).*", r"\1", name) + ":" + value
            found[section].append(name)
    return found


class InfoFields(Case):

    def test_every_field_of_redis(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        servers = [self.start(), theirs]
        texts = []
        for server in servers:
            client = server.redis()
            client.set("k", "v", ex=100)
            with self.assertRaises(redis.ResponseError):
                client.execute_command("INCR", "k")
            texts.append(fields(ask(client, "INFO", "everything")))
        ours, redis_has = texts
        for section, names in redis_has.items():
            self.assertIn(section, ours)
            missing = [name for name in names
                       if name not in ours[section] and name not in NOT_HERE]
            self.assertEqual(missing, [], section)
        self.assertEqual([name for name in ours if name in redis_has], list(redis_has))

    @only_once
    def test_sections(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        want, have = theirs.redis(), self.start().redis()
        own = {"Pollux"}
        for request in ((), ("default",), ("all",), ("everything",), ("server", "clients"),
                        ("CPU",), ("keyspace", "server", "KEYSPACE"), ("nosuch",),
                        ("nosuch", "memory"), ("commandstats",), ("errorstats", "default"),
                        ("modules",), ("latencystats", "all")):
            names = [set(fields(ask(client, "INFO", *request))) for client in (want, have)]
            self.assertEqual(names[0], names[1] - own, request)


class InfoValues(ServerCase):

    def setUp(self):
        super().setUp()
        self.client.config_resetstat()

    def test_commandstats_over_workers(self):
        clients = [self.server.redis() for _ in range(8)]
        for i in range(80):
            clients[i % 8].set("k%d" % i, "v")
        with self.assertRaises(redis.ResponseError):
            self.client.execute_command("GET")
        self.client.set("s", "x")
        with self.assertRaises(redis.ResponseError):
            self.client.execute_command("INCR", "s")
        stats = self.client.info("commandstats")
        self.assertEqual(stats["cmdstat_set"]["calls"], 81)
        self.assertEqual(stats["cmdstat_get"]["rejected_calls"], 1)
        self.assertEqual(stats["cmdstat_incr"]["failed_calls"], 1)
        self.assertGreater(stats["cmdstat_set"]["usec_per_call"], 0)

    def test_errorstats_over_workers(self):
        for i in range(12):
            client = self.server.redis()
            with self.assertRaises(redis.ResponseError):
                client.execute_command("NOSUCH")
            client.set("s%d" % i, "x")
            with self.assertRaises(redis.ResponseError):
                client.execute_command("SET", "a", "b", "NX", "XX")
        self.assertEqual(self.client.info("errorstats")["errorstat_ERR"], "count=24")
        self.assertEqual(self.client.info("stats")["total_error_replies"], 24)

    def test_keyspace(self):
        self.client.set("a", 1)
        self.client.set("b", 1, px=100000)
        other = self.server.redis(db=3)
        other.set("c", 1)
        keyspace = self.client.info("keyspace")
        self.assertEqual((keyspace["db0"]["keys"], keyspace["db0"]["expires"]), (2, 1))
        self.assertIn(keyspace["db0"]["avg_ttl"], range(90000, 100001))
        self.assertEqual(keyspace["db3"]["keys"], 1)
        other.flushdb()

    def test_hz_is_the_option(self):
        self.client.config_set("hz", "50")
        self.assertEqual(self.client.info("server")["configured_hz"], 50)
        self.client.config_set("hz", "10")


class Turns(Case):

    @pollux_only
    @only_once
    def test_how_busy_workers_are(self):
        """busy_us grows with what a worker does, however it waits."""
        for mode in ({"poll_mode": "adaptive", "poll_spin_us": 0},
                     {"poll_mode": "adaptive", "poll_spin_us": 50}, {"poll_mode": "busy"}):
            client = self.start(workers=1, **mode).redis()

            def busy_us(client=client):
                return client.info("pollux")["worker_0"]["busy_us"]

            before = busy_us()
            pipe = client.pipeline(transaction=False)
            for i in range(20_000):
                pipe.set("key:%d" % i, i)
            pipe.execute()
            worked = busy_us() - before
            self.assertGreater(worked, 500, mode)

    @pollux_only
    def test_work_for_another_worker_is_a_turn_too(self):
        """The longest turn is told wherever the key lies, and whoever has asked."""
        server = self.start(turn_cpu_stats="yes")
        client = server.redis()
        for name in ("alpha", "beta", "gamma", "delta"):  # on different shards of four
            client.hset(name, mapping={"field:%d" % i: i for i in range(1000)})
            client.config_resetstat()
            client.hrandfield(name, -200000)
            # Half of what the quickest machine takes; a turn with nothing in it takes 1 % of that.
            self.eventually(lambda: client.info("everything")["longest_turn_cpu_us"] > 2000,
                            seconds=2, what="a long turn for " + name)
