// The table of commands of the differential test: how often, how replies are compared, what the
// arguments are (the language is explained in grammar.h). A new command is one row here.
#include "tests/differential/grammar.h"

namespace pollux {

namespace {
constexpr Mutilate kTime = Mutilate::kNoSwap;
}

const CommandSpec kCommandTable[] = {
    // Strings.
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

    // Bitmaps.
    {14, Rule::kExact, "SETBIT <key> <bitoffset> <bit>"},
    {12, Rule::kExact, "GETBIT <key> <bitoffset>"},
    {14, Rule::kExact, "BITCOUNT <key> [<index> <index> [BYTE|BIT]|<index>]"},
    {14, Rule::kExact, "BITPOS <key> <bit> [<index> [<index> [BYTE|BIT]]]"},
    {10, Rule::kExact, "BITOP (AND|OR|XOR|NOT|DIFF) <key> (<key>)*"},
    {4, Rule::kExact, "BITOP NOT <key> <key>"},
    {24, Rule::kExact,
     "BITFIELD <key> [GET <fieldtype> <fieldoffset>|SET <fieldtype> <fieldoffset> <int>|"
     "INCRBY <fieldtype> <fieldoffset> <int>|OVERFLOW (WRAP|SAT|FAIL|NONE)]*"},
    {6, Rule::kExact,
     "BITFIELD_RO <key> [GET <fieldtype> <fieldoffset>|SET <fieldtype> <fieldoffset> <int>]*"},

    // Lists.
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

    // Keys.
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
    {16, Rule::kExact, "OBJECT ENCODING (<key>|<hash>|<set>)"},
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

    // Expiry.
    {14, Rule::kExact, "EXPIRE <key> <ttl> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "PEXPIRE <key> <pttl> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "EXPIREAT <key> <at> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "PEXPIREAT <key> <pat> [NX|XX|GT|LT]*", kTime},
    {10, Rule::kExact, "PERSIST <key>"},
    {10, Rule::kNearSeconds, "TTL <key>"},
    {10, Rule::kNearMs, "PTTL <key>"},
    {8, Rule::kNearSeconds, "EXPIRETIME <key>"},
    {8, Rule::kNearMs, "PEXPIRETIME <key>"},

    // Hashes. What is drawn by chance stays within counts that redis-server bears.
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

    // Sets. SPOP takes all or nothing: else what is left would be chance.
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

    // Connection.
    {8, Rule::kExact, "PING [<value>]"},
    {6, Rule::kExact, "ECHO <value>"},
    {14, Rule::kExact, "SELECT <db>"},
    {5, Rule::kHello, "HELLO [2|3]"},
    {3, Rule::kHello, "HELLO (2|3|4|<int>) [AUTH default <word>|AUTH <word>|SETNAME <name>]*"},
    {2, Rule::kExact, "AUTH (<word>|default <word>|<word> <word>)"},
    {3, Rule::kExact, "RESET"},

    // Transactions; whole ones are a step of their own (stream.cc).
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

    // Publish and subscribe: nobody listens here, the order of messages is tested elsewhere.
    {6, Rule::kExact, "PUBLISH <key> <value>"},
    {3, Rule::kExact, "SPUBLISH <key> <value>"},
    {2, Rule::kSorted, "PUBSUB CHANNELS [<pattern>]"},
    {2, Rule::kExact, "PUBSUB NUMSUB [<key>]*"},
    {1, Rule::kExact, "PUBSUB SHARDNUMSUB [<key>]*"},
    {1, Rule::kSorted, "PUBSUB SHARDCHANNELS [<pattern>]"},
    {1, Rule::kType, "PUBSUB (HELP|<word>)"},

    // Server.
    {1, Rule::kType, "TIME"},
    {1, Rule::kType, "INFO [server|keyspace]"},
    {2, Rule::kFlagSets, "COMMAND INFO (<command>)*", Mutilate::kNever},
    {3, Rule::kExact,
     "COMMAND GETKEYS (GET <key>|SET <key> <value>|MSET (<key> <value>)*|BITOP AND <key> (<key>)*|"
     "PING|COPY <key> <key>|OBJECT ENCODING <key>|DEL (<key>)*|<word>|LCS <key> <key>)"},
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

    // Nothing.
    {4, Rule::kExact, "NOSUCHCOMMAND [<word>|<value>|<key>]*"},
};

const size_t kCommandTableSize = sizeof kCommandTable / sizeof kCommandTable[0];

}  // namespace pollux
