#!/usr/bin/python3
"""Makes the seeds of dump_payload_fuzz: values of every type and form as redis-server dumps them,
and the types of older and newer servers made by hand. Writes tests/fuzz/corpus/dump_payload_fuzz;
to be run again when a type comes in."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import harness  # noqa: E402
import payloads  # noqa: E402
from seeds import write_seeds  # noqa: E402

LIMITS = b"\0"  # the first byte of an input: those of every day


def dumped():
    """Bodies of what redis-server dumps, by name."""
    with harness.start_redis() as server:
        client = server.redis()
        client.mset({"int8": 5, "int16": 300, "int32": 70000, "int64": 5000000000, "text": "hello",
                     "empty": "", "lzf": "abcabc" * 20, "float": "1.5"})
        client.rpush("list", "a", 1, -300, "", "x" * 70)
        client.rpush("list-long", *["element:%d" % i for i in range(60)], "y" * 9000)
        client.sadd("intset16", 1, 2, -5)
        client.sadd("intset64", 1, 2 ** 40)
        client.sadd("set", "a", 1, "x" * 70)
        client.hset("hash", mapping={"f": "v", "n": 5, "t": "x" * 60})
        client.hset("hash-large", mapping={"f": "v" * 70, "n": 5})
        client.zadd("zset", {"a": 1, "b": 1.5, "c": float("inf"), "d": -7})
        client.zadd("zset-large", {"a" * 70: 1, "b": 1.5})
        for i in range(1, 6):
            client.xadd("stream", {"f": i, "g": "v"}, id="5-%d" % i)
        client.xadd("stream", {"other": "x"}, id="7-0")
        client.xdel("stream", "5-2")
        client.xgroup_create("stream", "group", "0")
        client.xreadgroup("group", "alice", {"stream": ">"}, count=2)
        client.xreadgroup("group", "bob", {"stream": ">"}, count=1)
        client.xgroup_create("stream", "idle", "$")
        return {key.decode(): payloads.body(client.dump(key)) for key in client.keys()}


def main():
    seeds = dumped()
    seeds.update(("old-" + name, body) for name, body in payloads.samples().items()
                 if len(body) < 1500)
    seeds.update(("new-" + name, body) for name, body in payloads.newer_samples().items())
    write_seeds("dump_payload_fuzz", seeds, LIMITS)


if __name__ == "__main__":
    main()
