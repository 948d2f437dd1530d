"""What is measured of single commands: how a server is filled, what is sent, the goal."""

import random

from loads import RAND

VALUE = "v" * 64
ZSET_MEMBERS = 1000000


class Op:
    """A command at pipeline 64. `fill(requests)` yields commands; all begin on an empty server."""

    def __init__(self, label, command, goal, fill=None, spread=1000000, share=1.0):
        self.label, self.command, self.goal = label, command, goal
        self.fill = fill or (lambda requests: ())
        self.spread = spread  # of the random numbers
        self.share = share    # of the usual number of requests: fewer for what takes long


def list_of(count):
    return lambda requests: (("RPUSH", "list", VALUE) for _ in range(count or requests))


def members(requests):
    numbers = random.Random(1)
    for i in range(ZSET_MEMBERS):
        yield "ZADD", "zset", str(numbers.randrange(ZSET_MEMBERS)), "member:%012d" % i


def elements(requests):
    return (("SADD", "set", "element:%012d" % i) for i in range(requests))


def entries(requests):
    yield "XGROUP", "CREATE", "stream", "group", "0", "MKSTREAM"
    for _ in range(requests):
        yield "XADD", "stream", "*", "field", VALUE


def places(requests):
    numbers = random.Random(1)
    for i in range(100000):
        yield ("GEOADD", "geo", "%.6f" % numbers.uniform(5, 15), "%.6f" % numbers.uniform(45, 55),
               "place:%d" % i)


OPS = [
    Op("INCR", ["INCR", "counter:" + RAND], 0.5),
    Op("MSET of 10", ["MSET"] + [word for _ in range(10) for word in ("key:" + RAND, VALUE)], 0.5,
       share=0.25),
    Op("LPUSH", ["LPUSH", "list", VALUE], 0.7),
    Op("RPOP", ["RPOP", "list"], 0.7, list_of(0)),
    Op("LRANGE of 100", ["LRANGE", "list", "0", "99"], 0.7, list_of(300), share=0.05),
    Op("SADD", ["SADD", "set", "element:" + RAND], 0.5),
    Op("SPOP", ["SPOP", "set"], 0.7, elements),
    Op("HSET", ["HSET", "hash", "field:" + RAND, VALUE], 0.5),
    Op("ZADD, a million members", ["ZADD", "zset", RAND, "member:" + RAND], 0.5, members,
       share=0.5),
    Op("ZRANGEBYSCORE, 10 of a million",
       ["ZRANGEBYSCORE", "zset", RAND, "+inf", "LIMIT", "0", "10"], 0.5, members, share=0.25),
    Op("XADD", ["XADD", "stream", "*", "field", VALUE], 0.5),
    Op("XREADGROUP", ["XREADGROUP", "GROUP", "group", "me", "COUNT", "1", "STREAMS", "stream", ">"],
       0.5, entries, share=0.5),
    Op("PFADD", ["PFADD", "hll", "element:" + RAND], 0.7),
    Op("GEOSEARCH, 10 of 100,000", ["GEOSEARCH", "geo", "FROMLONLAT", "10", "50", "BYRADIUS", "20",
                                    "km", "ASC", "COUNT", "10"], 0.5, places, share=0.02),
]


def in_commands(head, words_of, count, at_once):
    """Commands that begin with `head` and add elements 0 to count-1, each by words_of(i)."""
    for first in range(0, count, at_once):
        yield [*head, *(word for i in range(first, min(first + at_once, count))
                        for word in words_of(i))]


def scored(i):
    # Scores in an order that has nothing to do with that of the members.
    return str(i * 7919 % 1000003), "member%010d" % i


def small_hashes(count):
    for i in range(count):
        yield ["HSET", "hash:%011d" % i, *(word for field in range(10)
                                           for word in ("name%02d" % field, "%08d" % (i + field)))]


class Held:
    """What `count` of something take in resident memory, each. `fill(count)` yields commands."""

    def __init__(self, label, count, goal, fill):
        self.label, self.count, self.goal, self.fill = label, count, goal, fill


HELD = [
    Held("member of a sorted set, a million of 16 B", 1000000, "pollux <= 50",
         lambda count: in_commands(["ZADD", "zset"], scored, count, 20)),
    Held("field of a hash, a million of 16 B with 32 B", 1000000, "pollux <= 70",
         lambda count: in_commands(["HSET", "hash"],
                                   lambda i: ("field:%010d" % i, VALUE[:32]), count, 20)),
    Held("hash of 10 fields, a million of 6 B with 8 B", 1000000, "pollux <= 225", small_hashes),
    Held("element of a list, 10 million of 32 B", 10000000, "ratio <= 1",
         lambda count: in_commands(["RPUSH", "list"], lambda i: ["%032d" % i], count, 100)),
]
