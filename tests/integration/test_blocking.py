"""Blocking commands on real sockets: who is served, how waits end, what is seen meanwhile."""

import socket
import struct
import threading
import time

import redis

from case import Case, Raw, ServerCase, not_quick, pollux_only
from harness import encode
from resp_client import Resp

KEYS = ["alpha", "beta", "gamma", "delta", "epsilon"]  # they lie on different shards of four


def reply(key, element):
    return encode(key, element)


class Waits(ServerCase):

    def blocked(self, count):
        self.eventually(lambda: self.client.info("clients")["blocked_clients"] == count,
                        what="%d blocked clients" % count)

    def waiter(self, *command):
        """A connection whose command waits."""
        before = self.client.info("clients")["blocked_clients"]
        raw = Raw(self.server)
        self.addCleanup(raw.socket.close)
        raw.send(encode(*command))
        self.blocked(before + 1)
        return raw

    def expect(self, raw, data):
        self.assertEqual(raw.read_exactly(data), data)


class Blocking(Waits):

    def test_a_push_serves(self):
        for key in KEYS:
            waiter = self.waiter("BLPOP", *KEYS, 0)
            self.client.rpush(key, "a", "b")
            self.expect(waiter, reply(key, "a"))
            self.assertEqual(self.client.lrange(key, 0, -1), [b"b"])
            self.client.delete(key)
            self.blocked(0)

    def test_first_come_first_served(self):
        for key in KEYS:
            waiters = [self.waiter("BRPOP", key, 0) for _ in range(8)]
            self.client.lpush(key, *range(5))
            for i in range(5, 8):
                self.client.lpush(key, i)
            for i, waiter in enumerate(waiters):
                self.expect(waiter, reply(key, i))

    def test_sorted_sets(self):
        waiter = self.waiter("BZPOPMIN", "alpha", "beta", 0)
        other = self.waiter("BZMPOP", 0, 2, "alpha", "beta", "MAX", "COUNT", 2)
        self.client.zadd("beta", {"m": 1.5, "n": 2, "o": 3})
        self.expect(waiter, encode("beta", "m", "1.5"))
        self.expect(other, b"*2\r\n$4\r\nbeta\r\n*2\r\n*2\r\n$1\r\no\r\n$1\r\n3\r\n"
                           b"*2\r\n$1\r\nn\r\n$1\r\n2\r\n")

    def test_chain_of_moves(self):
        movers = [self.waiter("BLMOVE", KEYS[i], KEYS[i + 1], "LEFT", "RIGHT", 0)
                  for i in (2, 0, 1)]
        last = self.waiter("BLPOP", KEYS[3], 0)
        self.client.rpush(KEYS[0], "x")
        for mover in movers:
            self.expect(mover, b"$1\r\nx\r\n")
        self.expect(last, reply(KEYS[3], "x"))
        self.assertEqual(self.client.exists(*KEYS), 0)

    def test_timeouts(self):
        with Raw(self.server) as raw:
            for command, null in ((("BLPOP", "alpha", "beta", "0.05"), b"*-1\r\n"),
                                  (("BLMOVE", "alpha", "beta", "LEFT", "LEFT", "0.05"), b"*-1\r\n"),
                                  (("BZPOPMAX", "beta", "0.05"), b"*-1\r\n")):
                began = time.monotonic()
                raw.send(encode(*command))
                self.expect(raw, null)
                self.assertGreater(time.monotonic() - began, 0.045)
        self.blocked(0)

    @not_quick
    @pollux_only
    def test_timeouts_are_exact(self):  # redis-server looks at them ten times a second
        late = []
        with Raw(self.server) as raw:
            for _ in range(20):
                began = time.monotonic()
                raw.send(encode("BLPOP", "alpha", "0.03"))
                self.expect(raw, b"*-1\r\n")
                late.append(time.monotonic() - began - 0.03)
        self.assertLess(sorted(late)[10], 0.01)

    def test_client_list_and_unblock(self):
        waiter = Raw(self.server)
        self.addCleanup(waiter.socket.close)
        waiter.send(encode("CLIENT", "SETNAME", "w"))
        self.expect(waiter, b"+OK\r\n")
        number = int([c for c in self.client.client_list() if c["name"] == "w"][0]["id"])
        self.assertEqual(self.client.execute_command("CLIENT", "UNBLOCK", number), 0)
        for how, answer in ((("TIMEOUT",), b"*-1\r\n"), ((), b"*-1\r\n"),
                            (("ERROR",), b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")):
            waiter.send(encode("BLPOP", *KEYS, "0") + encode("PING"))
            self.blocked(1)
            line = [c for c in self.client.client_list() if c["name"] == "w"][0]
            self.assertEqual((line["flags"], line["cmd"]), ("b", "blpop"))
            self.assertEqual(self.client.execute_command("CLIENT", "UNBLOCK", number, *how), 1)
            self.expect(waiter, answer + b"+PONG\r\n")
        self.assertEqual(self.client.info("errorstats")["errorstat_UNBLOCKED"], "count=1")

    def test_who_leaves_takes_nothing(self):
        for key in KEYS:
            for leave in ("close", "half", "kill"):
                waiter = self.waiter("BLPOP", *KEYS, 0)
                if leave == "close":
                    waiter.socket.close()
                elif leave == "half":
                    waiter.socket.shutdown(1)
                else:
                    self.client.client_kill_filter(
                        addr="%s:%d" % waiter.socket.getsockname(), skipme=True)
                self.blocked(0)
                self.client.rpush(key, "x")
                self.assertEqual(self.client.lpop(key), b"x")

    def test_who_leaves_with_much_behind_the_wait_takes_nothing(self):
        much = encode("SET", "after", "x" * 600000)
        for key in (KEYS[0], KEYS[1]):
            for leave in ("close", "reset", "half"):
                waiter = self.waiter("BLPOP", key, 0)
                waiter.socket.settimeout(0.3)
                try:
                    waiter.send(much)
                except OSError:
                    pass  # more than the server takes now
                if leave == "half":
                    waiter.socket.shutdown(1)
                else:
                    if leave == "reset":
                        waiter.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                 struct.pack("ii", 1, 0))
                    waiter.socket.close()
                self.blocked(0)
                self.client.rpush(key, "x")
                self.assertEqual(self.client.lpop(key), b"x")
                self.assertFalse(self.client.exists("after"))

    @not_quick
    @pollux_only  # redis-server moves what waits each time
    def test_waits_with_much_behind_them_cost_no_more(self):
        count = 400
        spent = []
        for waits in (count, 3_000_000):  # behind the ones that end here: nothing, 114 MB
            with Raw(self.server) as raw:
                # Each ends after a millisecond, and something comes meanwhile.
                raw.send(encode("BLPOP", "none", "0.001") * waits)
                before = self.server.cpu_seconds()
                for _ in range(count):
                    time.sleep(0.002)
                    raw.send(b"\r\n")
                spent.append(self.server.cpu_seconds() - before)
        self.assertLess(spent[1], spent[0] + 0.5)

    def test_events_come_in_order(self):
        self.client.config_set("notify-keyspace-events", "Elgz")
        self.addCleanup(self.client.config_set, "notify-keyspace-events", "")
        with self.client.pubsub() as listener:
            listener.psubscribe("__keyevent@0__:*")
            listener.get_message(timeout=5)
            waiter = self.waiter("BLMOVE", "alpha", "beta", "LEFT", "RIGHT", 0)
            self.client.rpush("alpha", "1", "2")
            self.expect(waiter, b"$1\r\n1\r\n")
            events = [listener.get_message(timeout=5) for _ in range(3)]
            found = [(e["channel"].split(b":")[1], e["data"]) for e in events]
            # Those of two keys have an order only where one worker has both.
            self.assertEqual(sorted(found), [(b"lpop", b"alpha"), (b"rpush", b"alpha"),
                                             (b"rpush", b"beta")])
            self.assertLess(found.index((b"rpush", b"alpha")), found.index((b"lpop", b"alpha")))

    def test_pause_lets_time_run_out(self):
        waiter = self.waiter("BLPOP", "alpha", "0.2")
        self.client.execute_command("CLIENT", "PAUSE", 3000, "WRITE")
        self.expect(waiter, b"*-1\r\n")
        self.client.execute_command("CLIENT", "UNPAUSE")

    def test_monitor_and_slowlog(self):
        self.client.config_set("slowlog-log-slower-than", 0)
        self.addCleanup(self.client.config_set, "slowlog-log-slower-than", 10000)
        with Raw(self.server) as monitor:
            monitor.send(encode("MONITOR"))
            self.expect(monitor, b"+OK\r\n")
            waiter = self.waiter("BLPOP", "alpha", "0")
            self.client.slowlog_reset()
            self.assertNotIn(b"BLPOP alpha 0", [e["command"] for e in self.client.slowlog_get()])
            self.client.rpush("alpha", "x")
            self.expect(waiter, reply("alpha", "x"))
            self.assertIn(b"BLPOP alpha 0", [e["command"] for e in self.client.slowlog_get()])
            monitor.send(encode("QUIT"))
            seen = monitor.read_to_end()
            self.assertEqual(seen.count(b'"BLPOP" "alpha" "0"'), 1)


class Streams(Waits):
    """XREAD and XREADGROUP with BLOCK."""

    def entry(self, key, entry_id):
        return b"*1\r\n*2\r\n" + encode(key)[4:] + \
            b"*1\r\n*2\r\n" + encode(entry_id)[4:] + encode("f", "v")

    def read(self, *keys, block=0):
        return self.waiter("XREAD", "BLOCK", block, "STREAMS", *keys, *["$" for _ in keys])

    def read_group(self, *keys):
        for key in keys:
            self.client.xgroup_create(key, "g", "$", mkstream=True)
        return self.waiter("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", *keys,
                           *[">" for _ in keys])

    def test_an_entry_serves_all_readers(self):
        for key in KEYS:
            waiters = [self.read(*KEYS) for _ in range(4)]
            self.client.xadd(key, {"f": "v"}, "7-1")
            for waiter in waiters:
                self.expect(waiter, self.entry(key, "7-1"))
            self.client.flushall()

    def test_the_last_id_is_that_of_the_beginning(self):
        self.client.xadd("alpha", {"f": "v"}, "5-1")
        waiter = self.read("alpha", "beta")
        self.client.delete("alpha")
        self.client.xadd("alpha", {"f": "v"}, "2-1")  # behind what it has seen, so not for it
        self.client.set("beta", "no stream")
        self.blocked(1)
        self.client.xadd("alpha", {"f": "v"}, "5-2")
        self.expect(waiter, self.entry("alpha", "5-2"))

    def test_streams_that_change_at_once(self):
        # Entries of one, below the id that is waited for, come all the time.
        over = threading.Event()

        def write():
            client = Resp(self.server)
            while not over.is_set():
                client.socket.sendall(encode("XADD", "alpha", "1-*", "f", "v") * 50)
                for _ in range(50):
                    client.reply()
            client.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(150):
                self.client.delete("beta")
                waiter = self.waiter("XREAD", "BLOCK", 0, "STREAMS", "alpha", "beta", "5-0", "0")
                self.client.xadd("beta", {"f": "v"}, "7-1")
                self.expect(waiter, self.entry("beta", "7-1"))
        finally:
            over.set()
            writer.join()

    def test_an_entry_is_for_one_consumer(self):
        first = self.read_group(*KEYS)
        second = self.waiter("XREADGROUP", "GROUP", "g", "d", "BLOCK", 0, "STREAMS", "beta", ">")
        self.client.xadd("beta", {"f": "v"}, "1-1")
        self.expect(first, self.entry("beta", "1-1"))
        self.client.xadd("beta", {"f": "v"}, "1-2")
        self.expect(second, self.entry("beta", "1-2"))
        pending = self.client.xpending_range("beta", "g", "-", "+", 9)
        self.assertEqual([p["consumer"] for p in pending], [b"c", b"d"])

    def test_a_stream_that_goes_ends_the_wait_of_a_group(self):
        gone = b"-UNBLOCKED the stream key no longer exists\r\n"
        for end in (lambda: self.client.delete("alpha"),
                    lambda: self.client.set("alpha", "no stream"),
                    lambda: self.client.rename("alpha", "omega"),
                    lambda: self.client.pexpire("alpha", 10),
                    self.client.flushall):
            waiter = self.read_group("beta", "alpha")
            end()
            self.expect(waiter, gone)
            self.client.flushall()

    def test_a_group_that_goes_ends_its_waits(self):
        waiter = self.read_group("alpha")
        self.client.xgroup_destroy("alpha", "g")
        self.expect(waiter, b"-NOGROUP the consumer group this client was blocked on no longer "
                            b"exists\r\n")

    def test_timeouts(self):
        waiter = Raw(self.server)
        self.addCleanup(waiter.socket.close)
        for timeout, answer in ((20, b"*-1\r\n"), (-1, b"-ERR timeout is negative\r\n"),
                                ("1.5", b"-ERR timeout is not an integer or out of range\r\n")):
            waiter.send(encode("XREAD", "BLOCK", timeout, "STREAMS", "alpha", "$"))
            self.expect(waiter, answer)
        waiter.send(encode("MULTI") + encode("XREAD", "BLOCK", 0, "STREAMS", "alpha", "$") +
                    encode("EXEC"))
        self.expect(waiter, b"+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n")

    @pollux_only
    def test_what_is_pending_comes_when_its_time_has_come(self):
        for key in KEYS[:3]:
            self.client.xgroup_create(key, "g", "0", mkstream=True)
            self.client.xadd(key, {"f": "v"})
            self.client.xreadgroup("g", "somebody", {key: ">"})
            time.sleep(0.05)  # no clock is so late
        waiter = Resp(self.server)
        self.addCleanup(waiter.close)
        waiter.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "CLAIM", 1000, "COUNT", 1,
                    "STREAMS", *KEYS[:3], ">", ">", ">")
        self.blocked(1)
        claimed = [key for key, _ in waiter.reply()]
        self.assertEqual(claimed, [KEYS[0]])
        self.assertEqual(claimed, [key for key in KEYS[:3] if self.client.xpending_range(
            key, "g", "-", "+", 9, "c")])

    @not_quick
    @pollux_only
    def test_times_of_claims_are_exact(self):
        self.client.xgroup_create("beta", "g", "0", mkstream=True)
        self.client.xadd("beta", {"f": "v"})
        self.client.xreadgroup("g", "c", {"beta": ">"})
        self.client.set_response_callback("XREADGROUP", lambda reply, **_: reply)
        late = []
        for number in range(1, 21):
            reply = self.client.execute_command(
                "XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "CLAIM", 30, "STREAMS", "beta", ">")
            _, _, idle_ms, before = reply[0][1][0]
            self.assertEqual(before, number)
            late.append(idle_ms - 30)
        self.assertGreaterEqual(min(late), 0)
        self.assertLess(sorted(late)[10], 10)


class Queues(Case):
    """Producers and consumers all at once: nothing is lost, nothing comes twice."""

    @not_quick
    def test_reliable_queue(self):
        server = self.start()
        total = 3000
        done = []
        failures = []

        def produce(first):
            with server.redis() as client:
                for i in range(first, total, 3):
                    client.lpush("jobs", i)

        def work(name):
            with server.redis() as client:
                while True:
                    job = client.brpoplpush("jobs", "doing:" + name, timeout=10)
                    if job is None:
                        failures.append("a worker waited in vain")
                        return
                    if job == b"end":
                        return
                    if client.lrem("doing:" + name, 1, job) != 1:
                        failures.append("%s is not where it was moved" % job)
                    client.rpush("done", job)

        def collect():
            with server.redis() as client:
                while len(done) < total:
                    popped = client.blpop("done", timeout=10)
                    if popped is None:
                        failures.append("the collector waited in vain")
                        return
                    done.append(int(popped[1]))

        workers = [threading.Thread(target=work, args=(str(i),)) for i in range(5)]
        others = [threading.Thread(target=produce, args=(i,)) for i in range(3)]
        others.append(threading.Thread(target=collect))
        for thread in workers + others:
            thread.start()
        for thread in others:
            thread.join()
        with server.redis() as client:
            client.lpush("jobs", *["end"] * len(workers))
        for thread in workers:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(sorted(done), list(range(total)))
        with server.redis() as client:
            self.assertEqual(client.info("clients")["blocked_clients"], 0)

    def test_shutdown_with_waiters(self):
        server = self.start()
        waiters = [server.redis() for _ in range(4)]
        errors = []

        def wait(client):
            try:
                client.blpop(KEYS, timeout=0)
            except redis.ConnectionError:
                errors.append("closed")

        threads = [threading.Thread(target=wait, args=(w,)) for w in waiters]
        for thread in threads:
            thread.start()
        with server.redis() as client:
            self.eventually(lambda: client.info("clients")["blocked_clients"] == 4)
            client.shutdown(nosave=True)
        for thread in threads:
            thread.join(10)
        self.assertEqual(errors, ["closed"] * 4)
        self.assertEqual(server.process.wait(10), 0)

