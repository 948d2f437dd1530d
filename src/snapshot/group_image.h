// A consumer group as it was at the cut, while it changes and is written in slices
// (stream_walk.h). Belongs to the holder of the shard.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "src/data/stream_group.h"
#include "src/rdb/part_codecs.h"
#include "src/snapshot/tree_image.h"

namespace pollux {

class GroupImage {
 public:
  // The cut. `arena`: for what is noted.
  GroupImage(CountedArena& arena, StreamGroup& group);

  StreamGroup& group() { return group_; }
  bool kept = false;  // it belongs to its stream no more, but to the walk

  // As ValueWalk.
  bool write_some(RdbWriter& out, uint64_t until);
  // Frees what is noted, until the time is over (false).
  bool clear(uint64_t until);

  // As StreamReader.
  void before_pending(StreamId id, const StreamPending* was);
  void before_consumer(std::string_view name, const StreamConsumer* was);
  void before_id(const StreamConsumer& consumer, StreamId id, bool was_there);
  void consumer_goes(const StreamConsumer& consumer);

 private:
  struct PendingWas {
    int64_t delivered_ms;
    uint64_t deliveries;
  };
  struct Consumer {
    Consumer(CountedArena& arena, const StreamConsumer& consumer)
        : live(&consumer), seen_ms(consumer.seen_ms()), ids(arena, consumer.pending()) {}
    const StreamConsumer* live;  // null: it is gone
    const int64_t seen_ms;
    TreeImage<StreamId, Nothing, Nothing> ids;
    bool begun = false;
  };
  using Consumers = std::map<std::string, std::unique_ptr<Consumer>, std::less<>>;

  bool write_consumer(std::string_view name, Consumer& consumer, RdbWriter& out, uint64_t until);
  Consumers::iterator next_consumer();
  Consumer* changed(std::string_view name, const StreamConsumer* was);

  CountedArena& arena_;
  StreamGroup& group_;
  const RdbGroupFacts facts_;
  bool begun_ = false;
  TreeImage<StreamId, StreamPending, PendingWas> pending_;
  bool pending_written_ = false;
  Consumers consumers_;     // that have changed, or are being written; null: were not there
  std::string here_;        // the name of the last one that was written
  uint64_t written_ = 0;    // how many these are
};

}  // namespace pollux
