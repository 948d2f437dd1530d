"""What rdb_changes_since_last_save counts of each command, beside redis-server."""

import harness
from case import Case
from resp_client import Resp

SETUP = """
SET a hello; SET b hello2; SET c 3; SET d x; SET n 5; SET e 1 EX 1000; SET bm abcdefgh;
RPUSH l a b c a d; RPUSH l2 x; SADD s a b c d e; SADD s2 a x; SADD s3 x;
SADD big BIG; HSET h f1 v1 f2 v2 f3 v3; HSET h n 4; ZADD z 1 a 2 b 3 c 4 d; ZADD z2 1 a 9 q;
GEOADD g 13 38 p1 14 39 p3; PFADD p a b; PFADD p2 c d;
XADD x 1-1 f v; XADD x 2-2 f v; XADD x 3-3 f v; XADD x2 1-1 f v; XADD x2 2-2 f v;
XGROUP CREATE x g 0; XGROUP CREATE x gend $; XGROUP CREATE x gall 0; XGROUP CREATE x2 g 0;
XREADGROUP GROUP g c1 COUNT 2 STREAMS x >; XREADGROUP GROUP g c2 COUNT 1 STREAMS x 0;
XGROUP CREATECONSUMER x gend c1; SELECT 3; SET other 1; SELECT 0;
"""

# EMPTY, BIG, DUMP: an empty word, a hundred members, what DUMP says of `a`.
COMMANDS = """
# keys
DEL a b c; DEL nokey; DEL a nokey l; UNLINK a b l; EXPIRE a 100; EXPIRE nokey 100; EXPIRE a -1;
PEXPIRE a 100000; EXPIREAT a 1; EXPIREAT a 2500000000; EXPIRE a 100 XX; PERSIST a; PERSIST e;
RENAME a zz; RENAMENX a b; RENAMENX a zz; COPY a zz; COPY a b REPLACE; COPY a b; MOVE a 3;
MOVE nokey 3; TOUCH a; DUMP a; RESTORE nn 0 DUMP; RESTORE b 0 DUMP REPLACE;
RESTORE b -1 DUMP REPLACE; RESTORE b 1 DUMP REPLACE ABSTTL; RESTORE nn 1 DUMP ABSTTL; FLUSHDB;
FLUSHALL; FLUSHALL SYNC;
FLUSHDB ASYNC; SWAPDB 0 3; SWAPDB 0 0; SWAPDB 5 6; MULTI | SET a 1 | DEL a b c | EXEC;
MULTI | SADD s a new n2 | GET a | EXPIRE a 100 | EXEC; MULTI | GET a | EXEC; MULTI | EXEC;
MULTI | FLUSHALL | SET a 1 | EXEC; PUBLISH c1 x; EXISTS a b; SELECT 3; EXPIRE e 100 GT;
EXPIRE e 100000 GT; MULTI | SPOP s 2 | LPUSH l 1 2 | EXEC; DEBUG POPULATE 100 pp 3; COPY l l9;
COPY s l REPLACE; EXPIRE a 0;
DEBUG SET-ACTIVE-EXPIRE 0 | PEXPIRE a 1 | DEBUG SLEEP 0.01 | GET a | DEBUG SET-ACTIVE-EXPIRE 1;
DEBUG SET-ACTIVE-EXPIRE 0 | PEXPIRE a 1 | DEBUG SLEEP 0.01 | SET a 2 | DEBUG SET-ACTIVE-EXPIRE 1;
DEBUG SET-ACTIVE-EXPIRE 0 | PEXPIRE a 1 | DEBUG SLEEP 0.01 | DEL a | DEBUG SET-ACTIVE-EXPIRE 1;
PEXPIRE a 1 | DEBUG SLEEP 0.4 | EXISTS n; RENAME a a; RENAMENX l zz; MOVE e 3;
SELECT 3 | MOVE other 0; SELECT 3 | FLUSHDB; UNLINK big; SWAPDB 0 3 | SET a 1 | SWAPDB 3 0;
DEL a a; PERSIST nokey; OBJECT ENCODING a;
# strings
SET a 1; SET a 1 EX 100; SET a 1 NX; SET a 1 XX; SETNX a 1; SETEX a 100 1; GETSET a 2; GETDEL a;
GETEX a; GETEX a EX 100; GETEX a PERSIST; APPEND a x; SETRANGE a 3 x; INCR n; INCRBYFLOAT n 1.5;
DECRBY n 3; MSET a 1 b 2 c 3; MSETNX q1 1 q2 2; MSETNX a 1 q2 2; GET a; GETRANGE a 0 1;
SETRANGE a 0 EMPTY; SETRANGE nokey 5 EMPTY; APPEND a EMPTY; APPEND nokey EMPTY; INCRBY n 0;
INCRBYFLOAT n 0; SETEX a 0 1; PSETEX a 100000 1; SET a 1 KEEPTTL; SET a 1 EXAT 1; SET a 1 GET;
SETRANGE c 0 abc; GETEX a PX -1; GETEX a EXAT 1; SET e 2 KEEPTTL; SET e 2 PXAT 1; SETNX zz 1;
MSET a 1 a 2; INCR nokey; APPEND n 1;
# bits
SETBIT bm 7 1; SETBIT a 0 0; BITFIELD bm SET u8 0 1 SET u8 8 2 INCRBY u8 0 1; BITFIELD bm GET u8 0;
BITOP NOT bd bm; BITOP NOT bd nokey; BITOP NOT a nokey; PFADD p a b new; PFADD p a; PFADD newp;
PFADD p; PFADD newp a b; PFCOUNT p; PFCOUNT p p2; PFMERGE p3 p p2; BITFIELD_RO bm GET u8 0;
BITFIELD newbm INCRBY u8 0 0; BITFIELD bm OVERFLOW FAIL INCRBY u8 0 255; PFADD p a b c d e f g;
PFADD p zz1 zz2; BITFIELD bm SET u1 0 0 GET u8 0 SET u1 3 1;
BITFIELD bm OVERFLOW FAIL INCRBY u8 0 255 INCRBY u8 8 1;
BITFIELD newbm OVERFLOW FAIL INCRBY u8 0 256; BITFIELD newbm SET u8 0 0; BITOP AND a a b;
# lists
LPUSH l x y z; RPUSH newl x y z w; LPUSHX l x y; LPUSHX nokey x y; LPOP l; LPOP l 2; LPOP l 100;
LPOP l 0; RPOP l 3; LPOP nokey 2; LSET l 0 x; LINSERT l BEFORE b new; LINSERT l BEFORE nothere new;
LREM l 0 a; LREM l 1 a; LREM l 0 nothere; LTRIM l 0 1; LTRIM l 0 -1; LTRIM l 5 1;
LMOVE l l2 LEFT RIGHT; LMOVE l l LEFT RIGHT; RPOPLPUSH l l; RPOPLPUSH nokey l;
LMPOP 1 l LEFT COUNT 2; LMPOP 2 nokey l LEFT COUNT 10; BLPOP l 1; BRPOP l 1;
BLMOVE l l2 LEFT RIGHT 1; BRPOPLPUSH l l2 1; BLMPOP 1 1 l LEFT COUNT 2; SORT l ALPHA STORE d;
SORT nokey ALPHA STORE d; SORT nokey ALPHA STORE a; LPUSH a x; LINSERT nokey BEFORE a b;
LREM l -1 a; LREM l 0 a | LREM l 0 b | LREM l 0 c | LREM l 0 d; SORT z BY nosort STORE d;
SORT l ALPHA LIMIT 0 2 STORE d; SORT l ALPHA GET # GET nokey STORE d; LMPOP 1 l LEFT COUNT 5;
LTRIM l 1 -1; LTRIM l 100 200; LTRIM nokey 0 1;
# sets
SADD s a b new; SADD s a b; SADD news a b c; SREM s a b nothere; SREM s nothere; SREM s a b c d e;
SPOP s; SPOP s 2; SPOP s 100; SPOP s 5; SPOP s 0; SPOP nokey 2; SPOP big 30; SPOP big 90;
SMOVE s s2 a; SMOVE s s3 x; SMOVE s s nothere; SMOVE s s a; SINTERSTORE d s s2;
SINTERSTORE d s nokey; SINTERSTORE a s nokey; SUNIONSTORE d s s2; SUNIONSTORE s s s2;
SDIFFSTORE d s s2; SDIFFSTORE d nokey s; SDIFFSTORE l nokey s; SINTERSTORE big s s; SMOVE s s3 a;
SPOP big 100; SPOP big 99; SPOP s 4; SREM big m1 m2 m3 m4; SADD s dup dup; SINTERSTORE nn s nokey;
# hashes
HSET h f1 x f2 y new z; HSET h f1 v1; HSET newh a 1 b 2; HMSET h f1 x f2 y; HSETNX h f1 x;
HSETNX h f9 x; HDEL h f1 f2 nothere; HDEL h nothere; HDEL h f1 f2 f3; HINCRBY h n 3;
HINCRBYFLOAT h n 3.5; HINCRBY h n 0; HSET h dup 1 dup 2; HINCRBYFLOAT h f 0;
# zsets
ZADD z 1 a; ZADD z 1 a 2 b; ZADD z 5 a 2 b 9 new; ZADD z NX 5 a 9 new; ZADD z XX 5 a 9 new;
ZADD z GT 0 a; ZADD z INCR 3 a; ZADD z INCR 0 a; ZADD newz 1 a 2 b 3 c; ZINCRBY z 2 a;
ZINCRBY z 0 a; ZREM z a b nothere; ZREM z a b c d; ZREM z nothere; ZPOPMIN z; ZPOPMIN z 2;
ZPOPMIN z 100; ZPOPMIN nokey 2; ZPOPMAX z 3; BZPOPMIN z 1; ZMPOP 1 z MIN COUNT 2;
BZMPOP 1 1 z MIN COUNT 2; ZREMRANGEBYRANK z 0 1; ZREMRANGEBYRANK z 0 -1; ZREMRANGEBYSCORE z 1 2;
ZREMRANGEBYSCORE z 100 200; ZREMRANGEBYLEX z - +; ZUNIONSTORE d 2 z z2; ZINTERSTORE d 2 z nokey;
ZINTERSTORE a 2 z nokey; ZDIFFSTORE d 2 z z2; ZRANGESTORE d z 0 1; ZRANGESTORE d z 100 200;
ZRANGESTORE a z 100 200; GEOADD g 13 38 p1 14 39 p2; GEOADD g 13 38 p0 14 39 p2;
GEOSEARCHSTORE d g FROMLONLAT 13 38 BYRADIUS 500 km;
GEOSEARCHSTORE d nokey FROMLONLAT 13 38 BYRADIUS 500 km;
GEOSEARCHSTORE a g FROMLONLAT 100 8 BYRADIUS 1 km; GEORADIUS g 13 38 500 km STORE d;
ZUNIONSTORE z 1 z; ZADD z NX CH 1 a 7 new; ZADD z XX CH 1 a 7 b 8 c; ZADD z LT 0 a 0 b;
ZADD z 1 dup 2 dup; GEORADIUS g 13 38 500 km STOREDIST d COUNT 1;
GEOSEARCHSTORE g g FROMLONLAT 13 38 BYRADIUS 500 km; ZMPOP 1 z MIN COUNT 10;
# streams
XADD x * f v; XADD newx 1-1 f v; XADD x MAXLEN 1 * f v; XADD x MAXLEN 2 5-5 f v;
XADD nokey NOMKSTREAM 5-5 f v; XTRIM x MAXLEN 1; XTRIM x MAXLEN 100; XTRIM x MINID 3;
XDEL x 1-1 2-2 77-7; XDEL x 77-7; XSETID x 10-10; XGROUP CREATE x g2 0;
XGROUP CREATE newx g2 0 MKSTREAM; XGROUP SETID x g 0; XGROUP DESTROY x g; XGROUP DESTROY x nog;
XGROUP CREATECONSUMER x g cnew; XGROUP CREATECONSUMER x g c1; XGROUP DELCONSUMER x g c1;
XGROUP DELCONSUMER x g nobody; XREADGROUP GROUP g c1 COUNT 1 STREAMS x >;
XREADGROUP GROUP g cnew COUNT 1 STREAMS x >; XREADGROUP GROUP g c1 COUNT 10 STREAMS x >;
XREADGROUP GROUP g c1 NOACK STREAMS x >; XREADGROUP GROUP g c1 STREAMS x 0;
XREADGROUP GROUP g cnew STREAMS x 0; XREADGROUP GROUP gend c1 STREAMS x >;
XREADGROUP GROUP gend cnew STREAMS x >; XACK x g 1-1 77-7; XACK x g 77-7; XCLAIM x g c2 0 1-1;
XCLAIM x g c2 0 1-1 2-2; XCLAIM x g c2 0 1-1 JUSTID; XCLAIM x g c2 0 77-7;
XCLAIM x g c2 0 3-3 FORCE; XCLAIM x g c2 999999 1-1; XCLAIM x g cnew 999999 1-1;
XAUTOCLAIM x g c2 0 0; XAUTOCLAIM x g c2 0 0 COUNT 1; XAUTOCLAIM x g c2 999999 0;
XAUTOCLAIM x g cnew 999999 0; XACK x g 1-1 2-2; XREADGROUP GROUP gall c1 STREAMS x >;
XREADGROUP GROUP gall cnew STREAMS x >; XREADGROUP GROUP gall c1 NOACK STREAMS x >;
XREADGROUP GROUP gall c1 COUNT 2 STREAMS x >; XREADGROUP GROUP g c1 STREAMS x x2 > >;
XDEL x 1-1 | XCLAIM x g c2 0 1-1; XDEL x 1-1 | XAUTOCLAIM x g c2 0 0;
XCLAIM x g c2 0 1-1 LASTID 9-9; XCLAIM x g c2 0 77-7 LASTID 9-9;
XCLAIM x g c2 0 1-1 2-2 LASTID 9-9 JUSTID; XCLAIM x g cnew 0 1-1 2-2;
XAUTOCLAIM x g cnew 0 0 JUSTID; XGROUP DESTROY x gall; XGROUP DELCONSUMER x g c2;
XGROUP CREATE x g7 0 ENTRIESREAD 5; XADD x 9-9 f v g h;
XSETID x 10-10 ENTRIESADDED 30 MAXDELETEDID 1-1; XTRIM x MAXLEN 0; XADD x MINID 3 9-9 f v;
"""

# A client that waits, and who serves it.
SERVED = """
BLPOP q 0 | LPUSH q a b; BLMOVE q q2 LEFT RIGHT 0 | LPUSH q a b; BRPOPLPUSH q q2 0 | RPUSH q a;
BLMPOP 0 1 q LEFT COUNT 3 | LPUSH q a b c d; BZPOPMIN q 0 | ZADD q 1 a 2 b;
BZMPOP 0 1 q MIN COUNT 5 | ZADD q 1 a 2 b;
XREADGROUP GROUP gend c1 BLOCK 0 STREAMS x > | XADD x * f v;
XREADGROUP GROUP gend new BLOCK 0 STREAMS x > | XADD x * f v;
"""


def lines_of(table):
    """Each a list of commands, as words."""
    text = " ".join(line for line in table.splitlines() if not line.startswith("#"))
    return [[command.split() for command in line.split("|")]
            for line in text.split(";") if line.strip()]


def changes(resp):
    info = resp("INFO", "persistence")
    info = info.decode() if isinstance(info, bytes) else info
    return int(info.split("rdb_changes_since_last_save:")[1].split()[0])


class ChangesOracle(Case):

    def setUp(self):
        super().setUp()
        theirs = harness.start_redis({"enable-debug-command": "yes"})
        self.addCleanup(theirs.stop)
        ours = self.start(enable_debug_command="yes")
        self.servers = {"redis": theirs, "pollux": ours}
        self.dumps = {}

    def begin(self, server):
        resp = Resp(server)
        resp("FLUSHALL")
        for (words,) in lines_of(SETUP):
            resp(*self.words(server, words))
        return resp

    def words(self, server, words):
        spelt = []
        for word in words:
            if word == "BIG":
                spelt += ["m%d" % i for i in range(100)]
            else:
                spelt.append({"EMPTY": "", "DUMP": self.dumps.get(server.port)}.get(word, word))
        return spelt

    def counts(self, server):
        found = {}
        client = server.redis()
        client.set("a", "hello")
        self.dumps[server.port] = client.dump("a")
        for commands in lines_of(COMMANDS):
            resp = self.begin(server)
            before = changes(resp)
            for words in commands:
                resp(*self.words(server, words))
            resp("SELECT", "0")
            found[" | ".join(map(" ".join, commands))] = changes(resp) - before
            resp.close()
        return found

    def counts_of_served(self, server):
        found = {}
        for waits, serves in lines_of(SERVED):
            resp = self.begin(server)
            before = changes(resp)
            waiter = Resp(server)
            waiter.send(*waits)
            self.eventually(
                lambda: server.redis().info("clients")["blocked_clients"] == 1, what="blocked")
            resp(*serves)
            waiter.reply()
            found[" ".join(waits)] = changes(resp) - before
            waiter.close()
            resp.close()
        return found

    def same(self, count):
        found = {name: count(server) for name, server in self.servers.items()}
        self.assertEqual(
            {line: (n, found["pollux"][line]) for line, n in found["redis"].items()
             if found["pollux"][line] != n}, {}, "redis-server's number, ours")

    def test_commands(self):
        self.same(self.counts)

    def test_served_clients(self):
        self.same(self.counts_of_served)
