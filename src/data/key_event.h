// What happened to a key, by the names and classes of Redis' keyspace notifications. Every change
// names its event when it is made (Edit::notify), so that no command can forget one.
#pragma once

#include <cstdint>
#include <string_view>

namespace pollux {

enum class KeyEvent : uint8_t {
  kSet,
  kSetRange,
  kAppend,
  kIncrBy,
  kIncrByFloat,
  kSetBit,
  kDel,
  kExpire,
  kPersist,
  kExpired,
  kEvicted,
  kRenameFrom,
  kRenameTo,
  kMoveFrom,
  kMoveTo,
  kCopyTo,
  kRestore,
  kLPush,
  kRPush,
  kLPop,
  kRPop,
  kLInsert,
  kLSet,
  kLRem,
  kLTrim,
  kSortStore,
  kSAdd,
  kSRem,
  kSPop,
  kSInterStore,
  kSUnionStore,
  kSDiffStore,
  kHSet,
  kHDel,
  kHIncrBy,
  kHIncrByFloat,
  kHExpire,
  kHExpired,
  kHPersist,
  kZAdd,
  kZIncr,
  kZRem,
  kZRemRangeByScore,
  kZRemRangeByRank,
  kZRemRangeByLex,
  kZRangeStore,
  kZUnionStore,
  kZInterStore,
  kZDiffStore,
  kZPopMin,
  kZPopMax,
  kGeoSearchStore,
  kGeoRadiusStore,
  kXAdd,
  kXDel,
  kXTrim,
  kXSetId,
  kXGroupCreate,
  kXGroupSetId,
  kXGroupDestroy,
  kXGroupCreateConsumer,
  kXGroupDelConsumer,
  kXGroupUse,  // what a group has read or knows as pending; Redis tells nobody
  kPfAdd,
  kUnnamed,  // a change that Redis has no event for
  kUntold,   // one that WATCH and tracking don't see either: another form of the same value, ...
  // Not changes of their own (ChangeObserver::added, missed).
  kNew,
  kKeyMiss,
  kCount,
};

struct KeyEventRow {
  std::string_view name;  // "set"
  char event_class;       // '$' string, 'g' generic, 'x' expired, 'e' evicted, ...
  // Whether WATCH and tracking of clients see it. What groups of a stream do, and kUntold, they do
  // not.
  bool touches = true;
};

const KeyEventRow& key_event_row(KeyEvent event);

}  // namespace pollux
