"""Keys in huge pages that the test reserves: values, what is counted, and what is given back.

The machine's pool is everybody's: the test adds pages to it, takes the same number away at its end,
and is skipped where the kernel does not let it, or has no memory in one piece.
"""

import fcntl
import mmap
import os
import re
import tempfile
import unittest

from case import Case, fewer, pollux_only
from dpdk_case import OURS4, NetworkCase, Tap

POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
PAGE = 2 << 20
MAP_HUGETLB = 0x40000


def pool(name):
    with open(POOL + name) as f:
        return int(f.read())


def free_pages():
    return pool("free_hugepages") - pool("resv_hugepages")


def resize_pool(by):
    with open(POOL + "nr_hugepages", "w") as f:
        f.write(str(max(pool("nr_hugepages") + by, 0)))


class WithPages:
    """What the tests below share."""

    def hold_pool(self):
        """Until the test ends it is this one's: others run at the same time."""
        if not getattr(self, "holds_pool", False):
            self.holds_pool = True
            lock = open(os.path.join(tempfile.gettempdir(), "pollux-test-hugepages"), "w")
            self.addCleanup(lock.close)
            fcntl.flock(lock, fcntl.LOCK_EX)

    def reserve(self, pages):
        """So many pages more than there were."""
        self.hold_pool()
        if not os.access(POOL + "nr_hugepages", os.W_OK):
            self.skipTest("needs the right to reserve huge pages (" + POOL + "nr_hugepages)")
        before = free_pages()
        try:
            resize_pool(pages)
        except OSError as e:
            self.skipTest("huge pages can't be reserved: %s" % e)
        self.addCleanup(resize_pool, -pages)
        if free_pages() < before + pages:
            self.skipTest("the kernel has no memory in one piece for %d huge pages" % pages)

    def leave(self, pages):
        """Of the pages that are free, others have all but these."""
        self.hold_pool()
        rest = free_pages() - pages
        if rest > 0:
            held = mmap.mmap(-1, rest * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS |
                             MAP_HUGETLB)
            self.addCleanup(held.close)

    def huge(self, server):
        return server.redis().info("pollux")["huge_pages"]

    def of_the_system(self, server):
        """Huge pages of the process, as the kernel counts them."""
        with open("/proc/%d/status" % server.pid) as f:
            return int(re.search(r"HugetlbPages:\s+(\d+) kB", f.read()).group(1)) * 1024 // PAGE

    def fill(self, server, keys, size=100):
        client = server.redis()
        pipe = client.pipeline(transaction=False)
        for i in range(keys):
            pipe.set("key:%d" % i, b"%d:" % i + b"v" * (size + i % 50))
            if i % 1000 == 999:
                pipe.execute()
        pipe.execute()
        return client

    def check(self, client, keys, size=100):
        pipe = client.pipeline(transaction=False)
        numbers = range(0, keys, 7)
        for i in numbers:
            pipe.get("key:%d" % i)
        for i, value in zip(numbers, pipe.execute()):
            self.assertEqual(value, b"%d:" % i + b"v" * (size + i % 50))


class HugePages(WithPages, Case):

    @pollux_only
    def test_keys_lie_there_are_counted_and_are_given_back(self):
        self.reserve(96)
        server = self.start(hugepages="try")
        self.assertIn("of 2 MB are free", server.log())
        keys = fewer(200000)
        client = self.fill(server, keys)
        self.check(client, keys)
        pages = self.huge(server)
        self.assertGreaterEqual(pages * PAGE, keys * 120)
        self.eventually(lambda: self.of_the_system(server) == self.huge(server))
        self.assertEqual(client.info("pollux")["huge_page_shortages"], 0)
        memory = client.info("memory")
        # They are in no figure of the system's, and must not be missing in ours.
        self.assertGreaterEqual(memory["used_memory_rss"], memory["used_memory"])
        self.assertGreaterEqual(memory["used_memory_rss"] - server.rss_bytes(), pages * PAGE // 2)
        self.assertGreaterEqual(memory["allocator_resident"], memory["used_memory"])
        # Half of them in any order: what is left is moved together, and pages come back whole.
        pipe = client.pipeline(transaction=False)
        for i in range(keys):
            if i * 2654435761 % 2**32 < 3 * 2**30:
                pipe.delete("key:%d" % i)
        deleted = sum(pipe.execute())
        most = pages * (keys - deleted) / keys + 12 * Case.workers
        self.eventually(lambda: self.huge(server) <= most, seconds=20,
                        what="pages given back by compaction")
        self.eventually(lambda: self.of_the_system(server) == self.huge(server))
        client.flushall()
        client.memory_purge()
        self.eventually(lambda: self.huge(server) <= 6 * Case.workers + 1, what="all given back")
        self.eventually(lambda: self.of_the_system(server) == self.huge(server))
        self.check(self.fill(server, 1000), 1000)

    @pollux_only
    @unittest.skipIf(os.environ.get("POLLUX_TEST_SANITIZER"), "sanitized builds have no jemalloc")
    def test_long_values_lie_there_too_and_pages_are_used_again(self):
        """(When they are given back is a matter of when the allocator purges: src/data/README.md;
        huge_extents_test.cc has what a purge behind the last free does.)"""
        self.reserve(128)
        server = self.start(hugepages="try")
        keys = fewer(30000)
        full = []
        for _ in range(3):
            client = self.fill(server, keys, 2000)
            self.check(client, keys, 2000)
            full.append(self.huge(server))
            self.assertGreaterEqual(full[-1] * PAGE, keys * 2000)
            self.assertLessEqual(full[-1], full[0] + 4 * Case.workers)
            self.assertEqual(client.info("pollux")["huge_page_shortages"], 0)
            client.flushall()
            self.eventually(lambda: client.info("memory")["used_memory"] < 1 << 20, what="freed")
            client.memory_purge()
        self.eventually(lambda: self.of_the_system(server) == self.huge(server))

    @pollux_only
    @unittest.skipIf(os.environ.get("POLLUX_TEST_SANITIZER"), "sanitized builds have no jemalloc")
    def test_what_finds_no_page_lies_in_ordinary_memory(self):
        self.reserve(12)
        self.leave(6)
        server = self.start(hugepages="try")
        keys = fewer(200000)
        client = self.fill(server, keys)
        self.check(client, keys)
        self.assertLessEqual(self.huge(server), 6)
        self.assertGreater(self.huge(server), 0)
        self.assertGreater(client.info("pollux")["huge_page_shortages"], 0)
        self.assertEqual(server.log().count("none is left"), 1, server.log())
        self.assertGreaterEqual(client.info("memory")["used_memory_rss"],
                                client.info("memory")["used_memory"])
        client.flushall()
        self.eventually(lambda: self.of_the_system(server) == self.huge(server))
        self.check(self.fill(server, keys), keys)

    @pollux_only
    def test_eviction_keeps_its_limit(self):
        self.reserve(48)
        limit = 24 << 20
        server = self.start(hugepages="yes", maxmemory=limit, maxmemory_policy="allkeys-lru")
        client = self.fill(server, 300000)
        self.assertGreater(client.info("stats")["evicted_keys"], 1000)
        memory = client.info("memory")
        self.assertLessEqual(memory["used_memory"] - memory["mem_clients_normal"], limit * 1.02)
        self.assertEqual(client.info("pollux")["huge_page_shortages"], 0,
                         "as many were asked for at the start as it takes")

    @pollux_only
    @unittest.skipIf(os.environ.get("POLLUX_TEST_SANITIZER"), "sanitized builds have no jemalloc")
    def test_as_many_as_yes_asks_for_are_enough(self):
        """Of a small maxmemory most pages are what workers hold at rest."""
        self.leave(0)
        options = dict(hugepages="yes", maxmemory=16 << 20, maxmemory_policy="allkeys-lru")
        server = self.start(expect_start=False, **options)
        self.assertEqual(server.wait(), 1)
        wanted = int(re.search(r"maxmemory takes up to (\d+)", server.log()).group(1))
        self.reserve(wanted)
        self.leave(wanted)
        server = self.start(**options)
        client = self.fill(server, 200000)
        self.assertGreater(client.info("stats")["evicted_keys"], 1000)
        self.assertEqual(client.info("pollux")["huge_page_shortages"], 0,
                         "%d of %d are in use" % (self.huge(server), wanted))

    @pollux_only
    def test_yes_does_not_start_without_them_and_says_what_to_do(self):
        server = self.start(hugepages="yes", maxmemory="1024gb", expect_start=False)
        self.assertEqual(server.wait(), 1)
        for words in ("are missing", "vm.nr_hugepages", "lower maxmemory", "hugepages try"):
            self.assertIn(words, server.log())
        server = self.start(hugepages="try", maxmemory="1024gb")
        self.assertEqual(server.log().count("are missing"), 1)
        self.assertIn("ordinary memory", server.log())
        self.assertEqual(server.redis().config_get("hugepages"), {"hugepages": "try"})

    @pollux_only
    def test_without_the_option_none_is_taken(self):
        self.reserve(8)
        server = self.start()
        self.fill(server, 20000)
        self.assertEqual(self.huge(server), 0)
        self.assertEqual(self.of_the_system(server), 0)


class HugePagesOnTheWire(WithPages, NetworkCase):

    @pollux_only
    def test_values_come_as_they_were(self):
        self.reserve(32)
        server = self.serve(Tap(), hosts=(OURS4,), hugepages="try")
        wire = self.client(server)
        for size in (1, 100, 512, 1000, 1448, 1449, 16384, 300000):
            value = os.urandom(size)
            wire.set("k", value)
            self.assertEqual(wire.get("k"), value, size)
        self.assertGreater(self.huge(server), 0)
