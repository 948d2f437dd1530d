#include "src/data/key_event.h"

#include <cstddef>
#include <iterator>

#include "src/base/assert.h"

namespace pollux {

namespace {

// In the order of KeyEvent.
constexpr KeyEventRow kRows[] = {
    {"set", '$'},         {"setrange", '$'},  {"append", '$'},  {"incrby", '$'},
    {"incrbyfloat", '$'}, {"setbit", '$'},    {"del", 'g'},     {"expire", 'g'},
    {"persist", 'g'},     {"expired", 'x'},   {"evicted", 'e'}, {"rename_from", 'g'},
    {"rename_to", 'g'},   {"move_from", 'g'}, {"move_to", 'g'}, {"copy_to", 'g'},
    {"restore", 'g'},
    {"lpush", 'l'}, {"rpush", 'l'}, {"lpop", 'l'}, {"rpop", 'l'}, {"linsert", 'l'}, {"lset", 'l'},
    {"lrem", 'l'}, {"ltrim", 'l'}, {"sortstore", 'l'}, {"sadd", 's'}, {"srem", 's'}, {"spop", 's'},
    {"sinterstore", 's'}, {"sunionstore", 's'}, {"sdiffstore", 's'}, {"hset", 'h'}, {"hdel", 'h'},
    {"hincrby", 'h'}, {"hincrbyfloat", 'h'}, {"hexpire", 'h'}, {"hexpired", 'h'},
    {"hpersist", 'h'}, {"zadd", 'z'}, {"zincr", 'z'}, {"zrem", 'z'}, {"zremrangebyscore", 'z'},
    {"zremrangebyrank", 'z'}, {"zremrangebylex", 'z'}, {"zrangestore", 'z'}, {"zunionstore", 'z'},
    {"zinterstore", 'z'}, {"zdiffstore", 'z'}, {"zpopmin", 'z'}, {"zpopmax", 'z'},
    {"geosearchstore", 'z'}, {"georadiusstore", 'z'}, {"xadd", 't'}, {"xdel", 't'},
    {"xtrim", 't'}, {"xsetid", 't', false},
    {"xgroup-create", 't', false}, {"xgroup-setid", 't', false}, {"xgroup-destroy", 't', false},
    {"xgroup-createconsumer", 't', false}, {"xgroup-delconsumer", 't', false}, {"", ' ', false},
    {"pfadd", '$'},
    {"", ' '},            {"", ' ', false}, {"new", 'n'},     {"keymiss", 'm'},
};
static_assert(std::size(kRows) == static_cast<size_t>(KeyEvent::kCount));

}  // namespace

const KeyEventRow& key_event_row(KeyEvent event) {
  POLLUX_ASSERT(event < KeyEvent::kCount);
  return kRows[static_cast<size_t>(event)];
}

}  // namespace pollux
