"""Values of many elements: how they go, and how replies of all of them leave, while another client
is served. How long one step takes there, perf/bounded measures."""

import socket
import threading
import time

import harness
from case import Case, ServerCase, fewer

ELEMENTS = fewer(300000)
REPLY_ELEMENTS = fewer(100000)
BATCH = 1000
QUIT = b"+OK\r\n"  # its answer


def member(n):
    return b"member:%09d" % n


def fill(server, head, count, words, db=0):
    """Sends head + words(n) of each n below count, in pieces of BATCH: one request, or for entries
    of a stream one each."""
    with server.connect(60) as s:
        requests = [("SELECT", db)]
        for first in range(0, count + BATCH, BATCH):
            s.sendall(b"".join(harness.encode(*r) for r in requests + [("PING",)]))
            answers = b""
            while not answers.endswith(b"+PONG\r\n"):
                answers += s.recv(65536)
            if b"-ERR" in answers:
                raise AssertionError(answers[:200])
            numbers = range(first, min(first + BATCH, count))
            if head[0] == "XADD":
                requests = [head + words(n) for n in numbers]
            else:
                requests = [head + tuple(word for n in numbers for word in words(n))]


class Pings:
    """Another client: asks all the time, each time for something else, and gets just that."""

    def __init__(self, server):
        self.socket = server.connect(30)
        self.answered = 0
        self.wrong = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while not self.ending.is_set():
                expected = b"$%d\r\n%d\r\n" % (len(str(self.answered)), self.answered)
                self.socket.sendall(harness.encode("PING", self.answered))
                answer = b""
                while len(answer) < len(expected):
                    piece = self.socket.recv(len(expected) - len(answer))
                    if not piece:
                        raise ConnectionError("closed")
                    answer += piece
                if answer != expected:
                    raise AssertionError("%r instead of %r" % (answer, expected))
                self.answered += 1
                time.sleep(0.001)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(60)
        self.socket.close()
        if self.wrong is not None:
            raise self.wrong


FORMS = {
    "list": (("RPUSH", "source"), lambda n: (member(n),)),
    "set": (("SADD", "source"), lambda n: (member(n),)),
    "hash": (("HSET", "source"), lambda n: (member(n), b"v%d" % n)),
    "zset": (("ZADD", "source"), lambda n: (n, member(n))),
    "stream": (("XADD", "source", "*"), lambda n: (b"field", member(n))),
}

# What ends a value: it is there as `big`, and a small one as `small`.
WAYS = {
    "deleted": lambda client: client.delete("big"),
    "expired": lambda client: client.pexpire("big", 20),
    "overwritten": lambda client: client.set("big", "v"),
    "renamed over": lambda client: client.rename("small", "big"),
    "copied over": lambda client: client.copy("small", "big", replace=True),
    "flushed": lambda client: client.flushdb(),
}


class Gone(ServerCase):

    def memory(self):
        return self.client.info("memory")["used_memory"]

    def check(self, form):
        """`source` is in another database, so that FLUSHDB leaves it alone."""
        head, words = FORMS[form]
        fill(self.server, head, ELEMENTS, words, db=1)
        other = self.server.redis(db=1)
        self.addCleanup(other.close)
        size = other.memory_usage("source", samples=100)
        with Pings(self.server) as pings:
            for way, end in WAYS.items():
                with self.subTest(way):
                    self.client.set("small", "v")
                    self.client.delete("big")
                    base = self.memory()
                    self.assertTrue(other.copy("source", "big", destination_db=0))
                    taken = self.memory() - base
                    self.assertGreater(taken, size / 2)
                    before = pings.answered
                    end(self.client)
                    left = {"deleted": None, "expired": None, "flushed": None}.get(way, b"v")
                    # Nobody asks for it until it is gone, so what expires goes by itself.
                    self.eventually(lambda base=base, taken=taken:
                                    self.memory() < base + taken / 50 + (256 << 10), 20,
                                    "memory as before")
                    self.assertEqual(self.client.get("big"), left)
                    self.eventually(lambda before=before: pings.answered > before, 20, "a ping")
        self.assertEqual(other.type("source"), form.encode())

    def test_list(self):
        self.check("list")

    def test_set(self):
        self.check("set")

    def test_hash(self):
        self.check("hash")

    def test_zset(self):
        self.check("zset")

    def test_stream(self):
        self.check("stream")


class SlowReader:
    """Asks, and reads a few kilobytes at a time with pauses for a second, then the rest."""

    def __init__(self, server, *request):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(harness.encode(*request) + harness.encode("QUIT"))
        self.pieces = [self.socket.recv(1)]  # it is answered: what comes later is not in it

    def rest(self):
        for _ in range(200):
            self.pieces.append(self.socket.recv(2048))
            time.sleep(0.005)
        while self.pieces[-1]:
            self.pieces.append(self.socket.recv(1 << 16))
        self.socket.close()
        reply = b"".join(self.pieces)
        if not reply.endswith(QUIT):
            raise AssertionError("cut off behind %d bytes" % len(reply))
        return reply[:-len(QUIT)]


class LargeReplies(Case):

    def check(self, server, request, expected, change):
        """The reply is of the moment in which it was made, whatever happens to the value while it
        is read. `expected`: the elements, and whether in this order."""
        elements, ordered = expected
        client = server.redis()
        with Pings(server) as pings:
            reader = SlowReader(server, *request)
            before = pings.answered
            change(client)
            reply = reader.rest()
            self.assertGreater(pings.answered - before, 10, "others were not served")
        header = b"*%d\r\n" % len(elements)
        bulks = [b"$%d\r\n%s\r\n" % (len(e), e) for e in elements]
        self.assertTrue(reply.startswith(header), reply[:40])
        self.assertEqual(len(reply), len(header) + sum(map(len, bulks)))
        body = reply[len(header):]
        if ordered:
            self.assertTrue(body == b"".join(bulks), "other bytes")
        else:
            words = body.split(b"\r\n")[:-1]
            self.assertTrue(sorted(zip(words[::2], words[1::2])) ==
                            sorted((b"$%d" % len(e), e) for e in elements), "other bytes")
        self.eventually(lambda: client.info("memory")["mem_clients_normal"] < 1 << 20, 20,
                        "the end of the reply's memory")
        client.close()

    def test_smembers(self):
        server = self.start()
        fill(server, ("SADD", "set"), REPLY_ELEMENTS, lambda n: (member(n),))
        members = [member(n) for n in range(REPLY_ELEMENTS)]
        self.check(server, ("SMEMBERS", "set"), (members, False), lambda client: (
            client.srem("set", *members[:5000]), client.delete("set")))

    def test_hgetall(self):
        server = self.start()
        fill(server, ("HSET", "hash"), REPLY_ELEMENTS, lambda n: (member(n), b"value of %d" % n))
        client = server.redis()
        # Pairs in any order, so in that of HKEYS; and each field has its value.
        fields = client.hkeys("hash")
        self.assertEqual(sorted(fields), [member(n) for n in range(REPLY_ELEMENTS)])
        expected = [word for f in fields for word in (f, b"value of %d" % int(f[7:]))]
        self.check(server, ("HGETALL", "hash"), (expected, True), lambda client: (
            client.hset("hash", mapping={member(n): "another" for n in range(5000)}),
            client.rename("hash", "elsewhere")))

    def test_keys(self):
        server = self.start()
        fill(server, ("MSET",), REPLY_ELEMENTS, lambda n: (b"key:%d" % n, b"v"))
        keys = [b"key:%d" % n for n in range(REPLY_ELEMENTS)]
        self.check(server, ("KEYS", "*"), (keys, False), lambda client: (
            client.delete(*keys[:5000]), client.set("new", "v"), client.flushall()))

    def test_sort(self):
        server = self.start()
        fill(server, ("RPUSH", "list"), REPLY_ELEMENTS,
             lambda n: (member(REPLY_ELEMENTS - 1 - n),))
        members = [member(n) for n in range(REPLY_ELEMENTS)]
        self.check(server, ("SORT", "list", "ALPHA"), (members, True), lambda client: (
            client.ltrim("list", 10, 20), client.delete("list")))

    def test_lrange(self):
        server = self.start()
        fill(server, ("RPUSH", "list"), REPLY_ELEMENTS, lambda n: (member(n),))
        members = [member(n) for n in range(REPLY_ELEMENTS)]
        self.check(server, ("LRANGE", "list", "0", "-1"), (members, True), lambda client: (
            client.lset("list", 5, "another"), client.ltrim("list", 10, 20)))
