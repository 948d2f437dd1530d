"""What the integration tests share: a server per test class or per test, and raw sockets."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import redis

import harness

QUICK = os.environ.get("POLLUX_TEST_QUICK") == "1"  # a sanitizer build: no loads, no time limits


def fewer(number, by=5):
    """Of something that an instrumented build takes long for."""
    return number // by if QUICK else number


def only_once(test):
    """Does not depend on the number of workers: runs with the first one only."""
    test.only_once = True
    return test


def not_quick(test):
    """Loads or time limits that an instrumented build can't hold."""
    return unittest.skipIf(QUICK, "instrumented build")(test)


def pollux_only(test):
    """What redis-server as a stand-in does otherwise on purpose."""
    test.pollux_only = True
    return test


def stand_in():
    """True if redis-server stands in for Pollux."""
    return os.path.basename(os.environ.get("POLLUX_SERVER", "")) == "redis-server"


class Case(unittest.TestCase):
    """A test that starts its own servers."""

    workers = 1
    first_pass = True

    def setUp(self):
        method = getattr(self, self._testMethodName)
        if getattr(method, "only_once", False) and not Case.first_pass:
            self.skipTest("only once")
        if getattr(method, "pollux_only", False) and stand_in():
            self.skipTest("not for the stand-in")

    def start(self, **options):
        """A server that is stopped when the test ends."""
        config = options.pop("config", None)
        expect_start = options.pop("expect_start", True)
        settings = {name.replace("_", "-"): value for name, value in options.items()}
        server = harness.start_pollux(settings, workers=Case.workers, config=config,
                                      expect_start=expect_start)
        self.addCleanup(server.stop)
        return server

    def new_directory(self):
        """One that is gone, with all that is in it, when the test ends."""
        directory = tempfile.mkdtemp(prefix="pollux-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def eventually(self, condition, seconds=10, what="condition"):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        self.fail("%s not reached within %s s" % (what, seconds))

    # --- clients that count ---

    def count_until_it_ends(self, server, end, clients=4):
        """INCR by each as fast as it can, until end() has ended the server: the last answers."""
        last = [0] * clients

        def count(number):
            client = server.redis()
            try:
                while True:
                    last[number] = client.incr("n:%d" % number)
            except redis.RedisError:
                pass

        threads = [threading.Thread(target=count, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.2)
            end()
        finally:
            server.stop()
            for thread in threads:
                thread.join()
        return last

    def counted(self, server, last):
        client = server.redis()
        for number, answered in enumerate(last):
            self.assertGreater(answered, 0)
            self.assertIn(int(client.get("n:%d" % number)), (answered, answered + 1))


class Loaded(Case):
    """Tests that store many keys."""

    def start(self, **options):
        # So many SETs one after the other that hops to other workers would take minutes.
        if not stand_in():
            options["pipeline_order"] = "relaxed"
        return super().start(**options)


def fill(client, count, prefix="k", size=200, ttl=None, batch=1000):
    """SETs prefix0 ... and so on to values of `size` bytes, in pipelines of `batch`; how many were
    refused. Past redis-py, which would take more time than the server."""
    rest = [b"v" * size] if ttl is None else [b"v" * size, "EX", ttl]
    where = client.connection_pool.connection_kwargs
    refused = 0
    with socket.create_connection((where["host"], where["port"]), 30) as s:
        for first in range(0, count, batch):
            keys = ["%s%d" % (prefix, i) for i in range(first, min(first + batch, count))]
            s.sendall(b"".join(harness.encode("SET", key, *rest) for key in keys))
            replies = b""
            while replies.count(b"\r\n") < len(keys):
                piece = s.recv(65536)
                if not piece:
                    raise ConnectionError("closed after %d replies" % replies.count(b"\r\n"))
                replies += piece
            refused += len(keys) - replies.count(b"+OK\r\n")
    return refused


class ServerCase(Case):
    """Tests that share one server with default options; its data is flushed before each."""

    @classmethod
    def setUpClass(cls):
        cls.server = harness.start_pollux(workers=Case.workers)

    @classmethod
    def tearDownClass(cls):
        alive = cls.server.alive()
        log = cls.server.log()
        cls.server.stop()
        if not alive:
            raise RuntimeError("the server ended during the tests\n" + log)

    def setUp(self):
        super().setUp()
        self.client = self.server.redis()
        self.addCleanup(self.client.close)
        self.client.flushall()

    def cli(self, *args, stdin=None, seconds=60):
        """Runs redis-cli against the server; its output as text."""
        result = subprocess.run(
            ["redis-cli", "-p", str(self.server.port), *args], input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout.decode("utf-8", "replace")


class Raw:
    """A socket that speaks bytes."""

    def __init__(self, server, timeout=10):
        self.socket = server.connect(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_exactly(self, expected):
        """Reads as many bytes as expected has; returns them."""
        data = b""
        while len(data) < len(expected):
            piece = self.socket.recv(len(expected) - len(data))
            if not piece:
                break
            data += piece
        return data

    def read_to_end(self):
        """All that comes until the server closes."""
        data = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            if not piece:
                return data
            data += piece

    def is_closed(self):
        """True if the server has closed; waits a little."""
        self.socket.settimeout(0.05)
        try:
            return self.socket.recv(65536) == b""
        except socket.timeout:
            return False
        except ConnectionError:
            return True
