// The table of commands of the differential test: how often, how replies are compared, what the
// arguments are (the language is explained in grammar.h). A new command is one row here.
#include "tests/differential/grammar.h"

namespace pollux {
namespace {

constexpr Mutilate kTime = Mutilate::kNoSwap;

constexpr CommandSpec kStrings[] = {
    {60, Rule::kExact, "GET <key>"},
    {40, Rule::kExact, "SET <key> <value>"},
    {40, Rule::kExact,
     "SET <key> <value> [NX|XX|GET|KEEPTTL|EX <ttl>|PX <pttl>|EXAT <at>|PXAT <pat>]*", kTime},
    {8, Rule::kExact, "SETNX <key> <value>"},
    {8, Rule::kExact, "SETEX <key> <ttl> <value>", kTime},
    {8, Rule::kExact, "PSETEX <key> <pttl> <value>", kTime},
    {10, Rule::kExact, "GETSET <key> <value>"},
    {10, Rule::kExact, "GETDEL <key>"},
    {14, Rule::kExact, "GETEX <key> [EX <ttl>|PX <pttl>|EXAT <at>|PXAT <pat>|PERSIST]*", kTime},
    {14, Rule::kExact, "MGET (<key>)*"},
    {14, Rule::kExact, "MSET (<key> <value>)*"},
    {8, Rule::kExact, "MSETNX (<key> <value>)*"},
    {14, Rule::kExact, "APPEND <key> <value>"},
    {10, Rule::kExact, "STRLEN <key>"},
    {14, Rule::kExact, "SETRANGE <key> <offset> <value>"},
    {14, Rule::kExact, "GETRANGE <key> <index> <index>"},
    {5, Rule::kExact, "SUBSTR <key> <index> <index>"},
    {10, Rule::kExact, "INCR <key>"},
    {8, Rule::kExact, "DECR <key>"},
    {12, Rule::kExact, "INCRBY <key> <int>"},
    {10, Rule::kExact, "DECRBY <key> <int>"},
    {16, Rule::kExact, "INCRBYFLOAT <key> <float>"},
    {10, Rule::kExact, "LCS <key> <key> [LEN|IDX|MINMATCHLEN <int>|WITHMATCHLEN]*"},
};

constexpr CommandSpec kBitmaps[] = {
    {14, Rule::kExact, "SETBIT <key> <bitoffset> <bit>"},
    {12, Rule::kExact, "GETBIT <key> <bitoffset>"},
    {14, Rule::kExact, "BITCOUNT <key> [<index> <index> [BYTE|BIT]|<index>]"},
    {14, Rule::kExact, "BITPOS <key> <bit> [<index> [<index> [BYTE|BIT]]]"},
    {10, Rule::kExact, "BITOP (AND|OR|XOR|NOT|<word>) <key> (<key>)*"},
    {4, Rule::kExact, "BITOP NOT <key> <key>"},
    {24, Rule::kExact,
     "BITFIELD <key> [GET <fieldtype> <fieldoffset>|SET <fieldtype> <fieldoffset> <int>|"
     "INCRBY <fieldtype> <fieldoffset> <int>|OVERFLOW (WRAP|SAT|FAIL|NONE)]*"},
    {6, Rule::kExact,
     "BITFIELD_RO <key> [GET <fieldtype> <fieldoffset>|SET <fieldtype> <fieldoffset> <int>]*"},
};

constexpr CommandSpec kLists[] = {
    {40, Rule::kExact, "LPUSH <lkey> (<element>)*"},
    {60, Rule::kExact, "RPUSH <lkey> (<element>)*"},
    {8, Rule::kExact, "LPUSHX <lkey> (<element>)*"},
    {8, Rule::kExact, "RPUSHX <lkey> (<element>)*"},
    {20, Rule::kExact, "LPOP <lkey> [<int>]"},
    {20, Rule::kExact, "RPOP <lkey> [<int>]"},
    {10, Rule::kExact, "LLEN <lkey>"},
    {16, Rule::kExact, "LINDEX <lkey> <index>"},
    {20, Rule::kExact, "LSET <lkey> <index> <element>"},
    {20, Rule::kExact, "LRANGE <lkey> <index> <index>"},
    {20, Rule::kExact, "LINSERT <lkey> (BEFORE|AFTER|<word>) <element> <element>"},
    {16, Rule::kExact, "LREM <lkey> <int> <element>"},
    {4, Rule::kExact, "LTRIM <lkey> <index> <index>"},
    {6, Rule::kExact, "LTRIM <lkey> (0|1|-300) (-1|-2|300)"},
    {24, Rule::kExact, "LPOS <lkey> <element> [RANK <int>|COUNT <int>|MAXLEN <int>|RANK -2]*"},
    {14, Rule::kExact, "LMOVE <lkey> <lkey> (LEFT|RIGHT|<word>) (LEFT|RIGHT)"},
    {8, Rule::kExact, "RPOPLPUSH <lkey> <lkey>"},
    {6, Rule::kExact, "LMPOP 1 <lkey> (LEFT|RIGHT) [COUNT <int>]*"},
    {10, Rule::kExact, "LMPOP (2|3|2|<int>) <lkey> <lkey> [<lkey>] (LEFT|RIGHT) [COUNT <int>]"},
    // Those that wait do so for a moment here; in steps of their own (stream.cc) they are served.
    {2, Rule::kExact, "(BLPOP|BRPOP) <lkey> [<lkey>] 0.001", Mutilate::kNever},
    {2, Rule::kExact, "(BLPOP|BRPOP|BZPOPMIN|BZPOPMAX) <lkey> (foo|-1|inf|nan|1e30|-0.5)",
     Mutilate::kNever},
    {2, Rule::kExact, "BLMOVE <lkey> <lkey> (LEFT|RIGHT|<word>) (LEFT|RIGHT) (0.001|-1|foo)",
     Mutilate::kNever},
    {2, Rule::kExact, "BRPOPLPUSH <lkey> <lkey> (0.001|-1|foo)", Mutilate::kNever},
    {2, Rule::kExact, "BLMPOP (0.001|-1|foo) (1|2|<word>|0) <lkey> (LEFT|RIGHT) [COUNT <int>]",
     Mutilate::kNever},
    {2, Rule::kExact, "BZMPOP (0.001|-1|foo) (1|2|<word>|0) <lkey> (MIN|MAX) [COUNT <int>]",
     Mutilate::kNever},
    {1, Rule::kExact, "(BZPOPMIN|BZPOPMAX) <lkey> [<lkey>] 0.001", Mutilate::kNever},
};

constexpr CommandSpec kKeys[] = {
    {14, Rule::kExact, "DEL (<key>)*"},
    {6, Rule::kExact, "UNLINK (<key>)*"},
    {10, Rule::kExact, "EXISTS (<key>)*"},
    {6, Rule::kExact, "TOUCH (<key>)*"},
    {8, Rule::kExact, "TYPE <key>"},
    {10, Rule::kExact, "RENAME <key> <key>"},
    {8, Rule::kExact, "RENAMENX <key> <key>"},
    {12, Rule::kExact, "COPY <key> <key> [DB <db>|REPLACE]*"},
    {8, Rule::kExact, "MOVE <key> <db>"},
    {3, Rule::kSorted, "KEYS <pattern>"},
    {4, Rule::kNullness, "RANDOMKEY"},
    {8, Rule::kExact, "DBSIZE"},
    {16, Rule::kEncoding, "OBJECT ENCODING (<key>|<hash>|<set>|<zset>|<hll>)"},
    {4, Rule::kType, "OBJECT IDLETIME <key>"},
    {3, Rule::kExact, "OBJECT FREQ <key>"},
    {3, Rule::kType, "OBJECT REFCOUNT <key>"},
    {1, Rule::kType, "OBJECT HELP"},
    {1, Rule::kExact, "OBJECT <word> <key>"},
    {10, Rule::kPayload, "DUMP <key>"},
    {8, Rule::kExact,
     "RESTORE <key> (0|<pttl>|-5|<word>) <payload> "
     "[REPLACE|ABSTTL|IDLETIME <int>|FREQ <int>|<word>|REPLACE]*",
     kTime},
    {3, Rule::kExact, "SWAPDB <db> <db>"},
    {1, Rule::kExact, "FLUSHDB [ASYNC|SYNC|<word>]"},
    {1, Rule::kExact, "FLUSHALL [ASYNC|SYNC|<word>]"},
    {2, Rule::kType, "SCAN (foo|18446744073709551616) [COUNT <int>|MATCH <pattern>]*"},
    {2, Rule::kType, "SCAN 0 (COUNT 0|COUNT <word>|MATCH|NOSUCH <int>)"},
};

// Whether the same time from now on is later than before, the millisecond decides: GT and LT go
// with times that do not come twice.
constexpr CommandSpec kExpiry[] = {
    {7, Rule::kExact, "EXPIRE <key> <ttl> [NX|XX]*", kTime},
    {7, Rule::kExact, "EXPIRE <key> <farttl> [NX|XX|GT|LT]*", kTime},
    {5, Rule::kExact, "PEXPIRE <key> <pttl> [NX|XX]*", kTime},
    {5, Rule::kExact, "PEXPIRE <key> <farpttl> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "EXPIREAT <key> <at> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "PEXPIREAT <key> <pat> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "PERSIST <key>"},
    {10, Rule::kNearSeconds, "TTL <key>"},
    {10, Rule::kNearMs, "PTTL <key>"},
    {8, Rule::kNearSeconds, "EXPIRETIME <key>"},
    {8, Rule::kNearMs, "PEXPIRETIME <key>"},
};

// What is drawn by chance stays within counts that redis-server bears.
constexpr CommandSpec kHashes[] = {
    {40, Rule::kExact, "HSET <hash> (<field> <value>)*"},
    {8, Rule::kExact, "HMSET <hash> (<field> <value>)*"},
    {8, Rule::kExact, "HSETNX <hash> <field> <value>"},
    {14, Rule::kExact, "HGET <hash> <field>"},
    {10, Rule::kExact, "HMGET <hash> (<field>)*"},
    {14, Rule::kExact, "HDEL <hash> (<field>)*"},
    {6, Rule::kExact, "HLEN <hash>"},
    {6, Rule::kExact, "HSTRLEN <hash> <field>"},
    {6, Rule::kExact, "HEXISTS <hash> <field>"},
    {5, Rule::kSorted, "HKEYS <hash>"},
    {5, Rule::kSorted, "HVALS <hash>"},
    {8, Rule::kPairs, "HGETALL <hash>"},
    {12, Rule::kExact, "HINCRBY <hash> <field> <int>"},
    {12, Rule::kExact, "HINCRBYFLOAT <hash> <field> <float>"},
    {4, Rule::kNullness, "HRANDFIELD <hash>", Mutilate::kNever},
    {4, Rule::kSorted, "HRANDFIELD <hash> 5000 WITHVALUES", Mutilate::kNever},
    {4, Rule::kType, "HRANDFIELD <hash> (3|-3|0|<word>) [WITHVALUES|<word>]", Mutilate::kNever},
    {4, Rule::kType, "HSCAN <hash> (0|foo) [COUNT <int>|MATCH <pattern>|<word>]*"},
};

// SPOP takes all or nothing: else what is left would be chance.
constexpr CommandSpec kSets[] = {
    {40, Rule::kExact, "SADD <set> (<member>)*"},
    {16, Rule::kExact, "SREM <set> (<member>)*"},
    {8, Rule::kExact, "SISMEMBER <set> <member>"},
    {6, Rule::kExact, "SMISMEMBER <set> (<member>)*"},
    {6, Rule::kExact, "SCARD <set>"},
    {8, Rule::kSorted, "SMEMBERS <set>"},
    {10, Rule::kExact, "SMOVE <set> <set> <member>"},
    {4, Rule::kSorted, "SPOP <set> (5000|0|-1|<word>|5000 <word>)", Mutilate::kNever},
    {4, Rule::kNullness, "SRANDMEMBER <set>", Mutilate::kNever},
    {4, Rule::kSorted, "SRANDMEMBER <set> 5000", Mutilate::kNever},
    {4, Rule::kType, "SRANDMEMBER <set> (3|-3|0|<word>) [<word>]", Mutilate::kNever},
    {4, Rule::kType, "SSCAN <set> (0|foo) [COUNT <int>|MATCH <pattern>|<word>]*"},
    {10, Rule::kSorted, "(SINTER|SUNION|SDIFF) (<set>)*"},
    {10, Rule::kExact, "(SINTERSTORE|SUNIONSTORE|SDIFFSTORE) <set> (<set>)*"},
    {8, Rule::kExact, "SINTERCARD (1|2|<int>) (<set>)* [LIMIT <int>|<word>]*"},
};

// What differs on purpose behind ZRANK's member is kept away.
constexpr CommandSpec kSortedSets[] = {
    {40, Rule::kExact, "ZADD <zset> (<score> <member>)*"},
    {20, Rule::kExact, "ZADD <zset> [NX|XX|GT|LT|CH|INCR]* (<score> <member>)*"},
    {10, Rule::kExact, "ZINCRBY <zset> (<score>|<score>|<score>|NX) <member>"},
    {16, Rule::kExact, "ZREM <zset> (<member>)*"},
    {5, Rule::kExact, "ZCARD <zset>"},
    {6, Rule::kExact, "ZSCORE <zset> <member>"},
    {5, Rule::kExact, "ZMSCORE <zset> (<member>)*"},
    {8, Rule::kExact, "(ZRANK|ZREVRANK) <zset> <member>", Mutilate::kNever},
    {8, Rule::kExact, "(ZPOPMIN|ZPOPMAX) <zset> [<int>]"},
    {6, Rule::kExact, "ZMPOP (1|2|2|<int>) <zset> [<zset>] (MIN|MAX|<word>) [COUNT <int>]*"},
    {10, Rule::kExact, "ZRANGE <zset> <index> <index> [WITHSCORES|REV|<word>]*"},
    {10, Rule::kExact,
     "ZRANGE <zset> <scorebound> <scorebound> BYSCORE [REV|WITHSCORES|LIMIT <index> <int>]*"},
    {5, Rule::kExact, "ZREVRANGE <zset> <index> <index> [WITHSCORES]"},
    {8, Rule::kExact,
     "(ZRANGEBYSCORE|ZREVRANGEBYSCORE) <zset> <scorebound> <scorebound> "
     "[WITHSCORES|LIMIT <index> <int>]*"},
    {6, Rule::kExact, "ZCOUNT <zset> <scorebound> <scorebound>"},
    {5, Rule::kExact, "ZREMRANGEBYSCORE <zset> <scorebound> <scorebound>"},
    {5, Rule::kExact, "ZREMRANGEBYRANK <zset> <index> <index>"},
    {6, Rule::kExact, "ZRANGESTORE <zset> <zset> <index> <index> [REV]"},
    {6, Rule::kExact,
     "ZRANGESTORE <zset> <zset> <scorebound> <scorebound> BYSCORE [REV|LIMIT <index> <int>]*"},
    {4, Rule::kNullness, "ZRANDMEMBER <zset>", Mutilate::kNever},
    {4, Rule::kSorted, "ZRANDMEMBER <zset> 5000 [WITHSCORES]", Mutilate::kNever},
    {4, Rule::kType, "ZRANDMEMBER <zset> (3|-3|0|<word>) [WITHSCORES|<word>]", Mutilate::kNever},
    {4, Rule::kType, "ZSCAN <zset> (0|foo) [COUNT <int>|MATCH <pattern>|<word>]*"},
    {10, Rule::kExact,
     "(ZUNION|ZINTER|ZDIFF) (1|2|2|<int>) (<zset>|<set>) [<zset>] "
     "[WITHSCORES|AGGREGATE (SUM|MIN|MAX|<word>)|WEIGHTS <score>]*"},
    {8, Rule::kExact,
     "(ZUNION|ZINTER) 2 (<zset>|<set>) <zset> WEIGHTS <score> <score> "
     "[WITHSCORES|AGGREGATE (SUM|MIN|MAX)]*"},
    {6, Rule::kExact, "ZINTERCARD (1|2|2|<int>) <zset> [<zset>|<set>] [LIMIT <int>]*"},
    {10, Rule::kExact,
     "(ZUNIONSTORE|ZINTERSTORE) <zset> 2 (<zset>|<set>) <zset> "
     "[WEIGHTS <score> <score>|AGGREGATE (SUM|MIN|MAX)]*"},
    {5, Rule::kExact, "ZDIFFSTORE <zset> (1|2) (<zset>|<set>) [<zset>]"},
    // Ranges of members need one score for all.
    {10, Rule::kExact, "ZADD <lexset> (0 <member>)*", Mutilate::kNever},
    {4, Rule::kExact, "ZREM <lexset> (<member>)*", Mutilate::kNever},
    {10, Rule::kExact,
     "(ZRANGEBYLEX|ZREVRANGEBYLEX) <lexset> <lex> <lex> [LIMIT <index> <int>]"},
    {6, Rule::kExact, "ZRANGE <lexset> <lex> <lex> BYLEX [REV|LIMIT <index> <int>|WITHSCORES]*"},
    {5, Rule::kExact, "ZLEXCOUNT <lexset> <lex> <lex>"},
    {3, Rule::kExact, "ZREMRANGEBYLEX <lexset> <lex> <lex>"},
};

constexpr CommandSpec kPlaces[] = {
    {30, Rule::kExact, "GEOADD <geo> (<lon> <lat> <place>)*"},
    {12, Rule::kExact, "GEOADD <geo> [NX|XX|CH]* (<lon> <lat> <place>)*"},
    {6, Rule::kExact, "(GEOPOS|GEOHASH) <geo> [<place>]*"},
    {8, Rule::kExact, "GEODIST <geo> <place> <place> [<unit>|<word>]"},
    {20, Rule::kExact,
     "GEOSEARCH <geo> (FROMMEMBER <place>|FROMLONLAT <lon> <lat>) "
     "(BYRADIUS <distance> <unit>|BYBOX <distance> <distance> <unit>) "
     "[ASC|DESC|COUNT <int>|COUNT 3 ANY|WITHDIST|WITHCOORD|WITHHASH]*"},
    {8, Rule::kExact,
     "GEOSEARCHSTORE <zset> <geo> (FROMMEMBER <place>|FROMLONLAT <lon> <lat>) "
     "(BYRADIUS <distance> <unit>|BYBOX <distance> <distance> <unit>) "
     "[ASC|DESC|COUNT <int>|COUNT 3 ANY|STOREDIST]*"},
    {6, Rule::kExact,
     "GEOSEARCH <geo> [FROMMEMBER <place>|FROMLONLAT <lon> <lat>|BYRADIUS <distance> <unit>|"
     "BYBOX <distance> <distance> <unit>|ANY|STOREDIST|<word>]* [ASC|COUNT <int>]*"},
    {10, Rule::kExact,
     "GEORADIUS <geo> <lon> <lat> <distance> <unit> "
     "[ASC|DESC|COUNT <int>|COUNT 3 ANY|WITHDIST|WITHCOORD|STORE <zset>|STOREDIST <zset>]*"},
    {8, Rule::kExact,
     "GEORADIUSBYMEMBER <geo> <place> <distance> <unit> "
     "[ASC|DESC|COUNT <int>|COUNT 3 ANY|WITHHASH|WITHCOORD|STORE <zset>|STOREDIST <zset>]*"},
    {4, Rule::kExact, "GEORADIUS_RO <geo> <lon> <lat> <distance> <unit> [WITHDIST|ASC|STORE z1]*"},
    {4, Rule::kExact, "GEORADIUSBYMEMBER_RO <geo> <place> <distance> <unit> [WITHDIST|DESC]*"},
};

// APPEND and SETRANGE damage them, but for the runs of sparse ones (known.md).
constexpr CommandSpec kHyperLogLogs[] = {
    {40, Rule::kExact, "PFADD <hll> [<value>|<member>]*"},
    {16, Rule::kExact, "PFCOUNT (<hll>)*"},
    {14, Rule::kExact, "PFMERGE <hll> [<hll>]*"},
    {10, Rule::kExact, "GET <hll>"},
    {2, Rule::kExact, "APPEND <hll> <value>"},
    {2, Rule::kExact, "SETRANGE <hll> (0|4|7|8|14|15) (H|a|7)"},
    {3, Rule::kExact, "DEL <hll>"},
    {4, Rule::kExact, "PFDEBUG (ENCODING|DECODE|TODENSE|<word>) <hll>"},
    {1, Rule::kExact, "PFDEBUG GETREG <hll>", Mutilate::kNever},
};

// Where the order is defined: not that of tables, nor of partial sorts of equal things.
constexpr CommandSpec kSorts[] = {
    {10, Rule::kExact, "SORT <lkey> [ALPHA|ASC|DESC|LIMIT <index> <int>|GET #]*"},
    {4, Rule::kExact, "SORT (<set>|<zset>) [ALPHA|ASC|DESC|LIMIT <index> <int>]*"},
    {4, Rule::kExact, "SORT (<set>|<zset>|<lkey>) ALPHA [DESC|LIMIT <index> <int>]* STORE <lkey>"},
    {4, Rule::kExact, "SORT (<set>|<lkey>) [DESC|LIMIT <index> <int>]* STORE <lkey>"},
    {12, Rule::kExact,
     "SORT <sortlist> BY <sortpattern> [ASC|DESC|LIMIT <index> <int>|GET <sortpattern>]*",
     Mutilate::kNever},
    {8, Rule::kExact, "RPUSH <sortlist> (<element>)*", Mutilate::kNever},
    {2, Rule::kExact, "DEL <sortlist>", Mutilate::kNever},
    {6, Rule::kExact, "SORT <sortlist> BY <sortpattern> ALPHA [DESC|GET <sortpattern>]*",
     Mutilate::kNever},
    {5, Rule::kExact,
     "SORT <sortlist> BY <sortpattern> ALPHA [DESC|GET <sortpattern>]* STORE <sortlist>",
     Mutilate::kNever},
    {4, Rule::kExact,
     "SORT <sortlist> BY nosort [DESC|LIMIT <index> <int>|GET <sortpattern>]* STORE <lkey>",
     Mutilate::kNever},
    {3, Rule::kExact, "SORT <set> BY nosort [DESC|GET #|LIMIT <index> <int>]* STORE <lkey>",
     Mutilate::kNever},
    {5, Rule::kExact, "SORT <lexset> BY nosort [DESC|LIMIT <index> <int>|GET #]*",
     Mutilate::kNever},
    {4, Rule::kExact, "SORT_RO <sortlist> [BY nosort|ALPHA|DESC|LIMIT <index> <int>|STORE l1]*",
     Mutilate::kNever},
};

// Nobody waits (BLOCK), and idle times are either of now or far beyond a minimum.
constexpr CommandSpec kStreams[] = {
    {70, Rule::kExact,
     "XADD <stream> [NOMKSTREAM|MAXLEN [=|~] <index>|MAXLEN (50|120)|MINID [=|~] <id>|"
     "MAXLEN ~ <int> LIMIT <int>|LIMIT <int>]* <newid> (<field> <value>)*"},
    {40, Rule::kExact, "XADD <stream> 50-* (f1 <value> f2 <value>|f1 <int>)"},
    {6, Rule::kExact, "XLEN <stream>"},
    {16, Rule::kExact, "(XRANGE|XREVRANGE) <stream> <bound> <bound> [COUNT <int>]*"},
    {6, Rule::kExact, "(XRANGE <stream> - +|XREVRANGE <stream> + -)"},
    {16, Rule::kExact, "XDEL <stream> (<id>)*"},
    {10, Rule::kExact,
     "XTRIM <stream> (MAXLEN [=|~] <index>|MINID [=|~] <id>|MAXLEN ~ <index> LIMIT <int>) "
     "[LIMIT <int>|<word>]"},
    {12, Rule::kExact, "XREAD [COUNT <int>|<word>] STREAMS <stream> (<id>|$|>|0)"},
    {8, Rule::kExact, "XREAD [COUNT <int>] STREAMS <stream> <stream> (<id>|0) (<id>|0)"},
    {8, Rule::kExact,
     "XSETID <stream> (<newid>|50-149) "
     "[ENTRIESADDED <int>|MAXDELETEDID <id>|<word>]*"},
    {4, Rule::kExact, "XSETID <stream> 51-0"},
    {16, Rule::kExact,
     "XGROUP CREATE <stream> <group> (<id>|$|0) [MKSTREAM|ENTRIESREAD <int>|<word>]*"},
    {6, Rule::kExact, "XGROUP SETID <stream> <group> (<bound>|$|0) [ENTRIESREAD <int>]"},
    {2, Rule::kExact, "XGROUP DESTROY <stream> <group>"},
    {5, Rule::kExact, "XGROUP CREATECONSUMER <stream> <group> <consumer>"},
    {4, Rule::kExact, "XGROUP DELCONSUMER <stream> <group> <consumer>"},
    {1, Rule::kExact, "XGROUP <word> [<stream>]"},
    {1, Rule::kType, "(XGROUP|XINFO) HELP"},
    {30, Rule::kExact,
     "XREADGROUP [NOACK] GROUP <group> <consumer> [COUNT <int>|NOACK]* STREAMS <stream> "
     "(>|>|>|<id>|0|$)"},
    {8, Rule::kExact,
     "XREADGROUP GROUP <group> <consumer> [COUNT (1|2|5)] STREAMS <stream> <stream> (>|0) (>|0)"},
    {3, Rule::kExact,
     "XREADGROUP GROUP <group> <consumer> [COUNT (1|2|5)] STREAMS t0 t0 t0 > > (>|0)"},
    {20, Rule::kExact, "XACK <stream> <group> (<id>)*"},
    {8, Rule::kExact, "XPENDING <stream> <group>"},
    {12, Rule::kStreamTimes,
     "XPENDING <stream> <group> [IDLE (0|1000000)] <bound> <bound> <int> [<consumer>]"},
    {6, Rule::kStreamTimes, "XPENDING <stream> <group> - + 1000"},
    {20, Rule::kExact,
     "XCLAIM <stream> <group> <consumer> (0|0|1000000|<word>) (<id>)* [IDLE (0|5000000|<word>)|"
     "TIME (0|1|<int>)|RETRYCOUNT <int>|FORCE|JUSTID|LASTID <id>|<word>]*"},
    {14, Rule::kExact,
     "XAUTOCLAIM <stream> <group> <consumer> (0|0|1000000|<word>) <bound> "
     "[COUNT (1|2|5|0|-1|<word>)|JUSTID|<word>]*"},
    {8, Rule::kExact, "XINFO GROUPS <stream>"},
    {6, Rule::kStreamTimes, "XINFO CONSUMERS <stream> <group>"},
    {6, Rule::kStreamTimes, "XINFO STREAM <stream>"},
    {6, Rule::kStreamTimes, "XINFO STREAM <stream> FULL [COUNT <int>|<word>]"},
    {1, Rule::kExact, "XINFO <word> [<stream>]"},
};

constexpr CommandSpec kConnections[] = {
    {8, Rule::kExact, "PING [<value>]"},
    {6, Rule::kExact, "ECHO <value>"},
    {14, Rule::kExact, "SELECT <db>"},
    {5, Rule::kHello, "HELLO [2|3]"},
    {3, Rule::kHello, "HELLO (2|3|4|<int>) [AUTH default <word>|AUTH <word>|SETNAME <name>]*"},
    {2, Rule::kExact, "AUTH (<word>|default <word>|<word> <word>)"},
    {3, Rule::kExact, "RESET"},
};

// Whole transactions are a step of their own (stream.cc).
constexpr CommandSpec kClients[] = {
    {8, Rule::kExact, "WATCH (<key>)*"},
    {4, Rule::kExact, "UNWATCH"},
    {1, Rule::kExact, "(EXEC|DISCARD)"},
    {2, Rule::kType, "CLIENT ID"},
    {5, Rule::kExact, "CLIENT SETNAME <name>"},
    {5, Rule::kExact, "CLIENT GETNAME"},
    {1, Rule::kExact, "CLIENT REPLY <word>"},
    {2, Rule::kExact, "CLIENT KILL (1.2.3.4:5|ID 99999999|ID <word>|<word> <word>|ID)"},
    {1, Rule::kType, "CLIENT LIST"},
    {1, Rule::kType, "CLIENT LIST (TYPE <word>|ID <word>|<word>)"},
    {1, Rule::kType, "CLIENT [<word>]"},
    {1, Rule::kType, "CLIENT INFO"},
    {1, Rule::kExact, "CLIENT LIST ID 99999999 88888888"},
    {2, Rule::kExact, "CLIENT NO-EVICT (ON|OFF|maybe)", Mutilate::kNever},
    {2, Rule::kExact, "CLIENT PAUSE (<word>|-1|0|0 WRITE|0 ALL|0 <word>|0 ALL ALL)",
     Mutilate::kNever},
    {1, Rule::kExact, "CLIENT UNPAUSE", Mutilate::kNever},
    {2, Rule::kExact,
     "CLIENT UNBLOCK (99999999|<word>|99999999 TIMEOUT|99999999 ERROR|99999999 <word>|1 2 3)"},
    // Tracking is off here: steps of their own turn it on (stream.cc).
    {2, Rule::kExact,
     "CLIENT TRACKING (ON|OFF|maybe) (PREFIX a|OPTIN OPTOUT|BCAST OPTIN|REDIRECT 99999999|"
     "REDIRECT x|REDIRECT|BCAST PREFIX a PREFIX ab|nosuch)",
     Mutilate::kNever},
    {1, Rule::kExact, "CLIENT TRACKING (OFF|maybe)", Mutilate::kNever},
    {2, Rule::kExact, "CLIENT CACHING (YES|NO|maybe)"},
    {1, Rule::kExact, "CLIENT GETREDIR"},
    {1, Rule::kExact, "CLIENT TRACKINGINFO"},
};

// Nobody listens here, the order of messages is tested elsewhere.
constexpr CommandSpec kPubSub[] = {
    {6, Rule::kExact, "PUBLISH <key> <value>"},
    {3, Rule::kExact, "SPUBLISH <key> <value>"},
    {2, Rule::kSorted, "PUBSUB CHANNELS [<pattern>]"},
    {2, Rule::kExact, "PUBSUB NUMSUB [<key>]*"},
    {1, Rule::kExact, "PUBSUB SHARDNUMSUB [<key>]*"},
    {1, Rule::kSorted, "PUBSUB SHARDCHANNELS [<pattern>]"},
    {1, Rule::kType, "PUBSUB (HELP|<word>)"},
};

constexpr CommandSpec kServer[] = {
    {1, Rule::kType, "TIME"},
    {1, Rule::kType, "INFO [server|keyspace]"},
    {2, Rule::kFlagSets, "COMMAND INFO (<command>)*", Mutilate::kNever},
    {3, Rule::kExact,
     "COMMAND GETKEYS (GET <key>|SET <key> <value>|MSET (<key> <value>)*|BITOP AND <key> (<key>)*|"
     "PING|COPY <key> <key>|OBJECT ENCODING <key>|DEL (<key>)*|<word>|LCS <key> <key>|"
     "SPUBLISH <key> <value>|DEBUG OBJECT <key>)"},
    // (Redis finds so many keys as the digits say with which the number begins.)
    {1, Rule::kExact,
     "COMMAND GETKEYS (ZUNION (0|1|2) <key> <key>|SINTERCARD (0|1|3) <key>|"
     "ZDIFFSTORE <key> (0|1|2) <key>)", Mutilate::kNever},
    {1, Rule::kFlagSets, "COMMAND GETKEYSANDFLAGS (GET <key>|SET <key> <value>|DEL (<key>)*)"},
    {1, Rule::kType, "COMMAND COUNT"},
    {1, Rule::kExact, "COMMAND <word>", Mutilate::kNever},
    {2, Rule::kPairs,
     "CONFIG GET (maxmemory-samples|lazyfree-lazy-user-*|nosuch|LFU-log-factor|timeout)*"},
    {2, Rule::kExact,
     "CONFIG SET (maxmemory-samples (5|7|<word>|0)|lazyfree-lazy-user-del (yes|no|maybe)|"
     "lfu-log-factor (10|11|<int>))*"},
    {4, Rule::kExact, "CONFIG SET (<option> <setting>)*"},
    {2, Rule::kPairs, "CONFIG GET (<option>)*"},
    {1, Rule::kExact, "CONFIG SET (nosuch 1|<word> <word>|timeout)"},
    {1, Rule::kExact, "CONFIG [<word>|GET|RESETSTAT]"},

    {2, Rule::kType, "SLOWLOG (GET [<int>]|LEN|HELP)"},
    {1, Rule::kExact, "SLOWLOG (RESET|GET <word>)", Mutilate::kNever},
    {1, Rule::kType, "LATENCY (DOCTOR|HELP|HISTOGRAM (<command>)*)"},
    {1, Rule::kExact, "LATENCY (LATEST|HISTORY <word>|GRAPH <word>|RESET [<word>]*|<word>)"},
    {1, Rule::kType, "LOLWUT [VERSION 4|VERSION <word>]", Mutilate::kNever},
    {1, Rule::kType, "MEMORY USAGE <key> [SAMPLES (<int>|<word>|0)]"},
    {1, Rule::kType, "MEMORY (DOCTOR|STATS|PURGE|MALLOC-STATS|HELP)"},
    {1, Rule::kExact, "MEMORY [<word>]"},
};

constexpr CommandSpec kNothing[] = {
    {4, Rule::kExact, "NOSUCHCOMMAND [<word>|<value>|<key>]*"},
};

constexpr CommandFamily kFamilies[] = {
    {"string", kStrings},
    {"bitmap", kBitmaps},
    {"list", kLists},
    {"key", kKeys},
    {"expiry", kExpiry},
    {"hash", kHashes},
    {"set", kSets},
    {"zset", kSortedSets},
    {"geo", kPlaces},
    {"hyperloglog", kHyperLogLogs},
    {"sort", kSorts},
    {"stream", kStreams},
    {"connection", kConnections},
    {"client", kClients},
    {"pubsub", kPubSub},
    {"server", kServer},
    {"nothing", kNothing},
};

}  // namespace

std::span<const CommandFamily> command_families() { return kFamilies; }

}  // namespace pollux
