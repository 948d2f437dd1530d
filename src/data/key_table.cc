#include "src/data/key_table.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace pollux {

namespace {

// Sizes of segments in cache lines, the head included. Small ones double; from 8 KiB on the steps
// are those of the pool. Two halves of a segment that outgrows the last class start at 9 KiB, an
// eighth above what they hold.
constexpr uint32_t kClassLines[] = {2, 4, 8, 16, 32, 64, 128, 144, 160, 176, 192, 224, 256};
constexpr uint32_t kClasses = std::size(kClassLines);
constexpr uint32_t kPoolClasses = kClasses - CompactPool::kSizes;  // the first that the pool has
// Beyond the classes: only if so many keys share a prefix that splitting does not part them.
constexpr uint32_t kOversize = kClasses;

constexpr size_t kLine = 64;

constexpr bool classes_match_pool() {
  for (size_t i = 0; i < CompactPool::kSizes; ++i) {
    if (kClassLines[kPoolClasses + i] * kLine != CompactPool::kBlockBytes[i]) {
      return false;
    }
  }
  return true;
}
static_assert(classes_match_pool());

// Load is at most 0.9: beyond, walks over full buckets get long.
constexpr uint32_t count_max_of(uint32_t buckets) {
  return std::min(buckets * 8 * 9 / 10, buckets * 8 - 1);
}

// What the last home bucket can push on to, before the segment has to grow early.
constexpr uint32_t spill_buckets(uint32_t buckets) {
  return buckets >= 15 ? 2 : (buckets >= 7 ? 1 : 0);
}

// So many homes tell how many buckets a segment has; one that is oversize has more homes.
constexpr uint32_t buckets_with(uint32_t homes) {
  return homes + (homes >= 13 ? 2 : (homes >= 6 ? 1 : 0));
}
constexpr uint32_t kClassHomesMax =
    kClassLines[kClasses - 1] - 1 - spill_buckets(kClassLines[kClasses - 1] - 1);
constexpr bool homes_tell_buckets() {
  return std::all_of(std::begin(kClassLines), std::end(kClassLines), [](uint32_t lines) {
    const uint32_t buckets = lines - 1;
    return buckets_with(buckets - spill_buckets(buckets)) == buckets;
  });
}
static_assert(homes_tell_buckets());

// After so many draws in vain the table is thin or very uneven.
constexpr int kDrawsMax = 128;
constexpr uint64_t kThinMax = 128;

// Two segments are merged if together they fill at most half of the largest class.
constexpr uint32_t kMergeMax = count_max_of(kClassLines[kClasses - 1] - 1) / 2;

// A tenth of room at least, or a segment would be rebuilt again soon.
constexpr uint64_t with_room(uint64_t count) { return count + count / 10; }

// Below, it takes nearly no time to grow by steps, and a hint that is wrong would take more room
// than what it is about.
constexpr uint64_t kExpectMin = 256;

// A directory is doubled only while it stays small against its entries. A hash that spreads well
// never meets this bound; one that does not makes long segments instead of a huge directory.
constexpr uint64_t kEntriesPerSlotMin = 64;
constexpr uint32_t kFreeBitsAtMost = 4;  // a directory of 16 slots is not worth hysteresis

// Copying and the first touch of fresh pages would take 60 us at 64 KiB, 1 ms at 1 MiB.
constexpr size_t kPreparedDirectoryMin = 512;
constexpr size_t kSlotsPreparedAtOnce = 32;

// Lane i takes from lane i - 1 above `slot` / from lane i + 1 at and above it.
struct Shifts {
  alignas(32) uint32_t up[8][8];
  alignas(32) uint32_t down[8][8];
};

constexpr Shifts make_shifts() {
  Shifts shifts{};
  for (uint32_t slot = 0; slot < 8; ++slot) {
    for (uint32_t lane = 0; lane < 8; ++lane) {
      shifts.up[slot][lane] = lane > slot ? lane - 1 : lane;
      shifts.down[slot][lane] = lane >= slot && lane < 7 ? lane + 1 : lane;
    }
  }
  return shifts;
}

constexpr Shifts kShifts = make_shifts();

__m256i load(const uint32_t (&lanes)[8]) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes));
}

__m256i shifted(const uint32_t (&lanes)[8], const uint32_t (&from)[8]) {
  return _mm256_permutevar8x32_epi32(load(lanes), load(from));
}

}  // namespace

unsigned KeyTable::Bucket::below(uint32_t tag) const {
  // AVX2 compares signed; flipping the top bit maps one order to the other.
  const __m256i flip = _mm256_set1_epi32(INT32_MIN);
  const __m256i bound = _mm256_xor_si256(_mm256_set1_epi32(static_cast<int>(tag)), flip);
  const __m256i less = _mm256_cmpgt_epi32(bound, _mm256_xor_si256(load(tags), flip));
  return static_cast<unsigned>(
      std::popcount(static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(less)))));
}

// Whatever is in the last slot is pushed out.
void KeyTable::Bucket::insert_at(unsigned slot, uint32_t tag, Handle handle) {
  const __m256i new_tags = shifted(tags, kShifts.up[slot]);
  const __m256i new_handles = shifted(handles, kShifts.up[slot]);
  _mm256_store_si256(reinterpret_cast<__m256i*>(tags), new_tags);
  _mm256_store_si256(reinterpret_cast<__m256i*>(handles), new_handles);
  tags[slot] = tag;
  handles[slot] = handle;
}

void KeyTable::Bucket::erase_at(unsigned slot) {
  const __m256i new_tags = shifted(tags, kShifts.down[slot]);
  const __m256i new_handles = shifted(handles, kShifts.down[slot]);
  _mm256_store_si256(reinterpret_cast<__m256i*>(tags), new_tags);
  _mm256_store_si256(reinterpret_cast<__m256i*>(handles), new_handles);
  tags[kBucketSlots - 1] = kFreeTag;
  handles[kBucketSlots - 1] = kNoHandle;
}

void KeyTable::Bucket::clear() {
  _mm256_store_si256(reinterpret_cast<__m256i*>(tags), _mm256_set1_epi32(-1));
  _mm256_store_si256(reinterpret_cast<__m256i*>(handles), _mm256_setzero_si256());
}

const KeyTable::EmptySegment KeyTable::kEmptySegment = {
    {0, 0, 1, 1, 0, 0, 0, nullptr},
    {{kFreeTag, kFreeTag, kFreeTag, kFreeTag, kFreeTag, kFreeTag, kFreeTag, kFreeTag}, {}}};

uint64_t KeyTable::pack(Segment* segment) {
  const uint64_t address = reinterpret_cast<uint64_t>(segment);
  POLLUX_ASSERT((address & ~kAddressMask) == 0 && segment->homes <= kHomesMax);
  return address | segment->depth | uint64_t{segment->homes} << kHomesShift;
}

KeyTable::KeyTable(Arena& arena, CompactPool& pool) : arena_(arena), pool_(pool) {
  single_ = pack(empty_segment());
  segments_at_depth_[0] = 1;
}

KeyTable::~KeyTable() {
  while (drain_bucket([](Handle, bool) {})) {
  }
}

KeyTable::Position KeyTable::insert(uint64_t hash, Handle handle) {
  POLLUX_ASSERT(handle != kNoHandle);
  const uint32_t tag = tag_of(hash);
  ++version_;
  for (;;) {
    const uint64_t slot = slot_of(tag);
    Segment* segment = segment_in(slot);
    if (segment->count >= segment->count_max) {
      grow(tag);
      continue;
    }
    Bucket* bucket = segment->bucket(home_index(tag, slot & kDepthMask, slot >> kHomesShift));
    while (bucket->full() && bucket->tags[kBucketSlots - 1] < tag) {
      ++bucket;
    }
    const Bucket* room = bucket;
    while (room->full()) {
      ++room;
    }
    if (room == segment->bucket(segment->buckets - 1) && room->used() == kBucketSlots - 1) {
      grow(tag);  // The spill buckets are full before their time.
      continue;
    }
    const Position position{bucket, bucket->below(tag)};
    unsigned at = position.slot_;
    uint32_t carried_tag = tag;
    for (;; ++bucket, at = 0) {
      const uint32_t last_tag = bucket->tags[kBucketSlots - 1];
      const Handle last_handle = bucket->handles[kBucketSlots - 1];
      bucket->insert_at(at, carried_tag, handle);
      if (last_handle == kNoHandle) {
        break;
      }
      carried_tag = last_tag;
      handle = last_handle;
    }
    ++segment->count;
    ++size_;
    return position;
  }
}

void KeyTable::erase(uint64_t hash, Position position) {
  const uint32_t tag = tag_of(hash);
  ++version_;
  Segment* segment = segment_in(slot_of(tag));
  Bucket* bucket = position.bucket_;
  bool was_full = bucket->full();
  bucket->erase_at(position.slot_);
  // What a full bucket had pushed on comes back.
  while (was_full) {
    Bucket* next = bucket + 1;
    const uint32_t home = segment->home_of(next->tags[0]);
    if (next->handles[0] == kNoHandle || segment->bucket(home) > bucket) {
      break;
    }
    bucket->tags[kBucketSlots - 1] = next->tags[0];
    bucket->handles[kBucketSlots - 1] = next->handles[0];
    was_full = next->full();
    next->erase_at(0);
    bucket = next;
  }
  --segment->count;
  --size_;
  if (segment->count < segment->count_max / 4 || segment->count == 0) {
    shrink(tag);
  }
}

// A segment is met in proportion to its directory slots; drawing its bucket from a range as many
// times larger, and refusing what lies beyond the end, gives every slot the same chance.
const KeyTable::Bucket* KeyTable::bucket_drawn(uint64_t draw) const {
  constexpr unsigned kSlotBits = std::countr_zero(kBucketSlots);
  constexpr unsigned kIndexBits = 32 - kSlotBits;
  const uint64_t place = slot_of(static_cast<uint32_t>(draw >> 32));
  const uint64_t range = uint64_t{buckets_max_} * span_of(place & kDepthMask);
  const uint64_t index = (uint64_t{static_cast<uint32_t>(draw)} >> kSlotBits) * range >> kIndexBits;
  const auto homes = static_cast<uint32_t>(place >> kHomesShift);
  // The heads of segments stand far apart and few of them in the cache, at the same place each.
  const uint32_t buckets =
      homes <= kClassHomesMax ? buckets_with(homes) : segment_in(place)->buckets;
  return index < buckets ? segment_in(place)->bucket(index) : nullptr;
}

uint64_t KeyTable::draw(Rng& rng) const {
  for (int i = 0; i < kDrawsMax; ++i) {
    const uint64_t draw = rng.next();
    if (const Bucket* bucket = bucket_drawn(draw)) {
      prefetch(bucket);
      return draw;
    }
  }
  return rng.next();
}

Handle KeyTable::drawn(uint64_t draw) const {
  const Bucket* bucket = bucket_drawn(draw);
  return bucket == nullptr ? kNoHandle : bucket->handles[draw % kBucketSlots];
}

Handle KeyTable::random(Rng& rng) const {
  POLLUX_ASSERT(size_ > 0);
  for (int i = 0; i < kDrawsMax; ++i) {
    const Handle handle = drawn(rng.next());
    if (handle != kNoHandle) {
      return handle;
    }
  }
  Handle found = kNoHandle;
  if (size_ <= kThinMax) {
    // A few in segments that were made for more: one of them by number. (Segments are merged as
    // they empty, so there are not many places to look at.)
    uint64_t left = rng.below(size_);
    scan(0, size_, [&](Handle handle) { found = left-- == 0 ? handle : found; });
    return found;
  }
  // Very uneven: the next one from a random place on.
  const auto take = [&found](Handle handle) { found = found == kNoHandle ? handle : found; };
  scan(rng.next() >> 32, 1, take);
  if (found == kNoHandle) {
    scan(0, 1, take);
  }
  return found;
}

// --- segments ---

uint32_t KeyTable::class_for(uint64_t count) {
  uint32_t size_class = 0;
  while (size_class < kClasses && count_max_of(kClassLines[size_class] - 1) < count) {
    ++size_class;
  }
  return size_class;
}

// `count` is what will be filled in; only the oversize class depends on it.
KeyTable::Segment* KeyTable::new_segment(uint32_t size_class, uint32_t depth, uint32_t first_tag,
                                         uint32_t count) {
  uint32_t buckets;
  uint32_t homes;
  uint32_t count_max;
  if (size_class < kClasses) {
    buckets = kClassLines[size_class] - 1;
    homes = buckets - spill_buckets(buckets);
    count_max = count_max_of(buckets);
  } else {
    // Room for all of them behind the last home, so that filling can't fail.
    count_max = count + count / 4;
    homes = std::clamp(count / 6 + 1, kClassHomesMax + 1, kHomesMax);
    buckets = homes + count_max / kBucketSlots + 2;
  }
  const bool pooled = size_class >= kPoolClasses && size_class < kClasses;
  Segment* segment =
      static_cast<Segment*>(pooled ? pool_.allocate(size_class - kPoolClasses)
                                   : arena_.allocate_aligned((buckets + 1) * kLine, kLine));
  bytes_ += (buckets + 1) * kLine;
  *segment = {0, count_max, buckets, homes, depth, size_class, first_tag, this};
  for (uint32_t i = 0; i < buckets; ++i) {
    segment->bucket(i)->clear();
  }
  return segment;
}

// The segment is out of the directory. Others may move.
void KeyTable::free_segment(Segment* segment) {
  if (segment == empty_segment()) {
    return;
  }
  bytes_ -= (segment->buckets + 1) * kLine;
  if (segment->size_class >= kPoolClasses && segment->size_class < kClasses) {
    pool_.free(segment, segment->size_class - kPoolClasses);
  } else {
    arena_.free_aligned(segment, (segment->buckets + 1) * kLine, kLine);
  }
}

void KeyTable::moved(void* block) {
  Segment* segment = static_cast<Segment*>(block);
  segment->owner->point_directory(segment);
  ++segment->owner->version_;
}

// False if the segment is too small for these tags.
bool KeyTable::fill(Segment* segment, const Source& source) {
  const uint32_t depth = segment->depth;
  const uint32_t homes = segment->homes;
  const size_t end = segment->buckets - 1;
  size_t at = 0;
  size_t used = 0;
  for (Segment* from : source.segments) {
    if (from == nullptr) {
      break;
    }
    for (size_t i = 0; i < from->buckets; ++i) {
      const Bucket* bucket = from->bucket(i);
      for (size_t slot = 0; slot < kBucketSlots && bucket->handles[slot] != kNoHandle; ++slot) {
        const uint32_t tag = bucket->tags[slot];
        if (tag < source.first || tag > source.last) {
          continue;
        }
        const size_t home = home_index(tag, depth, homes);
        if (home > at) {
          at = home;
          used = 0;
        } else if (used == kBucketSlots) {
          ++at;
          used = 0;
        }
        if (at == end && used == kBucketSlots - 1) {
          return false;
        }
        Bucket* to = segment->bucket(at);
        to->tags[used] = tag;
        to->handles[used] = bucket->handles[slot];
        ++used;
      }
    }
  }
  segment->count = source.count;
  return true;
}

KeyTable::Segment* KeyTable::build(const Source& source, uint32_t depth, uint32_t first_tag,
                                   uint32_t size_class_min) {
  const uint32_t fitting = class_for(with_room(source.count));
  for (uint32_t size_class = std::max(size_class_min, fitting);; ++size_class) {
    Segment* segment = new_segment(std::min(size_class, kOversize), depth, first_tag, source.count);
    if (fill(segment, source)) {
      buckets_max_ = std::max(buckets_max_, segment->buckets);
      return segment;
    }
    POLLUX_ASSERT(size_class < kOversize);
    free_segment(segment);
  }
}

void KeyTable::install(Segment* segment) {
  point_directory(segment);
  ++segments_at_depth_[segment->depth];
}

// Enters a segment in all directory slots of its prefix.
void KeyTable::point_directory(Segment* segment) {
  const size_t first = directory_index(segment->first_tag);
  const size_t span = span_of(segment->depth);
  std::fill_n(directory_ + first, span, pack(segment));
  if (first < next_filled_) {
    std::fill_n(next_directory_ + 2 * first, 2 * span, pack(segment));
  }
}

void KeyTable::expect(uint64_t entries) {
  const uint64_t most = count_max_of(kClassLines[kClasses - 1] - 1);
  expected_depth_ = 0;
  while (expected_depth_ < kDepthMax && with_room(entries >> expected_depth_) > most) {
    ++expected_depth_;
  }
  expected_class_ = static_cast<uint8_t>(class_for(with_room(entries >> expected_depth_)));
}

// Those that will be split are as large as can be, so that each entry is copied once.
uint32_t KeyTable::expected_class(uint32_t depth) const {
  if (size_ < kExpectMin || depth > expected_depth_) {
    return 0;
  }
  return depth < expected_depth_ ? kClasses - 1 : expected_class_;
}

void KeyTable::grow(uint32_t tag) {
  Segment* segment = segment_in(slot_of(tag));
  const uint32_t next_class =
      segment == empty_segment()
          ? 0
          : std::max({segment->size_class + 1, class_for(with_room(segment->count)),
                      expected_class(segment->depth)});
  if (next_class >= kClasses && may_split(segment)) {
    split(segment);
    return;
  }
  const Source source{{segment, nullptr}, 0, ~uint32_t{0}, segment->count};
  Segment* grown = build(source, segment->depth, segment->first_tag, next_class);
  --segments_at_depth_[segment->depth];
  install(grown);
  free_segment(segment);
  prepare_directory();
}

bool KeyTable::may_split(const Segment* segment) const {
  return segment->depth < kDepthMax &&
         (segment->depth < directory_bits_ || directory_size() * kEntriesPerSlotMin <= size_);
}

void KeyTable::split(Segment* segment) {
  const uint32_t depth = segment->depth;
  if (depth == directory_bits_) {
    double_directory();
  }
  const uint32_t first_tag = segment->first_tag;
  const uint32_t middle_tag = first_tag + (uint32_t{1} << (31 - depth));
  uint32_t lower_count = 0;
  for (size_t i = 0; i < segment->buckets; ++i) {
    const Bucket* bucket = segment->bucket(i);
    lower_count += std::min(bucket->below(middle_tag), bucket->used());
  }
  const Source lower{{segment, nullptr}, first_tag, middle_tag - 1, lower_count};
  const Source upper{{segment, nullptr}, middle_tag, ~uint32_t{0}, segment->count - lower_count};
  --segments_at_depth_[depth];
  install(build(lower, depth + 1, first_tag, expected_class(depth + 1)));
  install(build(upper, depth + 1, middle_tag, expected_class(depth + 1)));
  free_segment(segment);
}

// After a deletion: a segment that is three quarters empty is merged with its buddy (the other
// half of the parent's prefix) if both fit in one, else rebuilt smaller.
void KeyTable::shrink(uint32_t tag) {
  for (;;) {
    Segment* segment = segment_in(slot_of(tag));
    const uint32_t depth = segment->depth;
    const uint32_t count = segment->count;
    if (count >= segment->count_max / 4 && count > 0) {
      return;
    }
    if (depth == 0 && count == 0) {
      directory_[0] = pack(empty_segment());
      free_segment(segment);
      buckets_max_ = 1;
      return;
    }
    if (depth > 0 && merge(segment)) {
      halve_directory();
      continue;
    }
    const uint32_t smaller_class = class_for(uint64_t{count} * 3 / 2);
    if (smaller_class < segment->size_class) {
      const Source source{{segment, nullptr}, 0, ~uint32_t{0}, count};
      Segment* smaller = build(source, depth, segment->first_tag, smaller_class);
      --segments_at_depth_[depth];
      install(smaller);
      free_segment(segment);
    }
    return;
  }
}

// Makes one segment of this one and its buddy, if the buddy is not divided further.
bool KeyTable::merge(Segment* segment) {
  const uint32_t depth = segment->depth;
  Segment* buddy = segment_in(slot_of(segment->first_tag ^ (uint32_t{1} << (32 - depth))));
  if (buddy->depth != depth || segment->count + buddy->count > kMergeMax) {
    return false;
  }
  Segment* lower = std::min(segment, buddy, [](const Segment* a, const Segment* b) {
    return a->first_tag < b->first_tag;
  });
  Segment* upper = lower == segment ? buddy : segment;
  const Source source{{lower, upper}, 0, ~uint32_t{0}, lower->count + upper->count};
  Segment* merged = build(source, depth - 1, lower->first_tag, 0);
  segments_at_depth_[depth] -= 2;
  install(merged);
  // Neither may be moved by the freeing of the other: it is not in the directory any more.
  const bool upper_is_last = upper->size_class >= kPoolClasses && upper->size_class < kClasses &&
                             pool_.is_last(upper, upper->size_class - kPoolClasses);
  free_segment(upper_is_last ? upper : lower);
  free_segment(upper_is_last ? lower : upper);
  return true;
}

// --- directory ---

uint64_t* KeyTable::new_directory(size_t size) {
  bytes_ += size * sizeof(uint64_t);
  return static_cast<uint64_t*>(arena_.allocate_aligned(size * sizeof(uint64_t), kLine));
}

void KeyTable::free_directory(uint64_t* directory, size_t size) {
  if (directory != &single_ && directory != nullptr) {
    bytes_ -= size * sizeof(uint64_t);
    arena_.free_aligned(directory, size * sizeof(uint64_t), kLine);
  }
}

// A few slots of the next directory, at every growth of a segment; segments grow some three times
// between two doublings, so it is ready long before.
void KeyTable::prepare_directory() {
  if (directory_size() < kPreparedDirectoryMin || next_filled_ == directory_size()) {
    return;
  }
  if (next_directory_ == nullptr) {
    next_directory_ = new_directory(2 * directory_size());
  }
  const size_t until = std::min(next_filled_ + kSlotsPreparedAtOnce, directory_size());
  for (; next_filled_ < until; ++next_filled_) {
    next_directory_[2 * next_filled_] = directory_[next_filled_];
    next_directory_[2 * next_filled_ + 1] = directory_[next_filled_];
  }
}

void KeyTable::double_directory() {
  const size_t size = directory_size();
  uint64_t* doubled = next_directory_ != nullptr ? next_directory_ : new_directory(2 * size);
  for (size_t i = next_filled_; i < size; ++i) {
    doubled[2 * i] = doubled[2 * i + 1] = directory_[i];
  }
  free_directory(directory_, size);
  directory_ = doubled;
  ++directory_bits_;
  next_directory_ = nullptr;
  next_filled_ = 0;
}

// Halves it as long as nobody needs the last bit; a large one only if the bit before is not
// needed either, so that a table at the edge does not go to and fro.
void KeyTable::halve_directory() {
  while (directory_bits_ > 0 && segments_at_depth_[directory_bits_] == 0 &&
         (directory_bits_ <= kFreeBitsAtMost || segments_at_depth_[directory_bits_ - 1] == 0)) {
    const size_t size = directory_size() / 2;
    uint64_t* halved = size > 1 ? new_directory(size) : &single_;
    for (size_t i = 0; i < size; ++i) {
      halved[i] = directory_[2 * i];
    }
    free_directories();
    directory_ = halved;
    --directory_bits_;
  }
}

// Leaves the table without one; the caller sets it anew.
void KeyTable::free_directories() {
  free_directory(directory_, directory_size());
  directory_ = &single_;
  free_directory(next_directory_, 2 * directory_size());
  next_directory_ = nullptr;
  next_filled_ = 0;
}

void KeyTable::check() const {
  uint64_t counted = 0;
  for (size_t index = 0; index < directory_size();) {
    Segment* segment = segment_in(directory_[index]);
    const size_t span = span_of(segment->depth);
    POLLUX_ASSERT(index % span == 0 && (segment == empty_segment() || segment->owner == this));
    POLLUX_ASSERT(std::all_of(directory_ + index, directory_ + index + span,
                              [&](uint64_t slot) { return slot == directory_[index]; }));
    uint32_t count = 0;
    uint32_t last_tag = static_cast<uint32_t>(uint64_t{index} << (32 - directory_bits_));
    size_t run_first = 0;  // all buckets from this one up to the present one are full
    for (size_t i = 0; i < segment->buckets; ++i) {
      const Bucket* bucket = segment->bucket(i);
      const unsigned used = bucket->used();
      for (unsigned slot = 0; slot < kBucketSlots; ++slot) {
        POLLUX_ASSERT((bucket->handles[slot] != kNoHandle) == (slot < used));
        if (slot >= used) {
          POLLUX_ASSERT(bucket->tags[slot] == kFreeTag);
          continue;
        }
        const uint32_t tag = bucket->tags[slot];
        POLLUX_ASSERT(segment_in(slot_of(tag)) == segment && tag >= last_tag);
        last_tag = tag;
        const uint32_t home = segment->home_of(tag);
        POLLUX_ASSERT(home <= i && home >= run_first);
      }
      run_first = used == kBucketSlots ? run_first : i + 1;
      count += used;
    }
    POLLUX_ASSERT(!segment->bucket(segment->buckets - 1)->full());
    POLLUX_ASSERT(count == segment->count && count <= segment->count_max);
    counted += count;
    index += span;
  }
  POLLUX_ASSERT(counted == size_);
  for (size_t i = 0; i < next_filled_; ++i) {
    POLLUX_ASSERT(next_directory_[2 * i] == directory_[i] &&
                  next_directory_[2 * i + 1] == directory_[i]);
  }
}

}  // namespace pollux
