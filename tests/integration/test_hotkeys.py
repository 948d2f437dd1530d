"""HOTKEYS: sessions as Redis 8.6 has them, and the samples that are always taken."""

import time

from case import ServerCase, pollux_only
from test_slowlog import ask


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


class HotKeys(ServerCase):

    def setUp(self):
        super().setUp()
        ask(self.client, "HOTKEYS", "STOP")
        ask(self.client, "HOTKEYS", "RESET")

    def results(self):
        return pairs(ask(self.client, "HOTKEYS", "GET")[0])

    @pollux_only
    def test_session(self):
        self.assertIsNone(ask(self.client, "HOTKEYS", "GET"))
        self.assertEqual(ask(self.client, "HOTKEYS", "START", "METRICS", "2", "CPU", "NET"), b"OK")
        clients = [self.server.redis() for _ in range(8)]
        for i in range(400):
            clients[i % 8].set("hot", "x" * 1000)
            clients[i % 8].get("warm%d" % (i % 4))
            clients[i % 8].ping()
        results = self.results()
        self.assertEqual(results[b"tracking-active"], 1)
        self.assertEqual(results[b"sample-ratio"], 1)
        self.assertEqual(results[b"selected-slots"], [[0, 16383]])
        self.assertLess(abs(results[b"collection-start-time-unix-ms"] - time.time() * 1000), 20000)
        self.assertGreater(results[b"all-commands-all-slots-us"], 0)
        self.assertGreater(results[b"net-bytes-all-commands-all-slots"], 400 * 1000)
        self.assertEqual(results[b"total-net-bytes"], results[b"net-bytes-all-commands-all-slots"])
        by_net = results[b"by-net-bytes"]
        self.assertEqual(by_net[0], b"hot")
        self.assertIn(by_net[1], range(400 * 1000, 400 * 1100))
        self.assertEqual(set(by_net[::2]), {b"hot"} | {b"warm%d" % i for i in range(4)})
        self.assertEqual(by_net[1::2], sorted(by_net[1::2], reverse=True))
        self.assertEqual(set(results[b"by-cpu-time-us"][::2]), set(by_net[::2]))
        self.assertEqual(ask(self.client, "HOTKEYS", "STOP"), b"OK")
        self.client.get("after")
        stopped = self.results()
        self.assertEqual(stopped[b"tracking-active"], 0)
        self.assertNotIn(b"after", stopped[b"by-net-bytes"])
        self.assertEqual(self.results()[b"collection-duration-ms"],
                         stopped[b"collection-duration-ms"])
        self.assertEqual(ask(self.client, "HOTKEYS", "RESET"), b"OK")
        self.assertIsNone(ask(self.client, "HOTKEYS", "GET"))

    @pollux_only
    def test_metrics_decide_the_fields(self):
        for metric, there, missing in (("CPU", b"by-cpu-time-us", b"by-net-bytes"),
                                       ("NET", b"total-net-bytes", b"total-cpu-time-user-ms")):
            ask(self.client, "HOTKEYS", "START", "METRICS", "1", metric)
            ask(self.client, "HOTKEYS", "STOP")
            self.assertIn(there, self.results())
            self.assertNotIn(missing, self.results())
            ask(self.client, "HOTKEYS", "RESET")

    @pollux_only
    def test_count_sample_and_duration(self):
        ask(self.client, "HOTKEYS", "START", "METRICS", "1", "NET", "COUNT", "3", "SAMPLE", "2",
            "DURATION", "1")
        for i in range(300):
            self.client.get("k%d" % (i % 10))
        results = self.results()
        self.assertEqual(len(results[b"by-net-bytes"]), 6)
        self.assertEqual(results[b"sample-ratio"], 2)
        self.eventually(lambda: self.results()[b"tracking-active"] == 0)
        self.assertIn(self.results()[b"collection-duration-ms"], range(1000, 1200))
        self.assertEqual(ask(self.client, "HOTKEYS", "START", "METRICS", "1", "CPU"), b"OK")

    @pollux_only
    def test_keys_of_other_workers_and_of_leases(self):
        ask(self.client, "HOTKEYS", "START", "METRICS", "1", "NET", "COUNT", "64")
        keys = ["m%d" % i for i in range(20)]
        self.client.mset({key: "v" * 100 for key in keys})
        pipe = self.client.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
        pipe.execute()
        self.assertEqual(set(self.results()[b"by-net-bytes"][::2]), {k.encode() for k in keys})

    @pollux_only
    def test_errors(self):
        start = ("HOTKEYS", "START")
        for args, message in (
                ((), "METRICS parameter is required"),
                (("COUNT", "5"), "METRICS parameter is required"),
                (("METRICS", "0"), "METRICS count"),
                (("METRICS", "-1"), "METRICS count"),
                (("METRICS", "x", "CPU"), "METRICS count"),
                (("METRICS", "2", "CPU"),
                 "METRICS count does not match number of metric types provided"),
                (("METRICS", "1", "CPU", "NET"), "syntax error"),
                (("METRICS", "1", "GPU"), "METRICS no valid metrics"),
                (("METRICS", "2", "CPU", "CPU"), "METRICS CPU"),
                (("METRICS", "1", "CPU", "COUNT", "0"), "COUNT must be between 1 and 64"),
                (("METRICS", "1", "CPU", "COUNT", "65"), "COUNT must be between 1 and 64"),
                (("METRICS", "1", "CPU", "SAMPLE", "0"), "SAMPLE ratio must be positive"),
                (("METRICS", "1", "CPU", "DURATION", "-1"), "DURATION"),
                (("METRICS", "1", "CPU", "DURATION"), "syntax error"),
                (("METRICS", "1", "CPU", "SLOTS", "1", "0"),
                 "SLOTS parameter cannot be used in non-cluster mode")):
            self.assertIn(message, ask(self.client, *start, *args), args)
        self.assertEqual(ask(self.client, *start, "METRICS", "2", "GPU", "CPU"), b"OK")
        self.assertIn("hotkey tracking session already in progress",
                      ask(self.client, *start, "METRICS", "1", "CPU"))
        self.assertIn("hotkey tracking session in progress, stop tracking first",
                      ask(self.client, "HOTKEYS", "RESET"))

    @pollux_only
    def test_top_without_a_session(self):
        pipe = self.client.pipeline(transaction=False)
        for i in range(20000):
            pipe.get("celebrity" if i % 2 else "nobody%d" % (i % 1000))
        pipe.execute()
        top = ask(self.client, "HOTKEYS", "TOP", "3")
        self.assertEqual(top[0][0], b"celebrity")
        self.assertGreater(float(top[0][1]), 30)
        self.assertLess(float(top[1][1]), 10)
        self.assertEqual(len(top), 3)
        self.assertIn("COUNT must be", ask(self.client, "HOTKEYS", "TOP", "0"))
