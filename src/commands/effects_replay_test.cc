// Commands of all families at random, while time passes and keys and fields end; then their history
// is run again in a store with other limits, much later, and holds the same data. Whatever command
// leaves a wrong effect, or none, is found here sooner or later (POLLUX_SEEDS: how many histories).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/num.h"
#include "src/base/seeds.h"
#include "src/commands/test_store.h"
#include "src/data/hash_value.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/stream.h"
#include "src/data/zset_value.h"

namespace pollux {
namespace {

// --- what there is, as text ---

std::string text_of(StreamId id) {
  char text[kStreamIdTextMax];
  return {text, format_stream_id(id, text)};
}
std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

std::string stream_text(const Stream& stream) {
  std::string text = "last " + text_of(stream.last_id()) + " deleted " +
                     text_of(stream.max_deleted_id()) + " added " +
                     std::to_string(stream.entries_added()) + ":";
  stream.walk(kStreamIdMin, kStreamIdMax, [&](const StreamEntry& entry) {
    text += " " + text_of(entry.id) + "(";
    entry.for_each([&](const PackedValue& name, const PackedValue& value) {
      text += text_of(name) + "=" + text_of(value) + " ";
    });
    text += ")";
    return true;
  });
  for (auto at = stream.groups().first(); !at.at_end(); at.next()) {
    const StreamGroup& group = *at.value();
    text += "\n  group " + std::string(group.name()) + " at " + text_of(group.last_id()) +
            " read " + std::to_string(group.entries_read) + " consumers";
    for (auto who = group.consumers().first(); !who.at_end(); who.next()) {
      text += " " + std::string(who.key());
    }
    for (auto what = group.pending().first(); !what.at_end(); what.next()) {
      text += "\n    " + text_of(what.key()) + " " + std::string(what.value().consumer()->name()) +
              " " + std::to_string(what.value().delivered_ms()) + " " +
              std::to_string(what.value().deliveries());
    }
  }
  return text;
}

std::string value_text(const Entry& entry) {
  std::string text;
  std::set<std::string> sorted;  // of what has no order
  switch (entry.type()) {
    case ValueType::kString: {
      char scratch[kInt64TextMax];
      return std::string(entry.string(scratch));
    }
    case ValueType::kList:
      ListView(entry).walk(0, ListEnd::kBack, [&](const PackedValue& value) {
        text += text_of(value) + " ";
        return true;
      });
      return text;
    case ValueType::kSet:
      SetView(&entry).for_each([&](const PackedValue& member) {
        sorted.insert(text_of(member));
        return true;
      });
      break;
    case ValueType::kZset: {
      const ZsetView zset(&entry);
      zset.visit({0, zset.size()}, false, [&](std::string_view member, double score) {
        text += std::string(member) + "=" + std::string(NumberText(score)) + " ";
      });
      return text;
    }
    case ValueType::kHash: {
      const HashView hash(&entry);
      hash.for_each([&](const HashView::Pair& pair) {
        const std::string field = text_of(pair.field);
        sorted.insert(field + "=" + text_of(pair.value) + "@" +
                      std::to_string(*hash.expiry_ms(field)));
      });
      break;
    }
    case ValueType::kStream:
      return stream_text(Stream::of(entry));
    default:
      return "?";
  }
  for (const std::string& one : sorted) {
    text += one + " ";
  }
  return text;
}

constexpr int kDatabases = 3;
using Picture = std::map<std::string, std::string>;

// Of each key, also what is over and still there.
Picture picture(TestStore& store, int shards) {
  Picture all;
  for (int db = 0; db < kDatabases; ++db) {
    for (int i = 0; i < shards; ++i) {
      store.shard(i).for_each(db, Instant{0}, [&](const Entry& entry) {
        all[std::to_string(db) + ":" + std::string(entry.key())] =
            std::string(type_name(entry.type())) + " until " + std::to_string(entry.expiry_ms()) +
            ": " + value_text(entry);
      });
    }
  }
  return all;
}

// --- commands at random ---

// '$' and a letter stand for what Words::word chooses.
constexpr std::string_view kTemplates[] = {
    // strings
    "SET $s $v", "SET $s $v EX $E", "SET $s $v PX $M GET", "SET $s $v PXAT $A XX",
    "SET $s $v EXAT $B NX", "SET $s $v KEEPTTL", "SET $s $v XX GET", "SET $s $v IFEQ $v",
    "SET $s $v IFNE $v PX $M", "SETEX $s $E $v", "PSETEX $s $M $v", "SETNX $s $v", "GETSET $s $v",
    "GETDEL $s", "GETEX $s", "GETEX $s PX $M", "GETEX $s PERSIST", "GETEX $s PXAT $A",
    "MSET $s $v $s $v", "MSETNX $s $v $s $v", "MSETEX 2 $s $v $s $v PX $M",
    "MSETEX 2 $s $v $s $v PXAT $A", "MSETEX 2 $s $v $s $v KEEPTTL", "MSETEX 2 $s $v $s $v NX",
    "DELEX $s IFEQ $v", "DELEX $s", "DELIFEQ $s $v", "APPEND $s $v", "SETRANGE $s $c $v", "INCR $s",
    "DECR $s", "INCRBY $s $i", "DECRBY $s $i", "INCRBYFLOAT $s $f", "INCREX $s BYINT $i PX $M",
    "INCREX $s BYFLOAT $f", "INCREX $s ENX EX $E UBOUND 5 SATURATE", "INCREX $s PERSIST",
    "INCREX $s PXAT $A", "SETBIT $s $c 1", "BITFIELD $s INCRBY u4 0 $c",
    "BITFIELD $s OVERFLOW FAIL INCRBY u2 #1 $c", "BITOP XOR $s $s $s", "PFADD $p $m $m",
    "PFMERGE $p $p $p", "PFCOUNT $p", "PFDEBUG TODENSE $p",
    // keys
    "DEL $k $k", "UNLINK $k", "RENAME $k $k", "RENAMENX $k $k", "COPY $k $k REPLACE", "COPY $k $k",
    "COPY $k $k DB 1", "MOVE $k 1", "EXPIRE $k $E", "EXPIRE $k $E GT", "PEXPIRE $k $M",
    "PEXPIRE $k $M LT", "PEXPIRE $k $M NX", "EXPIREAT $k $B", "PEXPIREAT $k $A XX", "PERSIST $k",
    "SWAPDB 0 1", "FLUSHDB", "FLUSHALL", "GET $k", "HGETALL $h", "EXISTS $k $k",
    // lists
    "LPUSH $l $v $v $v", "RPUSH $l $v $v $v", "LPUSHX $l $v", "RPUSHX $l $v", "LPOP $l",
    "RPOP $l $c", "LREM $l 1 $v", "LSET $l $c $v", "LTRIM $l $c -2", "LINSERT $l BEFORE $v $v",
    "LMOVE $l $l $W $W", "RPOPLPUSH $l $l", "LMPOP 2 $l $l $W COUNT 2", "BLPOP $l $l 0.05",
    "BRPOP $l $l 0.05", "BLMOVE $l $l $W $W 0.05", "BRPOPLPUSH $l $l 0.05",
    "BLMPOP 0.05 2 $l $l $W COUNT 2", "LMOVEM $l $l $W $W COUNT 3 OBO",
    "LMOVEM $l $l $W $W COUNT 2 BULK", "LMOVEM $l $l $W $W EXACTLY 2 BULK",
    "BLMOVEM $l $l $W $W 0.05 EXACTLY 3 OBO",
    // sets
    "SADD $t $m $m $m", "SADD $t $i $i", "SREM $t $m $m", "SPOP $t", "SPOP $t $c", "SMOVE $t $t $m",
    "SUNIONSTORE $t $t $t", "SINTERSTORE $t $t $t", "SDIFFSTORE $t $t $t",
    // sorted sets
    "ZADD $z $f $m $f $m $f $m", "ZADD $z GT CH $f $m", "ZADD $z INCR $f $m", "ZADD $z NX $f $m",
    "ZINCRBY $z $f $m", "ZREM $z $m $m", "ZPOPMIN $z", "ZPOPMAX $z $c", "ZMPOP 2 $z $z MIN COUNT 2",
    "BZPOPMIN $z $z 0.05", "BZPOPMAX $z $z 0.05", "BZMPOP 0.05 2 $z $z MAX COUNT 2",
    "ZRANGESTORE $z $z 0 $c", "ZUNIONSTORE $z 2 $z $z WEIGHTS 2 $f", "ZINTERSTORE $z 2 $z $t",
    "ZDIFFSTORE $z 2 $z $z", "ZREMRANGEBYRANK $z 0 0", "ZREMRANGEBYSCORE $z $f $f",
    "ZREMRANGEBYLEX $z [a [b", "GEOADD $g 10 30 a 20 40 b 5 37 c 15 50 d 25 35 e 14 36 f",
    "ZRANGESTORE $z $z [b + BYLEX LIMIT 0 2", "GEOADD $g $c $c $m 15 37 $m 15 37 $m",
    "GEOSEARCHSTORE $g $g FROMLONLAT 15 37 BYRADIUS 3000 km COUNT 2 ANY",
    "GEOSEARCHSTORE $z $g FROMLONLAT 15 37 BYRADIUS 3000 km COUNT 3 STOREDIST",
    "GEORADIUS $g 3 3 900 km STORE $g", "GEORADIUSBYMEMBER $g $m 900 km COUNT 2 STOREDIST $z",
    // SORT
    "SORT $t ALPHA STORE $l", "SORT $t BY nosort STORE $l", "SORT $l ALPHA DESC STORE $l",
    "SORT $z BY nosort DESC STORE $l", "SORT $t ALPHA BY s* STORE $l LIMIT 0 2",
    "SORT $l ALPHA BY h*->$F GET # GET h*->$F STORE $l",
    // hashes
    "HSET $h $F $v $F $v $F $v", "HMSET $h $F $v", "HSETNX $h $F $v", "HDEL $h $F $F",
    "HINCRBY $h $F $i", "HINCRBYFLOAT $h $F $f", "HEXPIRE $h $E FIELDS 2 $F $F",
    "HPEXPIRE $h $M FIELDS 2 $F $F", "HPEXPIRE $h $M GT FIELDS 1 $F", "HEXPIREAT $h $B FIELDS 1 $F",
    "HPEXPIREAT $h $A NX FIELDS 2 $F $F", "HPERSIST $h FIELDS 1 $F",
    "HGETEX $h PX $M FIELDS 2 $F $F", "HGETEX $h PERSIST FIELDS 2 $F $F",
    "HGETEX $h PXAT $A FIELDS 1 $F", "HGETDEL $h FIELDS 2 $F $F",
    "HSETEX $h PX $M FIELDS 2 $F $v $F $v", "HSETEX $h KEEPTTL FIELDS 2 $F $v $F $v",
    "HSETEX $h FNX PXAT $A FIELDS 1 $F $v", "HSETEX $h FXX FIELDS 1 $F $v", "HLEN $h",
    "HRANDFIELD $h",
    // streams
    "XADD $x * $F $v", "XADD $x * $F $v $F $v", "XADD $x 5-* $F $v", "XADD $x MAXLEN 5 * $F $v",
    "XADD $x MAXLEN ~ 5 * $F $v", "XADD $x MINID ~ $j * $F $v", "XADD $x NOMKSTREAM * $F $v",
    "XADD $x DELREF MAXLEN ~ 5 * $F $v", "XADD $x ACKED MAXLEN = 5 * $F $v",
    "XADD $x ACKED MAXLEN ~ 5 LIMIT 4 * $F $v", "XTRIM $x MAXLEN ~ 3", "XTRIM $x MINID $j",
    "XTRIM $x MAXLEN ~ 1 LIMIT 3", "XTRIM $x MINID ~ $j DELREF", "XTRIM $x MAXLEN 2 DELREF",
    "XTRIM $x MAXLEN 2 ACKED", "XTRIM $x MAXLEN ~ 1 ACKED", "XDEL $x $j $j",
    "XDELEX $x IDS 2 $j $j", "XDELEX $x DELREF IDS 2 $j $j", "XDELEX $x ACKED IDS 2 $j $j",
    "XACKDEL $x $G IDS 2 $j $j", "XACKDEL $x $G DELREF IDS 1 $j", "XACKDEL $x $G ACKED IDS 1 $j",
    "XSETID $x $j", "XSETID $x 1999999999999-0 ENTRIESADDED 50 MAXDELETEDID $j",
    "XGROUP CREATE $x $G $ MKSTREAM", "XGROUP CREATE $x $G 0",
    "XGROUP CREATE $x $G $j ENTRIESREAD 3", "XGROUP SETID $x $G $j", "XGROUP SETID $x $G $",
    "XGROUP DESTROY $x $G", "XGROUP CREATECONSUMER $x $G $C", "XGROUP DELCONSUMER $x $G $C",
    "XACK $x $G $j $j", "XREADGROUP GROUP $G $C COUNT 2 STREAMS $x >",
    "XREADGROUP GROUP $G $C STREAMS $x $x > >", "XREADGROUP GROUP $G $C NOACK COUNT 1 STREAMS $x >",
    "XREADGROUP GROUP $G $C STREAMS $x 0", "XREADGROUP GROUP $G $C BLOCK 50 STREAMS $x $x > >",
    "XREADGROUP GROUP $G $C CLAIM 20 COUNT 2 STREAMS $x >",
    "XREADGROUP GROUP $G $C CLAIM 20 BLOCK 50 STREAMS $x >", "XCLAIM $x $G $C 0 $j $j",
    "XCLAIM $x $G $C 10 $j $j IDLE $c RETRYCOUNT $c", "XCLAIM $x $G $C 0 $j FORCE JUSTID",
    "XCLAIM $x $G $C 0 $j TIME 1000 FORCE LASTID $j", "XAUTOCLAIM $x $G $C 5 0 COUNT 3",
    "XAUTOCLAIM $x $G $C 0 $j JUSTID",
};

class Words {
 public:
  Words(uint64_t seed, const TestStore& store) : rng_(seed), store_(store) {}

  std::vector<std::string> command() {
    std::vector<std::string> words;
    std::string_view rest = kTemplates[rng_.below(std::size(kTemplates))];
    if ((rest.starts_with("FLUSH") || rest.starts_with("SWAPDB")) && rng_.below(4) != 0) {
      rest = "INCR $s";
    }
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      words.push_back(word(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return words;
  }
  // An id that was answered.
  void note_id(const std::string& id) { ids_.push_back(id); }
  uint64_t below(uint64_t n) { return rng_.below(n); }

 private:
  std::string number(uint64_t n) { return std::to_string(rng_.below(n)); }

  std::string word(std::string_view pattern) {
    const size_t at = pattern.find('$');
    if (at == std::string_view::npos || at + 1 == pattern.size()) {
      return std::string(pattern);
    }
    return std::string(pattern.substr(0, at)) + choose(pattern[at + 1]);
  }

  std::string choose(char what) {
    constexpr std::string_view kKeys = "spltzghx";
    const auto now_ms = static_cast<uint64_t>(store_.now_ms());
    switch (what) {
      case 'k':
        return std::string(1, kKeys[rng_.below(kKeys.size())]) + number(3);
      case 'v':
        return rng_.below(8) == 0 ? std::string(70, 'y') + number(3) : number(6);
      case 'i':
        return std::to_string(static_cast<int64_t>(rng_.below(20)) - 10);
      case 'f':
        return std::to_string(static_cast<int64_t>(rng_.below(20)) - 5) + ".25";
      case 'E':
        return number(2);
      case 'M':
        return std::to_string(static_cast<int64_t>(rng_.below(150)) - 5);
      case 'A':
        return std::to_string(now_ms - 20 + rng_.below(150));
      case 'B':
        return std::to_string(now_ms / 1000 + rng_.below(2));
      case 'c':
        return number(6);
      case 'm':
      case 'F':
        return std::string(1, static_cast<char>('a' + rng_.below(6)));
      case 'W':
        return rng_.below(2) == 0 ? "LEFT" : "RIGHT";
      case 'j':
        return ids_.empty() ? "1-1" : ids_[ids_.size() - 1 - rng_.below(std::min<size_t>(
                                                                 ids_.size(), 12))];
      case 'G':
      case 'C':
        return std::string(1, what) + number(2);
      default:
        return std::string(1, what) + (rng_.below(30) == 0 ? "" : number(3));
    }
  }

  Rng rng_;
  const TestStore& store_;
  std::vector<std::string> ids_;
};

// --- the test ---

void set_small_limits(EncodingLimits& limits) {
  limits.hash_listpack_entries = 3;
  limits.zset_listpack_entries = 3;
  limits.stream_node_entries = 3;
}

// Many fields that end at once: more than an access removes.
void fill_hash(TestStore& store, Words& words) {
  std::vector<std::string> all = {"HSETEX", "h" + std::to_string(words.below(3)), "PX",
                                  std::to_string(1 + words.below(20)), "FIELDS", "300"};
  for (int i = 0; i < 300; ++i) {
    all.push_back(i < 6 ? std::string(1, static_cast<char>('a' + i)) : std::to_string(i));
    all.push_back(std::to_string(i));
  }
  store.run_args({all.begin(), all.end()});
}

void restore_some(TestStore& store, Words& words) {
  const std::vector<std::string> from = words.command();
  std::string dumped = store.run("DUMP " + from[std::min<size_t>(1, from.size() - 1)]);
  if (dumped[0] != '$' || dumped.starts_with("$-1")) {
    return;
  }
  dumped = dumped.substr(dumped.find('\n') + 1);
  dumped.resize(dumped.size() - 2);
  const std::string ttl = std::to_string(words.below(50));
  std::vector<std::string_view> args = {"RESTORE", "h0", ttl, dumped, "REPLACE"};
  if (words.below(3) == 0) {
    args.push_back("ABSTTL");
  }
  store.run_args(args);
}

void run_some(TestStore& store, Words& words, int commands) {
  for (int i = 0; i < commands; ++i) {
    if (words.below(3) == 0) {
      store.advance_ms(static_cast<int64_t>(words.below(30)));
    }
    if (words.below(10) == 0) {
      store.tick();
    }
    if (words.below(60) == 0) {
      store.select(static_cast<int>(words.below(2)));
    }
    if (words.below(80) == 0) {
      fill_hash(store, words);
    }
    if (words.below(40) == 0) {
      restore_some(store, words);
    }
    const std::vector<std::string> args = words.command();
    const std::string reply = store.run_args({args.begin(), args.end()});
    if (args[0] == "XADD" && reply[0] == '$' && reply[1] != '-') {
      words.note_id(reply.substr(reply.find('\n') + 1, reply.rfind('\r') - reply.find('\n') - 1));
    }
  }
  store.tick();
}

// What is not the same, or nothing.
std::string difference(const Picture& there, const Picture& here) {
  std::set<std::string> keys;
  for (const Picture* one : {&there, &here}) {
    for (const auto& [key, text] : *one) {
      keys.insert(key);
    }
  }
  std::string text;
  for (const std::string& key : keys) {
    const auto a = there.find(key);
    const auto b = here.find(key);
    const std::string was = a == there.end() ? "none" : a->second;
    const std::string is = b == here.end() ? "none" : b->second;
    if (was != is) {
      text.append(key).append(" was ").append(was).append("\nand is ").append(is).append("\n");
    }
  }
  return text;
}

// What comes out another way, with all that is to be known about it; nothing if all is the same.
// Of the command `forgetful`, the words are run again, whatever it says.
std::string play(uint64_t seed, int shards, std::string_view forgetful = {}) {
  TestStore store(shards);
  store.keep_history(forgetful);
  set_small_limits(store.config().encoding);
  TestStore replica(shards);
  replica.advance_ms(1'000'000'000);
  Words words(seed, store);
  // Some commands at a time, so that what is different is not far from its cause.
  for (int i = 0; i < 40; ++i) {
    const Picture before = picture(store, shards);
    run_some(store, words, static_cast<int>(1 + words.below(60)));
    const std::string history = store.take_history();
    std::string wrong = replica.replay(history);
    if (wrong.empty()) {
      wrong = difference(picture(store, shards), picture(replica, shards));
    }
    if (!wrong.empty()) {
      wrong += "seed " + std::to_string(seed) + ", " + std::to_string(shards) + " shards; from\n";
      for (const auto& [key, text] : before) {
        wrong += key + " " + text.substr(0, 1000) + "\n";
      }
      return wrong + "by\n" + history_lines(history);
    }
  }
  return {};
}

constexpr uint64_t kSeeds = 60;

TEST(EffectsReplay, GivesTheSameData) {
  const Seeds seeds = seeds_to_run(kSeeds);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count && !HasFailure(); ++seed) {
    EXPECT_EQ(play(seed, seed % 4 == 0 ? 3 : 1), "");
  }
}

// That it would be found if a command forgot to say what it has done.
TEST(EffectsReplay, FindsWhatIsForgotten) {
  // (What others say is what their words do, in words that redis-server knows, or that don't wait.)
  for (const std::string_view command :
       {"set", "setex", "psetex", "getex", "msetex", "increx", "expire", "pexpire", "spop",
        "restore", "zremrangebylex", "xadd", "xtrim", "xreadgroup", "xclaim", "xautoclaim",
        "hexpire", "hpexpire", "hgetex", "hsetex"}) {
    bool found = false;
    for (uint64_t seed = 1; seed <= kSeeds && !found; ++seed) {
      found = !play(seed, 1, command).empty();
    }
    EXPECT_TRUE(found) << command;
  }
}

TEST(EffectsReplay, HasEveryCommandThatWrites) {
  TestStore store;
  std::set<std::string> tried = {"restore", "restore-asking"};  // by restore_some; is RESTORE
  for (const std::string_view one : kTemplates) {
    std::string name(one.substr(0, one.find(' ')));
    if (const CommandRow* row = store.table().find(name); !row->subcommands.empty()) {
      const std::string_view rest = one.substr(name.size() + 1);
      name = rest.substr(0, rest.find(' '));
    }
    std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    tried.insert(name);
  }
  for (const CommandRow* row : store.table().rows()) {
    if ((row->flags & kWrite) != 0) {
      EXPECT_EQ(tried.count(std::string(row->name)), 1U) << row->name;
    }
  }
}

}  // namespace
}  // namespace pollux
