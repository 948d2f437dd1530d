"""What the tests of whole RDB files share: files made by redis-server and by hand, and what is in
them."""

import os
import struct

import harness
import payloads
import test_dump
from case import Case
from test_slowlog import ask


def file_of(magic, parts):
    body = magic + parts + b"\xff"
    return body + struct.pack("<Q", payloads.crc64(body)) if magic >= b"REDIS0005" else body


class RdbCase(Case):
    """A directory with a file that redis-server saves and loads."""

    def setUp(self):
        super().setUp()
        self.directory = self.new_directory()
        self.path = os.path.join(self.directory, "dump.rdb")

    def redis(self, **options):
        settings = {"enable-debug-command": "yes", "dir": self.directory, "save": ""}
        settings.update({name.replace("_", "-"): value for name, value in options.items()})
        server = harness.start_redis(settings)
        self.addCleanup(server.stop)
        return server

    def slow_down(self, client, delay_us=100):
        """Of each key: whoever comes next meets a save in its middle, however fast it would be."""
        self.assertTrue(client.config_set("rdb-key-save-delay", delay_us))

    def fill(self, server):
        client = server.redis()
        test_dump.fill(client)
        client.execute_command("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1000")
        client.rpush("l:plain", "a", "b" * 1500, "c")  # a node of its own form
        client.function_load("#!lua name=lib\nredis.register_function('f', function() end)")
        client.mset({"fleeting": 1, "k" * 300: "a long name", "-12": "a name that is a number"})
        client.pexpireat("fleeting", 4102444800123)
        for i in range(1, 300):
            client.xadd("stream", {"f": i, "g": "v" * (i % 50)}, id="5-%d" % i)
        client.xdel("stream", "5-2", "5-299")
        client.xgroup_create("stream", "group", "0")
        client.xreadgroup("group", "alice", {"stream": ">"}, count=20)
        client.xreadgroup("group", "bob", {"stream": ">"}, count=1)
        client.xgroup_create("stream", "idle", "$")
        client.xadd("stream:empty", {"a": "b"})
        client.xtrim("stream:empty", maxlen=0, approximate=False)
        for db in (3, 15):
            other = server.redis(db=db)
            other.set("k", "of %d" % db)
            other.set("timed", db, ex=100000)
            other.rpush("list", *range(db))

    def saved_keys(self, server):
        """All keys as a file should have them: database, name, TTL, type and value."""
        keys = set()
        for db in (0, 3, 15):
            client = server.redis(db=db)
            for name in client.keys():
                expire = client.execute_command("PEXPIRETIME", name)
                keys.add((db, name, expire, payloads.body(client.dump(name))))
        return keys

    def digests(self, server):
        return [ask(server.redis(db=db), "DEBUG", "DIGEST") for db in (0, 3, 15)]
