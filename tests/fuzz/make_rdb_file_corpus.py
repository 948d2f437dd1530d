#!/usr/bin/python3
"""Makes the seeds of rdb_file_fuzz: files as redis-server saves them, under each policy that stands
in files, and files with the parts of other servers made by hand. Writes
tests/fuzz/corpus/rdb_file_fuzz; to be run again when a part comes in."""

import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import harness  # noqa: E402
import payloads  # noqa: E402
from seeds import write_seeds  # noqa: E402

CHOICES = b"\x67"  # windows of 8 bytes, told how long the file is, sums checked


def saved(policy):
    with harness.start_redis({"maxmemory-policy": policy}) as server:
        client = server.redis()
        client.function_load("#!lua name=lib\nredis.register_function('f', function() end)")
        client.mset({"a": 5, "b": "abcabc" * 20, "c": "x"})
        client.rpush("list", "a", 1, -300)
        client.sadd("set", 1, 2)
        client.hset("hash", mapping={"f": "v", "n": 5})
        client.zadd("zset", {"a": 1, "b": 1.5})
        client.xadd("stream", {"f": 1}, id="5-1")
        client.xgroup_create("stream", "group", "0")
        client.xreadgroup("group", "alice", {"stream": ">"})
        client.pexpireat("c", 4102444800123)
        server.redis(db=3).set("k", "v")
        client.save()
        with open(os.path.join(server.directory, "dump.rdb"), "rb") as f:
            return f.read()


def made():
    key = b"\x00\x01k\x01v"
    module = b"\x81" + struct.pack(">Q", 0x123456789abcdef0)
    parts = {"seconds": b"\xfd\x05\0\0\0" + key, "slot-info": b"\xf4\1\2\3" + key,
             "module-aux": b"\xf7" + module, "module": b"\x07\1k" + module,
             "slot-import": b"\xf3\1x", "functions-pre-ga": b"\xf6\1x", "empty": b"",
             "no-elements": b"\x01\1k\0\x12\1k\1\2\7\7\0\0\0\0\0\xff" + key}
    for name, part in parts.items():
        body = b"REDIS0011" + part + b"\xff"
        yield name, body + struct.pack("<Q", payloads.crc64(body))
    yield "version-1", b"REDIS0001\xfe\0" + key + b"\xff"
    yield "no-sum", b"REDIS0009" + key + b"\xff" + bytes(8)
    yield "valkey", b"VALKEY080" + key + b"\xff" + bytes(8)


def main():
    seeds = {policy: saved(policy) for policy in ("noeviction", "allkeys-lru", "allkeys-lfu")}
    seeds.update(made())
    write_seeds("rdb_file_fuzz", seeds, CHOICES)


if __name__ == "__main__":
    main()
