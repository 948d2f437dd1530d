"""LATENCY: the monitor's events, the histograms of commands, INFO latencystats."""

import time

import harness
from case import Case, ServerCase, only_once, pollux_only
from test_slowlog import ask


class LatencyMonitor(Case):

    def sleeper(self, **options):
        return self.start(enable_debug_command="yes", **options).redis()

    def test_events(self):
        client = self.sleeper(latency_monitor_threshold="5")
        self.assertEqual(ask(client, "LATENCY", "LATEST"), [])
        client.execute_command("DEBUG", "SLEEP", "0.03")
        began = int(time.time())
        client.execute_command("DEBUG", "SLEEP", "0.01")
        [[name, at, last, most]] = ask(client, "LATENCY", "LATEST")
        self.assertEqual(name, b"command")
        self.assertLessEqual(abs(at - began), 1)
        self.assertGreaterEqual(last, 10)
        self.assertGreaterEqual(most, 30)
        self.assertLess(most, 500)
        history = ask(client, "LATENCY", "HISTORY", "command")
        self.assertIn(len(history), (1, 2))
        self.assertEqual(history[-1][0], at)
        graph = client.execute_command("LATENCY", "GRAPH", "command").decode()
        self.assertIn("command - high", graph)
        self.assertIn("command", client.execute_command("LATENCY", "DOCTOR").decode())
        self.assertEqual(ask(client, "LATENCY", "RESET", "nosuch", "fast-command"), 0)
        self.assertEqual(ask(client, "LATENCY", "RESET", "command"), 1)
        self.assertEqual(ask(client, "LATENCY", "LATEST"), [])

    def test_off_by_default(self):
        client = self.sleeper()
        client.execute_command("DEBUG", "SLEEP", "0.02")
        self.assertEqual(ask(client, "LATENCY", "LATEST"), [])
        client.config_set("latency-monitor-threshold", "10")
        client.execute_command("DEBUG", "SLEEP", "0.02")
        self.assertEqual(len(ask(client, "LATENCY", "LATEST")), 1)
        client.config_set("latency-monitor-threshold", "0")
        self.assertEqual(len(ask(client, "LATENCY", "LATEST")), 1)

    @pollux_only
    def test_events_of_the_disk(self):
        client = self.start(latency_monitor_threshold="1", appendonly="yes", appendfsync="always",
                            aof_backlog_max="1mb").redis()
        self.eventually(lambda: not client.info("persistence")["loading"], what="the start")

        def seen():
            client.set("k", b"v" * (64 << 20))  # what takes 1 ms on any disk
            return b"aof-backlog" in [event[0] for event in ask(client, "LATENCY", "LATEST")]
        self.eventually(seen, what="a backlog that took more than 1 ms")
        self.assertIn("aof-backlog", client.execute_command("LATENCY", "DOCTOR").decode())
        syncs = client.info("persistence")["aof_fsync_percentiles_usec"]
        self.assertGreaterEqual(syncs["p50"], 0)
        self.assertLessEqual(syncs["p50"], syncs["p99"])

    @only_once
    def test_errors(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        want, have = theirs.redis(), self.start().redis()
        for command in (("LATENCY",), ("LATENCY", "nosuch"), ("LATENCY", "GRAPH", "nosuch"),
                        ("LATENCY", "GRAPH"), ("LATENCY", "HISTORY"), ("LATENCY", "HISTORY", "x"),
                        ("LATENCY", "LATEST", "x"), ("LATENCY", "RESET", "x", "y"),
                        ("LATENCY", "HISTOGRAM", "nosuch"), ("LATENCY", "DOCTOR", "x")):
            self.assertEqual(ask(have, *command), ask(want, *command), command)


class LatencyHistograms(ServerCase):

    def setUp(self):
        super().setUp()
        self.client.config_resetstat()

    def histogram(self, *names):
        reply = ask(self.client, "LATENCY", "HISTOGRAM", *names)
        return {reply[i].decode(): dict(zip(reply[i + 1][::2], reply[i + 1][1::2]))
                for i in range(0, len(reply), 2)}

    def test_counts_of_all_workers(self):
        clients = [self.server.redis() for _ in range(8)]
        for i in range(200):
            clients[i % 8].set("k%d" % i, "v")
        found = self.histogram("set", "nosuch", "GET")
        self.assertEqual(list(found), ["set"])
        self.assertEqual(found["set"][b"calls"], 200)
        bounds = found["set"][b"histogram_usec"]
        self.assertEqual(bounds[-1], 200)
        self.assertEqual(bounds[::2], sorted(bounds[::2]))
        self.assertEqual(bounds[1::2], sorted(set(bounds[1::2])))

    def test_container_stands_for_its_subcommands(self):
        self.client.config_get("timeout")
        self.client.client_id()
        self.assertIn("config|get", self.histogram("config"))
        self.assertEqual(list(self.histogram("client|id")), ["client|id"])
        everything = self.histogram()
        self.assertIn("config|get", everything)
        self.assertIn("client|id", everything)

    def test_a_slow_command_is_where_redis_puts_it(self):
        server = self.start(enable_debug_command="yes")
        server.redis().execute_command("DEBUG", "SLEEP", "0.003")
        reply = ask(server.redis(), "LATENCY", "HISTOGRAM", "debug")
        # A busy machine may let it sleep longer.
        self.assertIn(reply[1][3], [[bound, 1] for bound in (4227, 8454, 16908, 33816, 67633)])

    def test_tracking_off(self):
        self.client.config_set("latency-tracking", "no")
        self.client.get("k")
        self.assertEqual(self.histogram("get"), {})
        self.assertNotIn("latency_percentiles_usec_set", self.client.info("latencystats"))
        self.client.config_set("latency-tracking", "yes")
        self.client.get("k")
        self.assertEqual(self.histogram("get")["get"][b"calls"], 1)

    def test_info_latencystats(self):
        for _ in range(50):
            self.client.get("k")
        text = ask(self.client, "INFO", "latencystats").decode()
        self.assertRegex(
            text,
            r"latency_percentiles_usec_get:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}\r\n")
        self.client.config_set("latency-tracking-info-percentiles", "12.5 100")
        text = ask(self.client, "INFO", "latencystats").decode()
        self.assertRegex(text, r"usec_get:p12\.5=\d+\.\d{3},p100=\d+\.\d{3}\r\n")
        self.client.config_set("latency-tracking-info-percentiles", "")
        self.assertEqual(ask(self.client, "INFO", "latencystats"), b"# Latencystats\r\n")
        self.client.config_set("latency-tracking-info-percentiles", "50 99 99.9")
        self.client.config_resetstat()
        text = ask(self.client, "INFO", "latencystats").decode()
        self.assertNotIn("usec_get:", text)
