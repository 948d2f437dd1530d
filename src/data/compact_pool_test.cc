#include "src/data/compact_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "src/base/rng.h"

namespace pollux {
namespace {

// Every block begins with its id; the model knows where each id stands.
std::map<uint64_t, char*> places;

uint64_t id_of(const void* block) {
  uint64_t id;
  std::memcpy(&id, block, sizeof(id));
  return id;
}

TEST(CompactPool, StaysDenseAndTellsWhatMoves) {
  places.clear();
  CompactPool pool([](void* block) { places[id_of(block)] = static_cast<char*>(block); }, nullptr);
  Rng rng(1);
  std::map<uint64_t, size_t> sizes;
  size_t used = 0;
  uint64_t next_id = 1;
  for (int step = 0; step < 4000; ++step) {
    const bool grow = (step / 1000) % 2 == 0 ? rng.below(10) < 7 : rng.below(10) < 2;
    if (grow || sizes.empty()) {
      const size_t size = rng.below(CompactPool::kSizes);
      char* block = static_cast<char*>(pool.allocate(size));
      std::memcpy(block, &next_id, sizeof(next_id));
      block[CompactPool::kBlockBytes[size] - 1] = static_cast<char>(next_id);
      ASSERT_TRUE(pool.is_last(block, size));
      places[next_id] = block;
      sizes[next_id++] = size;
      used += CompactPool::kBlockBytes[size];
    } else {
      auto it = sizes.lower_bound(1 + rng.below(next_id - 1));
      it = it == sizes.end() ? sizes.begin() : it;
      char* block = places[it->first];
      places.erase(it->first);
      used -= CompactPool::kBlockBytes[it->second];
      pool.free(block, it->second);
      sizes.erase(it);
    }
    ASSERT_EQ(pool.used_bytes(), static_cast<int64_t>(used));
    // One slab begun for each size and a few spare; at most 3 % of a slab unused.
    ASSERT_LE(pool.mapped_bytes(),
              static_cast<int64_t>(used + used / 30 + 9 * CompactPool::kSlabBytes));
    for (const auto& [id, block] : places) {
      ASSERT_EQ(id_of(block), id);
      ASSERT_EQ(block[CompactPool::kBlockBytes[sizes[id]] - 1], static_cast<char>(id));
    }
  }
  while (!sizes.empty()) {
    const auto [id, size] = *sizes.begin();
    char* block = places[id];
    places.erase(id);
    sizes.erase(id);
    pool.free(block, size);
  }
  EXPECT_EQ(pool.used_bytes(), 0);
}

}  // namespace
}  // namespace pollux
