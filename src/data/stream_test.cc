// Streams and their groups against maps, by seed, at several sizes of blocks; then what is promised
// of memory: the account, copies, freeing in slices.
#include "src/data/stream.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/base/sanitized.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

using Fields = std::vector<std::string>;
struct ModelPending {
  std::string consumer;
  int64_t delivered_ms;
  uint64_t deliveries;
};
struct ModelGroup {
  StreamId last_id;
  std::set<std::string> consumers;
  std::map<StreamId, ModelPending> pending;
};
struct Model {
  std::map<StreamId, Fields> entries;
  std::map<std::string, ModelGroup> groups;
};

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

Fields fields_of(const StreamEntry& entry) {
  Fields fields;
  entry.for_each([&](const PackedValue& name, const PackedValue& value) {
    fields.push_back(text_of(name));
    fields.push_back(text_of(value));
  });
  return fields;
}

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    keys_.bind(ShardId{0}, 0, now_);
    make(key_);
  }
  ~StreamTest() override {
    remove(key_);
    tick_to_the_end();
    EXPECT_EQ(store_.used_bytes(), 0);
  }

  void make(const Key& key) {
    Edit edit(keys_, key);
    edit.set_collection(ValueType::kStream, Encoding::kStream, edit.memory().make<Stream>());
    edit.keep_quiet();
  }
  void remove(const Key& key) {
    Edit edit(keys_, key);
    edit.remove();
    edit.keep_quiet();
  }
  void tick_to_the_end() {
    while (store_.tick(now_, 1000)) {
    }
  }
  const Stream& at(const Key& key) { return Stream::of(*keys_.peek(key)); }
  const Stream& stream() { return at(key_); }
  // Valid until the next look-up of another key; the test does none in between.
  Stream& writable() {
    Edit edit(keys_, key_);
    edit.keep_quiet();
    auto& stream = static_cast<Stream&>(*edit.collection());
    edit.keep_quiet();
    return stream;
  }
  void append(StreamId id, const Fields& fields) {
    const std::vector<std::string_view> views(fields.begin(), fields.end());
    writable().append(id, views, limits_);
  }
  void append_some(uint64_t from, uint64_t count) {
    for (uint64_t n = from; n < from + count; ++n) {
      append({n, 0}, {"field", std::to_string(n)});
    }
  }
  static std::map<StreamId, Fields> content(const Stream& stream) {
    std::map<StreamId, Fields> all;
    stream.walk(kStreamIdMin, kStreamIdMax, [&](const StreamEntry& entry) {
      EXPECT_TRUE(all.emplace(entry.id, fields_of(entry)).second);
      return true;
    });
    return all;
  }
  static void expect_same(const Stream& stream, const Model& model);
  void expect_ranges(const Model& model, Rng& rng, uint64_t ids);

  EncodingLimits limits_;
  Instant now_{1'000'000'000};
  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  const Key key_ = Key::of("stream");
};

void expect_same_group(const StreamGroup& group, const ModelGroup& model) {
  EXPECT_EQ(group.last_id(), model.last_id);
  std::set<std::string> consumers;
  size_t with_consumers = 0;
  for (auto at = group.consumers().first(); !at.at_end(); at.next()) {
    EXPECT_EQ(at.key(), at.value()->name());
    consumers.emplace(at.key());
    for (auto id = at.value()->pending().first(); !id.at_end(); id.next()) {
      const auto known = model.pending.find(id.key());
      ASSERT_NE(known, model.pending.end());
      EXPECT_EQ(known->second.consumer, at.key());
      ++with_consumers;
    }
  }
  EXPECT_EQ(consumers, model.consumers);
  EXPECT_EQ(with_consumers, model.pending.size());
  ASSERT_EQ(group.pending().size(), model.pending.size());
  auto at = group.pending().first();
  for (const auto& [id, pending] : model.pending) {
    ASSERT_EQ(at.key(), id);
    EXPECT_EQ(at.value().consumer()->name(), pending.consumer);
    EXPECT_EQ(at.value().delivered_ms(), pending.delivered_ms);
    EXPECT_EQ(at.value().deliveries(), pending.deliveries);
    at.next();
  }
}

void expect_same_order(StreamGroup& group, const ModelGroup& model) {
  std::set<std::pair<int64_t, StreamId>> order;
  for (const auto& [id, pending] : model.pending) {
    order.emplace(pending.delivered_ms, id);
  }
  StreamGroup::ByTime at = group.by_time();
  for (const auto& [delivered_ms, id] : order) {
    ASSERT_FALSE(at.at_end());
    ASSERT_EQ(at.key(), (StreamPendingTime{delivered_ms, id}));
    at.next();
  }
  ASSERT_TRUE(at.at_end());
}

void StreamTest::expect_same(const Stream& stream, const Model& model) {
  EXPECT_EQ(stream.length(), model.entries.size());
  EXPECT_EQ(content(stream), model.entries);
  EXPECT_EQ(stream.first_id(),
            model.entries.empty() ? kStreamIdMin : model.entries.begin()->first);
  if (!model.entries.empty()) {
    EXPECT_EQ(stream.last_entry_id(), model.entries.rbegin()->first);
  }
  ASSERT_EQ(stream.groups().size(), model.groups.size());
  for (const auto& [name, group] : model.groups) {
    ASSERT_NE(stream.group(name), nullptr);
    expect_same_group(*stream.group(name), group);
  }
}

void StreamTest::expect_ranges(const Model& model, Rng& rng, uint64_t ids) {
  for (int i = 0; i < 20; ++i) {
    const StreamId from{rng.below(ids), rng.below(3)};
    const StreamId to{from.ms + rng.below(40), rng.below(3)};
    std::vector<StreamId> forward;
    std::vector<StreamId> backward;
    stream().walk(from, to, [&](const StreamEntry& entry) {
      forward.push_back(entry.id);
      return true;
    });
    stream().walk_back(from, to, [&](const StreamEntry& entry) {
      backward.insert(backward.begin(), entry.id);
      return true;
    });
    std::vector<StreamId> expected;
    for (auto it = model.entries.lower_bound(from); it != model.entries.end() && it->first <= to;
         ++it) {
      expected.push_back(it->first);
    }
    ASSERT_EQ(forward, expected);
    ASSERT_EQ(backward, expected);
    ASSERT_EQ(stream().count(from, to, UINT64_MAX), expected.size());
    ASSERT_EQ(stream().count(from, to, 5), std::min<size_t>(expected.size(), 5));
    ASSERT_EQ(stream().contains(from), model.entries.count(from) == 1);
  }
}

Fields random_fields(Rng& rng) {
  Fields fields;
  const uint64_t shape = rng.below(4);
  for (uint64_t i = 0; i < 1 + shape % 3; ++i) {
    fields.push_back(shape == 3 ? std::to_string(rng.below(10)) : "f" + std::to_string(i));
    fields.push_back(rng.below(3) == 0 ? std::to_string(rng.next())
                                       : std::string(rng.below(rng.below(8) == 0 ? 300 : 20), 'v'));
  }
  return fields;
}

// Removes what the trim may remove, one after the other.
uint64_t trim_model(Model& model, const StreamTrim& how) {
  uint64_t removed = 0;
  for (auto it = model.entries.begin(); it != model.entries.end();) {
    if (how.by == StreamTrim::By::kLength ? model.entries.size() <= how.length
                                          : it->first >= how.min_id) {
      break;
    }
    bool needed = false;
    for (auto& [name, group] : model.groups) {
      needed = needed || it->first > group.last_id || group.pending.count(it->first) > 0;
      if (how.refs == StreamRefs::kDelete) {
        group.pending.erase(it->first);
      }
    }
    if (how.refs == StreamRefs::kAcked && needed) {
      ++it;
      continue;
    }
    it = model.entries.erase(it);
    ++removed;
  }
  return removed;
}

struct BlockSize {
  int64_t bytes;
  int64_t entries;
};
class StreamModelTest : public StreamTest, public testing::WithParamInterface<BlockSize> {};

TEST_P(StreamModelTest, EntriesAndTrims) {
  limits_.stream_node_bytes = GetParam().bytes;
  limits_.stream_node_entries = GetParam().entries;
  Rng rng(7);
  Model model;
  StreamId last;
  for (int i = 0; i < 6000; ++i) {
    const uint64_t what = rng.below(100);
    if (what < 70) {
      last = rng.below(2) == 0 ? StreamId{last.ms, last.seq + 1} : StreamId{last.ms + 1, 0};
      const Fields fields = random_fields(rng);
      append(last, fields);
      model.entries[last] = fields;
    } else if (what < 97) {
      const StreamId id{rng.below(last.ms + 2), rng.below(3)};
      ASSERT_EQ(writable().erase(id), model.entries.erase(id) == 1);
    } else {
      StreamTrim how;
      how.by = rng.below(2) == 0 ? StreamTrim::By::kLength : StreamTrim::By::kMinId;
      how.length = model.entries.size() - rng.below(std::min<size_t>(model.entries.size(), 90) + 1);
      how.min_id = model.entries.empty() ? last : model.entries.begin()->first;
      how.min_id.ms += rng.below(40);
      ASSERT_EQ(writable().trim(how), trim_model(model, how));
    }
    if (i % 97 == 0) {
      expect_same(stream(), model);
      expect_ranges(model, rng, last.ms + 3);
    }
    ASSERT_EQ(stream().last_id(), last);
  }
  expect_same(stream(), model);
}

TEST_P(StreamModelTest, GroupsAndReferences) {
  limits_.stream_node_bytes = GetParam().bytes;
  limits_.stream_node_entries = GetParam().entries;
  Rng rng(11);
  Model model;
  StreamId last;
  const auto random_group = [&](auto visit) {
    const std::string name = "g" + std::to_string(rng.below(3));
    if (StreamGroup* group = writable().group(name)) {
      visit(*group, model.groups[name]);
    } else {
      writable().add_group(name, kStreamIdMin, 0);
      model.groups[name] = {};
    }
  };
  const auto random_consumer = [&](StreamGroup& group, ModelGroup& known) -> StreamConsumer& {
    const std::string name = "c" + std::to_string(rng.below(4));
    StreamConsumer* found = group.consumer(name);
    known.consumers.insert(name);
    return found != nullptr ? *found : group.add_consumer(name, 5);
  };
  for (int i = 0; i < 8000; ++i) {
    const StreamId some{rng.below(last.ms + 1), 0};
    switch (rng.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        last.ms += 1;
        append(last, {"f", std::to_string(i)});
        model.entries[last] = {"f", std::to_string(i)};
        break;
      case 5:
      case 6:
      case 7:
        random_group([&](StreamGroup& group, ModelGroup& known) {
          StreamConsumer& consumer = random_consumer(group, known);
          const StreamId before = group.last_id();
          auto next = model.entries.upper_bound(before);
          uint64_t wanted = 1 + rng.below(4);
          stream().walk_on(before, group.place, [&](const StreamEntry& entry) {
            EXPECT_EQ(entry.id, next->first);
            ++next;
            group.read_on_to(entry.id);
            group.deliver(entry.id, consumer, i);
            known.last_id = entry.id;
            known.pending[entry.id] = {std::string(consumer.name()), i, 1};
            return --wanted > 0;
          });
          EXPECT_TRUE(wanted == 0 || next == model.entries.end());
        });
        break;
      case 8:
      case 9:
        random_group([&](StreamGroup& group, ModelGroup& known) {
          EXPECT_EQ(group.acknowledge(some), known.pending.erase(some) == 1);
        });
        break;
      case 10:
        random_group([&](StreamGroup& group, ModelGroup& known) {
          if (StreamPending* pending = group.find(some)) {
            StreamConsumer& to = random_consumer(group, known);
            const int64_t at_ms = rng.below(3) == 0 ? i - static_cast<int64_t>(rng.below(99)) : i;
            group.hand_over(some, *pending, to, at_ms);
            group.set_deliveries(some, *pending, pending->deliveries() + 1);
            known.pending[some].consumer = to.name();
            known.pending[some].delivered_ms = at_ms;
            ++known.pending[some].deliveries;
          }
        });
        break;
      case 11:
        ASSERT_EQ(writable().erase(some), model.entries.erase(some) == 1);
        break;
      case 12: {
        StreamTrim how;
        how.by = rng.below(2) == 0 ? StreamTrim::By::kLength : StreamTrim::By::kMinId;
        const size_t size = model.entries.size();
        how.length = size - rng.below(std::min<size_t>(size, 9) + 1);
        how.min_id = some;
        how.refs = static_cast<StreamRefs>(rng.below(3));
        if (how.refs == StreamRefs::kDelete) {
          // Those that were deleted before and stay pending go with their block.
          how.refs = StreamRefs::kKeep;
        }
        ASSERT_EQ(writable().trim(how), trim_model(model, how));
        break;
      }
      default:
        if (rng.below(20) == 0) {
          random_group([&](StreamGroup& group, ModelGroup& known) {
            known = {};
            model.groups.erase(std::string(group.name()));
            writable().remove_group(group);
          });
        } else if (rng.below(10) == 0) {
          random_group([&](StreamGroup& group, ModelGroup& known) {
            StreamConsumer& consumer = random_consumer(group, known);
            const std::string name(consumer.name());
            size_t had = 0;
            std::erase_if(known.pending, [&](const auto& pending) {
              had += pending.second.consumer == name ? 1 : 0;
              return pending.second.consumer == name;
            });
            known.consumers.erase(name);
            EXPECT_EQ(group.remove_consumer(consumer), had);
          });
        }
    }
    if (i % 101 == 0) {
      expect_same(stream(), model);
      if (rng.below(5) == 0) {
        random_group([](StreamGroup& group, const ModelGroup& known) {
          expect_same_order(group, known);
        });
      }
    }
  }
  expect_same(stream(), model);
  for (const auto& [name, known] : model.groups) {
    expect_same_order(*writable().group(name), known);
  }
}

INSTANTIATE_TEST_SUITE_P(BlockSizes, StreamModelTest,
                         testing::Values(BlockSize{4096, 100}, BlockSize{4096, 1},
                                         BlockSize{200, 0}, BlockSize{0, 3}, BlockSize{0, 0},
                                         BlockSize{1000, 200}));

TEST_F(StreamTest, BlocksAreAsFullAsThoseOfRedis) {
  append_some(1, 1000);
  EXPECT_EQ(stream().block_count(), 10U);
  stream().for_each_block([](StreamId first, std::string_view listpack) {
    EXPECT_TRUE(BlockView::valid(first, listpack));
  });
  // Cut to size, and little beside them.
  EXPECT_LT(stream().bytes(), 1000U * 14);
}

TEST_F(StreamTest, ApproximateTrimsDropWholeBlocks) {
  append_some(1, 1000);
  StreamTrim how;
  how.by = StreamTrim::By::kLength;
  how.approximate = true;
  how.length = 350;
  how.limit = 250;
  EXPECT_EQ(writable().trim(how), 200U);
  how.limit = 0;
  EXPECT_EQ(writable().trim(how), 400U);
  EXPECT_EQ(stream().length(), 400U);
  EXPECT_EQ(stream().first_id(), (StreamId{601, 0}));
  how.by = StreamTrim::By::kMinId;
  how.min_id = {801, 0};
  EXPECT_EQ(writable().trim(how), 200U);
}

TEST_F(StreamTest, TrimsDeleteReferences) {
  append_some(1, 300);
  StreamGroup& group = writable().add_group("g", kStreamIdMin, 0);
  StreamConsumer& consumer = group.add_consumer("c", 0);
  for (uint64_t n = 1; n <= 300; ++n) {
    group.deliver({n, 0}, consumer, 0);
  }
  StreamTrim how;
  how.by = StreamTrim::By::kMinId;
  how.min_id = {151, 0};
  how.refs = StreamRefs::kDelete;
  EXPECT_EQ(writable().trim(how), 150U);
  EXPECT_EQ(group.pending().size(), 150U);
  EXPECT_EQ(consumer.pending().first().key(), (StreamId{151, 0}));
  // By whole blocks, those that somebody needs stay.
  group.set_last_id({300, 0});
  how.by = StreamTrim::By::kLength;
  how.length = 0;
  how.refs = StreamRefs::kAcked;
  how.approximate = true;
  EXPECT_EQ(writable().trim(how), 0U);
  for (uint64_t n = 201; n <= 300; ++n) {
    group.acknowledge({n, 0});
  }
  EXPECT_EQ(writable().trim(how), 100U);
  EXPECT_EQ(stream().length(), 50U);
}

TEST_F(StreamTest, APlaceIsOnlyThatOfItsBlock) {
  append({1, 0}, {"f", "old"});
  append({2, 0}, {"f", "old"});
  StreamPlace place;
  stream().walk_on(kStreamIdMin, place, [](const StreamEntry& entry) { return entry.id.ms < 2; });
  // Another block with the same first id.
  EXPECT_TRUE(writable().erase({1, 0}));
  EXPECT_TRUE(writable().erase({2, 0}));
  writable().set_last_id(kStreamIdMin);
  for (uint64_t n = 1; n <= 3; ++n) {
    append({n, 0}, {"f", "new"});
  }
  std::vector<uint64_t> seen;
  stream().walk_on(kStreamIdMin, place, [&](const StreamEntry& entry) {
    seen.push_back(entry.id.ms);
    return true;
  });
  EXPECT_EQ(seen, (std::vector<uint64_t>{1, 2, 3}));
}

// Entries read are counted while nothing was deleted ahead, else told from the stream's ends.
TEST_F(StreamTest, LagIsKnownWhereItCanBe) {
  append_some(1, 10);
  StreamGroup& group = writable().add_group("g", kStreamIdMin, StreamGroup::kUnknown);
  EXPECT_EQ(stream().lag(group), 10);
  stream().note_read(group, {1, 0});
  EXPECT_EQ(group.entries_read, 1);
  stream().note_read(group, {2, 0});
  EXPECT_EQ(group.entries_read, 2);
  EXPECT_EQ(stream().lag(group), 8);
  writable().erase({5, 0});
  EXPECT_EQ(stream().lag(group), std::nullopt);
  stream().note_read(group, {3, 0});
  EXPECT_EQ(group.entries_read, StreamGroup::kUnknown);
  stream().note_read(group, {10, 0});
  EXPECT_EQ(group.entries_read, 10);
  EXPECT_EQ(stream().lag(group), 0);
}

TEST_F(StreamTest, CopiesHaveAllAndStandAlone) {
  append_some(1, 500);
  writable().erase({3, 0});
  StreamGroup& group = writable().add_group("g", {7, 0}, 7);
  StreamConsumer& consumer = group.add_consumer("c", 42);
  group.add_consumer("", 43, 41);
  group.add({4, 0}, {11, 5, &consumer});
  const Key other = Key::of("other");
  {
    Edit edit(keys_, other);
    edit.copy(*keys_.peek(key_));
    edit.keep_quiet();
  }
  writable().trim({.by = StreamTrim::By::kLength});
  EXPECT_EQ(stream().length(), 0U);
  const Stream& copy = at(other);
  EXPECT_EQ(content(copy).size(), 499U);
  EXPECT_EQ(copy.last_id(), (StreamId{500, 0}));
  EXPECT_EQ(copy.max_deleted_id(), (StreamId{3, 0}));
  EXPECT_EQ(copy.entries_added(), 500U);
  const StreamGroup& copied = *copy.group("g");
  EXPECT_EQ(copied.entries_read, 7);
  EXPECT_EQ(copied.consumer("")->seen_ms(), 43);
  EXPECT_EQ(copied.consumer("")->active_ms(), 41);
  EXPECT_EQ(copied.consumer("c")->active_ms(), StreamConsumer::kNever);
  EXPECT_EQ(copied.find({4, 0})->deliveries(), 5U);
  EXPECT_EQ(copied.find({4, 0})->consumer(), copied.consumer("c"));
  remove(other);
}

// Whatever comes in whichever order, with a clock that is put back: by chance, and at times until
// nothing is pending.
TEST_F(StreamTest, TheOldestDeliveryIsTheFirst) {
  for (uint64_t seed = 1; seed <= 60 / kSlowness; ++seed) {
    Rng rng(seed);
    StreamGroup& group = writable().add_group("g", kStreamIdMin, 0);
    StreamConsumer* consumers[] = {&group.add_consumer("a", 0), &group.add_consumer("b", 0)};
    ModelGroup model;
    const uint64_t ids = 1 + rng.below(400);  // of few, some are delivered again
    const uint64_t disorder = 1 + rng.below(50);
    uint64_t next = 0;
    int64_t now_ms = 1000;
    const auto deliver = [&](StreamId id, int64_t at_ms) {
      StreamConsumer& consumer = *consumers[rng.below(2)];
      if (StreamPending* const known = group.find(id)) {
        group.hand_over(id, *known, consumer, at_ms);
      } else {
        group.add(id, {at_ms, 1, &consumer});
      }
      model.pending[id].delivered_ms = at_ms;
    };
    for (int step = 0; step < 3000; ++step) {
      now_ms += static_cast<int64_t>(rng.below(3)) - (rng.below(200) == 0 ? 50 : 0);
      const StreamId some{1 + rng.below(ids), 0};
      if (rng.below(disorder) == 0) {
        deliver(some, now_ms - static_cast<int64_t>(rng.below(4) == 0 ? rng.below(100) : 0));
      } else if (rng.below(3) == 0) {
        EXPECT_EQ(group.acknowledge(some), model.pending.erase(some) == 1);
      } else if (rng.below(4) == 0 && !model.pending.empty()) {
        StreamGroup::ByTime oldest = group.by_time();
        ASSERT_FALSE(oldest.at_end());
        deliver(oldest.key().id, now_ms);
      } else {
        next = next == ids ? 1 : next + 1;  // as after XGROUP SETID
        deliver({next, 0}, now_ms);
      }
      if (step % 1000 == 999 && rng.below(2) == 0) {
        for (uint64_t n = ids; n > 0; --n) {
          group.acknowledge({n, 0});
        }
        model.pending.clear();
      }
      expect_same_order(group, model);
      ASSERT_FALSE(HasFailure()) << "seed " << seed << ", step " << step;
    }
    writable().remove_group(group);
  }
}

// The bytes that a stream says it takes are those that the shard's account is without afterwards.
TEST_F(StreamTest, TheAccountIsExact) {
  const int64_t before = store_.used_bytes();
  const size_t empty = stream().bytes();
  append_some(1, 5000);
  append({6000, 0}, {"large", std::string(100000, 'x')});
  StreamGroup& group = writable().add_group("group", kStreamIdMin, 0);
  for (uint64_t n = 1; n <= 5000; ++n) {
    const std::string name = "consumer" + std::to_string(n % 40);
    StreamConsumer* consumer = group.consumer(name);
    group.deliver({n, 0}, consumer == nullptr ? group.add_consumer(name, 0) : *consumer, 0);
  }
  EXPECT_EQ(store_.used_bytes() - before, static_cast<int64_t>(stream().bytes() - empty));
  // To look for the oldest takes nothing, to be claimed 26 bytes.
  const size_t without_strays = group.bytes();
  EXPECT_EQ(group.by_time().at_end(), false);
  EXPECT_EQ(group.bytes(), without_strays);
  for (uint64_t n = 1; n < 5000; ++n) {
    group.hand_over({n, 0}, *group.find({n, 0}), *group.find({n, 0})->consumer(), 1);
  }
  StreamGroup::ByTime oldest = group.by_time();
  ASSERT_FALSE(oldest.at_end());
  EXPECT_EQ(oldest.key(), (StreamPendingTime{0, {5000, 0}}));
  EXPECT_GT(group.bytes() - without_strays, 5000U * 16);
  EXPECT_LT(group.bytes() - without_strays, 5000U * 27);
  EXPECT_EQ(store_.used_bytes() - before, static_cast<int64_t>(stream().bytes() - empty));
  EXPECT_EQ(group.remove_consumer(*group.consumer("consumer7")), 125U);
  EXPECT_EQ(group.pending().size(), 4875U);
  writable().trim({.by = StreamTrim::By::kLength});
  writable().remove_group(*writable().group("group"));
  tick_to_the_end();
  EXPECT_EQ(stream().bytes(), empty);
  EXPECT_EQ(store_.used_bytes(), before);
}

TEST_F(StreamTest, LargeOnesAreFreedInSlices) {
  append_some(1, 20000);
  StreamGroup& group = writable().add_group("g", kStreamIdMin, 0);
  StreamConsumer& consumer = group.add_consumer("c", 0);
  for (uint64_t n = 1; n <= 20000; ++n) {
    group.deliver({n, 0}, consumer, 0);
  }
  for (uint64_t n = 1; n <= 20000; n += 2) {
    group.hand_over({n, 0}, *group.find({n, 0}), consumer, 1);
  }
  const int64_t full = store_.used_bytes();
  remove(key_);
  EXPECT_GT(store_.dying_bytes(), full * 9 / 10);
  size_t slices = 0;
  while (store_.tick(now_, 1)) {
    ++slices;
  }
  EXPECT_GT(slices, 10U);
  EXPECT_EQ(store_.used_bytes(), 0);
  make(key_);
}

}  // namespace
}  // namespace pollux
