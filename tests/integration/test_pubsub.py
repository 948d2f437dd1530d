"""Publish and subscribe, events of keys and MONITOR, with the clients that people have."""

import re
import subprocess
import time

from case import Case, Raw, ServerCase, not_quick, pollux_only


def message(channel, text, kind=b"message"):
    words = [kind, channel, text]
    return b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Subscribing(ServerCase):

    def listener(self):
        listener = self.server.redis().pubsub()
        self.addCleanup(listener.close)
        return listener

    def take(self, listener, count):
        """`count` messages, confirmations included."""
        taken = []
        deadline = time.monotonic() + 10
        while len(taken) < count and time.monotonic() < deadline:
            got = listener.get_message(timeout=1)
            if got:
                taken.append((got["type"], got["pattern"], got["channel"], got["data"]))
        self.assertEqual(len(taken), count, taken)
        return taken

    def test_channels_and_patterns(self):
        listener = self.listener()
        listener.subscribe("news", "sport")
        listener.psubscribe("n*")
        self.assertEqual(sorted(self.take(listener, 3)), sorted([
            ("subscribe", None, b"news", 1), ("subscribe", None, b"sport", 2),
            ("psubscribe", None, b"n*", 3)]))
        self.assertEqual(self.client.publish("news", "hello"), 2)
        self.assertEqual(self.client.publish("sport", "goal"), 1)
        self.assertEqual(self.client.publish("weather", "rain"), 0)
        self.assertEqual(self.take(listener, 3), [
            ("message", None, b"news", b"hello"), ("pmessage", b"n*", b"news", b"hello"),
            ("message", None, b"sport", b"goal")])
        listener.unsubscribe()
        listener.punsubscribe()
        self.assertEqual([m[3] for m in self.take(listener, 3)], [2, 1, 0])
        self.assertEqual(self.client.publish("news", "hello"), 0)

    def test_one_order_for_all(self):
        listeners = [self.listener() for _ in range(8)]
        for listener in listeners:
            listener.subscribe("race")
            self.take(listener, 1)
        senders = [self.server.redis() for _ in range(4)]
        pipes = [sender.pipeline(transaction=False) for sender in senders]
        for i in range(200):
            pipes[i % 4].publish("race", "%d:%d" % (i % 4, i))
        for pipe in pipes:
            self.assertEqual(pipe.execute(), [8] * 50)
        streams = [[m[3] for m in self.take(listener, 200)] for listener in listeners]
        for stream in streams[1:]:
            self.assertEqual(stream, streams[0])
        for sender in senders:
            sender.close()

    def test_introspection(self):
        listener = self.listener()
        listener.subscribe("c1", "c2", "d1")
        listener.psubscribe("p*", "q*")
        self.take(listener, 5)
        raw = Raw(self.server)
        self.addCleanup(raw.socket.close)
        raw.send(b"SSUBSCRIBE s1\r\n")
        raw.read_exactly(b"*3\r\n$10\r\nssubscribe\r\n$2\r\ns1\r\n:1\r\n")
        self.assertEqual(sorted(self.client.pubsub_channels("c*")), [b"c1", b"c2"])
        self.assertEqual(len(self.client.pubsub_channels()), 3)
        self.assertEqual(self.client.pubsub_numsub("c1", "d1", "x"),
                         [(b"c1", 1), (b"d1", 1), (b"x", 0)])
        self.assertEqual(self.client.pubsub_numpat(), 2)
        self.assertEqual(self.client.execute_command("PUBSUB", "SHARDCHANNELS"), [b"s1"])
        self.assertEqual(self.client.execute_command("PUBSUB", "SHARDNUMSUB", "s1", "c1"),
                         [b"s1", 1, b"c1", 0])
        info = self.client.info("stats")
        self.assertEqual((info["pubsub_channels"], info["pubsub_patterns"],
                          info["pubsubshard_channels"]), (3, 2, 1))
        lines = [c for c in self.client.client_list() if c["flags"] == "P"]
        self.assertEqual(sorted((c["sub"], c["psub"], c["ssub"]) for c in lines),
                         [("0", "0", "1"), ("3", "2", "0")])
        listener.close()
        raw.socket.close()
        self.eventually(lambda: self.client.pubsub_channels() == [] and
                        self.client.pubsub_numpat() == 0 and
                        self.client.execute_command("PUBSUB", "SHARDCHANNELS") == [])

    def test_restricted_in_resp2_and_free_in_resp3(self):
        with Raw(self.server) as raw:
            raw.send(b"SUBSCRIBE a\r\nPING\r\nPING x\r\nGET k\r\nRESET\r\nGET k\r\n")
            raw.send(b"SUBSCRIBE a\r\nQUIT\r\n")
            confirmed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
            self.assertEqual(
                raw.read_to_end(),
                confirmed + b"*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$1\r\nx\r\n"
                b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT "
                b"/ RESET are allowed in this context\r\n+RESET\r\n$-1\r\n" + confirmed +
                b"+OK\r\n")
        with Raw(self.server) as raw:
            raw.send(b"HELLO 3\r\n")
            while not raw.socket.recv(65536).endswith(b"*0\r\n"):
                pass
            raw.send(b"SUBSCRIBE a\r\nGET k\r\nUNSUBSCRIBE\r\nUNSUBSCRIBE\r\n")
            expected = (b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n_\r\n"
                        b">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n"
                        b">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n")
            self.assertEqual(raw.read_exactly(expected), expected)

    @pollux_only  # redis-server 7.0 sends the message first, 7.2 and later the reply
    def test_own_message_comes_behind_the_reply(self):
        with Raw(self.server) as raw:
            raw.send(b"HELLO 3\r\n")
            while not raw.socket.recv(65536).endswith(b"*0\r\n"):
                pass
            for channel in (b"a", b"b", b"c", b"d"):
                raw.send(b"SUBSCRIBE %s\r\nPUBLISH %s x\r\n" % (channel, channel))
                expected = (b">3\r\n$9\r\nsubscribe\r\n$1\r\n%s\r\n:%d\r\n:1\r\n>" % (
                    channel, ord(channel) - 96) + message(channel, b"x")[1:])
                self.assertEqual(raw.read_exactly(expected), expected)

    def test_in_a_transaction(self):
        with Raw(self.server) as raw:
            raw.send(b"MULTI\r\nSUBSCRIBE a b\r\nGET k\r\nPUBLISH a x\r\nUNSUBSCRIBE b\r\n"
                     b"EXEC\r\n")
            expected = (b"+OK\r\n" + b"+QUEUED\r\n" * 4 + b"*4\r\n"
                        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
                        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n$-1\r\n")
            self.assertEqual(raw.read_exactly(expected), expected)
            rest = b":1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n" + message(b"a", b"x")
            got = raw.read_exactly(rest)
            self.assertEqual(sorted(got.split(b"\r\n")), sorted(rest.split(b"\r\n")))

    def test_what_a_transaction_publishes_reaches_who_listened_then(self):
        with Raw(self.server) as raw, Raw(self.server) as other:
            other.send(b"SUBSCRIBE a\r\n")
            other.read_exactly(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
            raw.send(b"MULTI\r\nPUBLISH a 1\r\nSUBSCRIBE a\r\nPUBLISH a 2\r\nUNSUBSCRIBE a\r\n"
                     b"PUBLISH a 3\r\nEXEC\r\nPING\r\n")
            expected = (b"+OK\r\n" + b"+QUEUED\r\n" * 5 + b"*5\r\n"
                        b":1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
                        b":2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n:1\r\n"
                        + message(b"a", b"2") + b"+PONG\r\n")
            self.assertEqual(raw.read_exactly(expected), expected)
            all_three = b"".join(message(b"a", b"%d" % i) for i in (1, 2, 3))
            self.assertEqual(other.read_exactly(all_three), all_three)

    def test_errors(self):
        with Raw(self.server) as raw, Raw(self.server) as other:
            other.send(b"SUBSCRIBE x\r\n")
            confirmed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
            other.read_exactly(confirmed)
            for sent, expected in (
                    (b"PUBSUB CHANNELS x y", b"-ERR unknown subcommand or wrong number of "
                     b"arguments for 'CHANNELS'. Try PUBSUB HELP."),
                    (b"MULTI", b"+OK"), (b"MONITOR", b"+QUEUED"),
                    (b"SSUBSCRIBE x", b"+QUEUED"),
                    (b"EXEC", b"*2\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n"
                     b"-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"),
                    (b"SUBSCRIBE x", confirmed[:-2]),
                    (b"EXEC", b"-EXECABORT Transaction discarded because of: Can't execute 'exec': "
                     b"only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                     b"this context"),
                    (b"GET k", b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE "
                     b"/ PING / QUIT / RESET are allowed in this context"),
                    (b"RESET", b"+RESET"), (b"GET nokey", b"$-1")):
                raw.send(sent + b"\r\n")
                self.assertEqual(raw.read_exactly(expected + b"\r\n"), expected + b"\r\n", sent)
            raw.send(b"MONITOR\r\nGET k\r\nSUBSCRIBE x\r\nGET k\r\n")
            seen = b""
            while b"Can't execute 'get'" not in seen:  # there are lines of MONITOR between
                piece = raw.socket.recv(4096)
                self.assertNotEqual(piece, b"", seen)
                seen += piece
            self.assertEqual(seen.count(b"-ERR Replica can't interact with the keyspace\r\n"), 1)

    def test_subscriptions_are_in_the_account(self):
        before = self.client.info("memory")["used_memory_overhead"]
        raw = Raw(self.server)
        names = [b"channel:%0100d" % i for i in range(6000)]
        raw.send(b"*%d\r\n$9\r\nSUBSCRIBE\r\n" % (1 + len(names))
                 + b"".join(b"$%d\r\n%s\r\n" % (len(n), n) for n in names))
        raw.read_exactly(b"".join(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:%d\r\n"
                                  % (len(n), n, i + 1) for i, n in enumerate(names)))
        # Each name is in the tables of its shard and of the client's worker.
        self.eventually(lambda: self.client.info("memory")["used_memory_overhead"]
                      - before > 6000 * 2 * 100)
        raw.socket.close()
        self.eventually(lambda: self.client.info("stats")["pubsub_channels"] == 0)
        self.eventually(lambda: self.client.info("memory")["used_memory_overhead"]
                      - before < 300000)

    def test_big_messages(self):
        text = b"x" * 3_000_000
        listeners = [self.listener() for _ in range(5)]
        for listener in listeners:
            listener.subscribe("big")
            self.take(listener, 1)
        self.assertEqual(self.client.publish("big", text), 5)
        for listener in listeners:
            self.assertEqual(self.take(listener, 1)[0][3], text)

    def test_redis_cli(self):
        process = subprocess.Popen(
            ["timeout", "5", "stdbuf", "-oL", "redis-cli", "-p", str(self.server.port),
             "subscribe", "cli"], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)  # timeout tells redis-cli
        self.eventually(lambda: self.client.publish("cli", "hello") == 1)
        seen = b""
        while b"hello" not in seen:
            line = process.stdout.readline()
            self.assertNotEqual(line, b"", seen)
            seen += line


class SlowSubscribers(Case):

    @not_quick
    def test_is_cut_and_holds_up_nobody(self):
        server = self.start(client_output_buffer_limit="pubsub 1mb 0 0")
        client = server.redis()
        with Raw(server) as slow, Raw(server) as quick:
            for raw in (slow, quick):
                raw.send(b"SUBSCRIBE flood\r\n")
                raw.read_exactly(b"*3\r\n$9\r\nsubscribe\r\n$5\r\nflood\r\n:1\r\n")
            text = b"x" * 20000
            wanted = message(b"flood", text)
            receivers = []
            for _ in range(1000):
                receivers.append(client.publish("flood", text))
                self.assertEqual(quick.read_exactly(wanted), wanted)
            self.assertEqual((receivers[0], receivers[-1]), (2, 1))
            self.assertRegex(server.log(), "output.buffer.limit")
        client.close()

    def test_subscriptions_without_end(self):
        server = self.start(maxmemory_clients="8mb")
        with Raw(server) as raw:
            for first in range(0, 100000, 1000):
                names = [b"channel:%0100d" % n for n in range(first, first + 1000)]
                raw.send(b"*1001\r\n$9\r\nSUBSCRIBE\r\n"
                         + b"".join(b"$108\r\n%s\r\n" % name for name in names))
                confirmed = b"".join(
                    b"*3\r\n$9\r\nsubscribe\r\n$108\r\n%s\r\n:%d\r\n" % (name, first + i + 1)
                    for i, name in enumerate(names))
                if raw.read_exactly(confirmed) != confirmed:
                    break
            self.assertLess(first, 99000, "nobody has closed it")
        self.assertRegex(server.log(), "the largest with .* over maxmemory-clients")
        client = server.redis()
        self.eventually(lambda: client.info("stats")["pubsub_channels"] == 0)
        client.close()

    @not_quick
    def test_soft_limit(self):
        server = self.start(client_output_buffer_limit="pubsub 0 100kb 1")
        client = server.redis()
        with Raw(server) as slow:
            slow.send(b"SUBSCRIBE flood\r\n")
            slow.read_exactly(b"*3\r\n$9\r\nsubscribe\r\n$5\r\nflood\r\n:1\r\n")
            for _ in range(400):
                client.publish("flood", b"x" * 20000)
            self.assertEqual(client.publish("flood", b"x"), 1)
            self.eventually(lambda: client.publish("flood", b"x") == 0)
        client.close()


class KeyEvents(ServerCase):

    def setUp(self):
        super().setUp()
        self.client.config_set("notify-keyspace-events", "KEAmn")
        self.listener = self.server.redis().pubsub()
        self.listener.psubscribe("__key*__:*")
        self.listener.get_message(timeout=5)
        self.addCleanup(self.listener.close)
        self.addCleanup(self.client.config_set, "notify-keyspace-events", "")

    def events(self):
        """Names of the events up to now, in order, as told on the channels of events."""
        self.client.publish("__keyevent@9__:end", "end")
        names = []
        while True:
            got = self.listener.get_message(timeout=5)
            self.assertIsNotNone(got, names)
            channel = got["channel"].decode()
            if channel == "__keyevent@9__:end":
                return names
            if channel.startswith("__keyevent@"):
                names.append(channel.split(":", 1)[1])

    def test_names_and_order(self):
        self.client.set("k", 1, ex=100)
        self.client.get("nosuch")
        self.client.incr("k")
        self.client.rename("k", "{k}l")
        self.client.delete("{k}l")
        self.assertEqual(self.events(), ["new", "set", "expire", "keymiss", "incrby", "new",
                                         "rename_from", "rename_to", "del"])

    def test_expired(self):
        self.client.set("k", 1, px=30)
        time.sleep(0.2)
        self.client.get("k")
        self.assertEqual(self.events(), ["new", "set", "expire", "expired", "keymiss"])

    def test_channels(self):
        self.client.select(2)
        self.client.set("k", 1)
        seen = []
        for _ in range(4):
            got = self.listener.get_message(timeout=5)
            seen.append((got["channel"], got["data"]))
        self.assertEqual(seen, [
            (b"__keyspace@2__:k", b"new"), (b"__keyevent@2__:new", b"k"),
            (b"__keyspace@2__:k", b"set"), (b"__keyevent@2__:set", b"k")])

    def test_off(self):
        self.client.config_set("notify-keyspace-events", "")
        self.client.set("k", 1)
        self.assertEqual(self.events(), [])


class Monitoring(ServerCase):

    def test_sees_every_command(self):
        with Raw(self.server) as raw:
            raw.send(b"MONITOR\r\n")
            raw.read_exactly(b"+OK\r\n")
            clients = [self.server.redis() for _ in range(4)]
            for i in range(400):
                clients[i % 4].incrby("counter", i)
            for client in clients:
                client.close()
            seen = b""
            raw.socket.settimeout(5)
            while seen.count(b"INCRBY") < 400:
                seen += raw.socket.recv(65536)
        lines = re.findall(rb'\+\d+\.\d{6} \[0 [0-9.:]+\] "INCRBY" "counter" "(\d+)"\r\n', seen)
        self.assertEqual([int(n) for n in lines], list(range(400)))

    def test_shows_no_password(self):
        with Raw(self.server) as raw, Raw(self.server) as other:
            raw.send(b"MONITOR\r\n")
            raw.read_exactly(b"+OK\r\n")
            other.send(b"AUTH secret\r\nHELLO 2 AUTH default secret\r\nECHO end\r\n")
            seen = b""
            while b"end" not in seen:
                seen += raw.socket.recv(65536)
        self.assertNotIn(b"secret", seen)
        self.assertEqual(seen.count(b'"(redacted)"'), 3)

    def test_an_exec_that_is_refused_is_shown_too(self):
        """Who has seen MULTI sees that it is over."""
        with Raw(self.server) as raw, Raw(self.server) as other:
            raw.send(b"MONITOR\r\n")
            raw.read_exactly(b"+OK\r\n")
            other.send(b"MULTI\r\nEXEC x\r\nECHO end\r\n")
            seen = b""
            while b"end" not in seen:
                seen += raw.socket.recv(65536)
        self.assertEqual(re.findall(rb'\] "(\w+)"', seen), [b"MULTI", b"EXEC", b"ECHO"])
        self.assertIn(b'"EXEC" "x"', seen)

    def test_has_no_keys_and_shows_in_the_list(self):
        with Raw(self.server) as raw:
            raw.send(b"MONITOR\r\n")
            raw.read_exactly(b"+OK\r\n")
            raw.send(b"GET a\r\n")
            wanted = b"-ERR Replica can't interact with the keyspace\r\n"
            self.assertEqual(raw.read_exactly(wanted), wanted)
            self.assertIn("O", [c["flags"] for c in self.client.client_list()])
            raw.send(b"RESET\r\n")
            seen = b""
            while b"+RESET\r\n" not in seen:
                seen += raw.socket.recv(65536)
            self.client.echo("unseen")
            raw.send(b"GET a\r\n")
            self.assertEqual(raw.read_exactly(b"$-1\r\n"), b"$-1\r\n")

    def test_redis_cli(self):
        process = subprocess.Popen(
            ["timeout", "5", "stdbuf", "-oL", "redis-cli", "-p", str(self.server.port),
             "monitor"], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)  # timeout tells redis-cli
        self.assertEqual(process.stdout.readline(), b"OK\n")
        self.client.echo("hello")
        seen = b""
        while b'"ECHO" "hello"' not in seen:
            line = process.stdout.readline()
            self.assertNotEqual(line, b"", seen)
            seen += line
