"""TTLs of hash fields: at their time, by access and by themselves; who hears of it; DUMP."""

import threading
import time

import redis

import payloads
from case import Case, ServerCase, not_quick, pollux_only
from resp_client import Resp

FOREVER = 10 ** 7  # ms


def ttls(client, key, *fields):
    return client.execute_command("HPTTL", key, "FIELDS", len(fields), *fields)


def set_expiry(client, key, ms, *fields):
    return client.execute_command("HPEXPIRE", key, ms, "FIELDS", len(fields), *fields)


class Listener:
    """Keyspace events of all keys, as (key, event)."""

    def __init__(self, server):
        server.redis().config_set("notify-keyspace-events", "KEA")
        self.pubsub = server.redis().pubsub()
        self.pubsub.psubscribe("__keyspace@*")
        while self.pubsub.get_message(timeout=1)["type"] != "psubscribe":
            pass

    def take(self, seconds=0.3):
        events = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            message = self.pubsub.get_message(timeout=left)
            if message and message["type"] == "pmessage":
                events.append((message["channel"].split(b":", 1)[1], message["data"]))
        return events


@pollux_only
class HashTtl(ServerCase):

    def forms(self):
        """A small hash and a large one."""
        for name, encoding, longest in (("small", b"listpackex", 10), ("large", b"hashtable", 100)):
            self.client.hset(name, mapping={"a": "1", "b": "2", "c": "x" * longest})
            set_expiry(self.client, name, FOREVER, "b")
            self.assertEqual(self.client.object("encoding", name), encoding)
            yield name

    def test_fields_end(self):
        for name in self.forms():
            self.assertEqual(set_expiry(self.client, name, 400, "a", "none"), [1, -2])
            self.assertEqual(self.client.hget(name, "a"), b"1")
            self.assertIn(ttls(self.client, name, "a")[0], range(0, 401))
            time.sleep(0.41)
            self.assertIsNone(self.client.hget(name, "a"))
            self.assertEqual(self.client.hlen(name), 2)
            self.assertEqual(ttls(self.client, name, "a", "c"), [-2, -1])

    def test_keys_and_fields_end_by_themselves_on_all_workers(self):
        listener = Listener(self.server)
        for i in range(40):
            self.client.hset("h:%d" % i, mapping={"a": i, "b": i, "c": i})
            set_expiry(self.client, "h:%d" % i, 400, "a")
            set_expiry(self.client, "h:%d" % i, 600, "b", "c")
        self.assertEqual(self.client.info("keyspace")["db0"]["subexpiry"], 40)
        ended = listener.take(1.2)
        for i in range(40):
            events = [event for key, event in ended if key == b"h:%d" % i]
            self.assertEqual([event for event in events if event in (b"del", b"hexpired")],
                             [b"hexpired", b"hexpired", b"del"])
        self.assertEqual(self.client.dbsize(), 0)
        self.assertEqual(self.client.info("keyspace"), {})

    def test_the_events_of_each_command(self):
        listener = Listener(self.server)

        def events_of(*command):
            self.client.execute_command(*command)
            return [event for _, event in listener.take(0.1)]

        self.client.hset("h", mapping={"a": 1, "b": 2, "c": 3, "d": 4})
        listener.take(0.1)
        self.assertEqual(events_of("HEXPIRE", "h", 100, "FIELDS", 1, "a"), [b"hexpire"])
        self.assertEqual(events_of("HPERSIST", "h", "FIELDS", 2, "a", "b"), [b"hpersist"])
        self.assertEqual(events_of("HEXPIREAT", "h", 1, "FIELDS", 1, "a"), [b"hdel"])
        self.assertEqual(events_of("HGETEX", "h", "EX", 9, "FIELDS", 1, "b"), [b"hexpire"])
        self.assertEqual(events_of("HGETEX", "h", "PERSIST", "FIELDS", 1, "b"), [b"hpersist"])
        self.assertEqual(events_of("HSETEX", "h", "EX", 9, "FIELDS", 1, "b", 5),
                         [b"hset", b"hexpire"])
        self.assertEqual(events_of("HGETDEL", "h", "FIELDS", 2, "b", "c"), [b"hdel"])
        self.assertEqual(events_of("HPEXPIRE", "h", 0, "FIELDS", 1, "d"), [b"hdel", b"del"])

    def test_replies_of_both_protocols(self):
        for protocol in (2, 3):
            client = Resp(self.server, protocol)
            client("DEL", "h")
            client("HSET", "h", "a", "1", "b", "2")
            self.assertEqual(client("HPEXPIRE", "h", "1000000", "FIELDS", "2", "a", "x"), [1, -2])
            self.assertEqual(client("HTTL", "h", "FIELDS", "3", "a", "b", "x"), [1000, -1, -2])
            self.assertEqual(client("HGETEX", "h", "FIELDS", "2", "a", "x"), ["1", None])
            self.assertEqual(client("HSCAN", "h", "0", "NOVALUES"), ["0", ["a", "b"]])
            self.assertEqual(client("HGETDEL", "h", "FIELDS", "2", "a", "x"), ["1", None])
            client.close()

    def test_through_dump_and_restore(self):
        for name in self.forms():
            payload = self.client.dump(name)
            for way in ("restored", "again"):
                self.client.restore(way, 0, payload, replace=True)
                self.assertEqual(self.client.hgetall(way), self.client.hgetall(name))
                times = self.client.execute_command("HPEXPIRETIME", way, "FIELDS", 3, "a", "b", "c")
                self.assertEqual(times, self.client.execute_command(
                    "HPEXPIRETIME", name, "FIELDS", 3, "a", "b", "c"))
                payload = self.client.dump(way)
        # What has ended on the way does not come back.
        self.client.restore("h", 0, payloads.seal(
            b"\x19" + bytes(8) + payloads.text(payloads.listpack(
                [b"a", 1, 1000, b"b", 2, 0])), 12))
        self.assertEqual(self.client.hgetall("h"), {b"b": b"2"})
        self.client.restore("g", 0, payloads.seal(
            b"\x19" + bytes(8) + payloads.text(payloads.listpack([b"a", 1, 1000])), 12))
        self.assertEqual(self.client.exists("g"), 0)

    def test_what_was_compressed(self):
        self.client.hset("h", mapping={"field:%d" % i: "v" * 60 for i in range(100)})
        set_expiry(self.client, "h", FOREVER, *["field:%d" % i for i in range(0, 100, 2)])
        payload = self.client.dump("h")
        self.assertLess(len(payload), 5000)
        self.client.restore("g", 0, payload)
        self.assertEqual(self.client.hgetall("g"), self.client.hgetall("h"))

    def test_transactions_notice(self):
        for name in self.forms():
            set_expiry(self.client, name, 400, "a")
            with self.client.pipeline() as pipe:
                pipe.watch(name)
                time.sleep(0.42)
                pipe.multi()
                pipe.get("x")
                with self.assertRaises(redis.WatchError):
                    pipe.execute()
                pipe.watch(name)
                pipe.multi()
                pipe.hlen(name)
                self.assertEqual(pipe.execute(), [2])

    def test_who_caches_is_told(self):
        self.client.hset("h", mapping={"a": 1, "b": 2})
        client = Resp(self.server, 3)
        client("CLIENT", "TRACKING", "ON")
        client("HGETALL", "h")
        set_expiry(self.client, "h", 400, "a")
        time.sleep(0.01)
        self.assertEqual(client.pushes(), [["invalidate", ["h"]]])
        client("HGETALL", "h")
        self.eventually(lambda: client.pushes() == [["invalidate", ["h"]]])
        client.close()

    def test_in_a_pause_nothing_goes_and_nothing_is_seen(self):
        names = list(self.forms())
        before = self.client.info("stats")["expired_subkeys"]
        for name in names:
            set_expiry(self.client, name, 400, "a")
        self.client.execute_command("CLIENT", "PAUSE", 1500, "WRITE")
        time.sleep(0.46)
        for name in names:
            self.assertEqual(self.client.hmget(name, "a", "b"), [None, b"2"])
            self.assertEqual((self.client.hlen(name), len(self.client.hgetall(name))), (2, 2))
        self.assertEqual(self.client.info("stats")["expired_subkeys"], before)
        self.eventually(
            lambda: self.client.info("stats")["expired_subkeys"] == before + len(names))

    def test_information(self):
        before = self.client.info("stats")["expired_subkeys"]
        self.client.hset("h", mapping={"a": 1, "b": 2})
        set_expiry(self.client, "h", 20, "a")
        self.eventually(lambda: self.client.info("stats")["expired_subkeys"] == before + 1)
        self.assertEqual(self.client.info("keyspace")["db0"]["subexpiry"], 0)
        plain = self.client.memory_usage("h")
        set_expiry(self.client, "h", FOREVER, "b")
        self.assertIn(self.client.memory_usage("h") - plain, range(8, 60))


class HashTtlLoads(Case):

    @not_quick
    @pollux_only
    def test_a_large_hash_that_ends_lets_others_through(self):
        """A hash of 200,000 fields, most of which end in the same moment: nobody waits for long."""
        server = self.start()
        client = server.redis()
        fields = 200000
        for first in range(0, fields, 5000):
            names = ["field:%d" % i for i in range(first, first + 5000)]
            client.hset("h", mapping={name: "some value" for name in names})
            until = int(time.time() * 1000) + 1500
            client.execute_command("HPEXPIREAT", "h", until if first == 0 else ends, "FIELDS",
                                   5000, *names)
            ends = until if first == 0 else ends
        client.hset("h", "stays", "1")
        longest = 0.0
        done = threading.Event()

        def ask():
            nonlocal longest
            other = server.redis()
            while not done.is_set():
                began = time.monotonic()
                other.get("x")
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.001)

        asking = threading.Thread(target=ask)
        asking.start()
        self.eventually(lambda: client.hlen("h") == 1, seconds=20)
        done.set()
        asking.join()
        self.assertEqual(client.hgetall("h"), {b"stays": b"1"})
        self.assertLess(longest, 0.5)

    @pollux_only
    def test_memory_comes_back(self):
        server = self.start()
        client = server.redis()
        client.get("x")
        before = client.info("memory")["used_memory_dataset"]
        for i in range(2000):
            client.hset("h:%d" % i, mapping={"f%d" % k: "v" * (k * 7) for k in range(12)})
            set_expiry(client, "h:%d" % i, 300 + i % 100, *["f%d" % k for k in range(12)])
        self.eventually(lambda: client.dbsize() == 0)
        self.eventually(lambda: client.info("memory")["used_memory_dataset"] < before + (1 << 20))
