#include "src/snapshot/value_walk.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/member_collection.h"
#include "src/data/zset_value.h"
#include "src/rdb/value_codec.h"
#include "src/snapshot/list_walk.h"
#include "src/snapshot/stream_walk.h"

namespace pollux {

namespace {

// How much is written between two looks at the time.
constexpr size_t kMembersAtOnce = 32;

// Bytes that wait for the next slice.
class WaitingBytes final : public ByteSink {
 public:
  WaitingBytes() { settle(); }
  std::string_view all() {
    settle();
    return bytes_;
  }
  void clear() { bytes_ = {}; }  // behind all()
  bool empty() const { return bytes_.empty() && cursor_ == window_; }
  size_t size() const { return bytes_.capacity(); }

 private:
  void settle() {
    if (cursor_ != nullptr) {
      bytes_.append(window_, static_cast<size_t>(cursor_ - window_));
    }
    cursor_ = window_;
    limit_ = window_ + sizeof window_;
  }
  size_t refill(size_t) override {
    settle();
    return 0;
  }

  std::string bytes_;
  char window_[kReserveMax];
};

// A long string: its block stays as it is as long as it is read.
class StringWalk final : public ValueWalk {
 public:
  explicit StringWalk(std::string_view bytes) : size_(bytes.size()), rest_(bytes) {}

  bool write_some(RdbWriter* out, uint64_t until) override {
    if (out == nullptr) {
      return true;
    }
    if (rest_.size() == size_) {
      out->length(size_);
    }
    do {
      const std::string_view piece = rest_.substr(0, kWalkBytesAtOnce);
      out->bytes(piece);
      rest_.remove_prefix(piece.size());
    } while (!rest_.empty() && !out_of_time(until));
    return rest_.empty();
  }

 private:
  const size_t size_;
  std::string_view rest_;
};

// Values whose parts are members of a table: what stands before them, then each.
class MemberWalk : public ValueWalk {
 public:
  MemberWalk(RdbType type, const Entry& entry, ShardMemory& memory, bool compress)
      : type_(type),
        memory_(memory),
        table_(*entry.collection()->member_table()),
        size_(table_.size()),
        first_ms_(entry.field_timer_ms()),
        waiting_out_(waiting_, compress) {}

  bool write_some(RdbWriter* out, uint64_t until) override {
    if (!begun_ && out != nullptr) {
      if (type_ == RdbType::kHashMetadata) {
        out->time(first_ms_);
      }
      out->length(size_);
    }
    begun_ = true;
    dropped_ = dropped_ || out == nullptr;
    if (!waiting_.empty()) {
      if (out != nullptr) {
        out->bytes(waiting_.all());
      }
      waiting_.clear();
    }
    bool more = true;
    while (more) {
      members_.clear();
      more = next_members(members_);
      for (const Handle handle : members_) {
        Entry& member = *memory_.entry_at(handle);
        if (memory_.is_old(member)) {
          take(member, out);
        }
      }
      if (more && out_of_time(until)) {
        return false;
      }
    }
    POLLUX_ASSERT(taken_ == size_);
    return true;
  }

  void before_member(Entry& member) override {
    take(member, dropped_ ? nullptr : &waiting_out_);
  }
  size_t held_bytes() const override { return waiting_.size(); }

 protected:
  const MemberTable& table() const { return table_; }
  const ShardMemory& memory() const { return memory_; }

 private:
  // The next ones, old or not; false if these are the last.
  virtual bool next_members(std::vector<Handle>& members) {
    cursor_ = table_.scan(cursor_, kMembersAtOnce, [&](Handle handle) {
      memory_.prefetch_entry(handle);
      members.push_back(handle);
    });
    return cursor_ != 0;
  }

  void take(Entry& member, RdbWriter* out) {
    memory_.renew(member);
    ++taken_;
    if (out == nullptr) {
      return;
    }
    if (type_ == RdbType::kHashMetadata) {
      out->length(member.has_expiry() ? static_cast<uint64_t>(member.expiry_ms() - first_ms_) + 1
                                      : 0);
    }
    out->text(member.key());
    if (type_ == RdbType::kZset2) {
      out->real(ZsetCollection::score_of(member));
    } else if (type_ != RdbType::kSet) {
      out->text(member.stored_bytes());
    }
  }

  const RdbType type_;
  ShardMemory& memory_;
  const MemberTable& table_;
  const size_t size_;       // at the cut
  const int64_t first_ms_;  // of kHashMetadata
  size_t taken_ = 0;
  bool begun_ = false;
  bool dropped_ = false;  // nobody wants the record any more
  uint64_t cursor_ = 0;
  std::vector<Handle> members_;  // scratch
  WaitingBytes waiting_;
  RdbWriter waiting_out_;
};

// From the highest score down, as redis-server writes them: who loads that need not search. What
// has changed stands between, anywhere.
class ZsetWalk final : public MemberWalk {
 public:
  ZsetWalk(const Entry& entry, ShardMemory& memory, bool compress)
      : MemberWalk(RdbType::kZset2, entry, memory, compress),
        tree_(static_cast<const ZsetCollection*>(entry.collection())->tree()) {}

 private:
  bool next_members(std::vector<Handle>& members) override {
    uint64_t rank = tree_.size();
    if (last_) {
      const auto before_last = [this](Handle handle) {
        const Entry& member = *memory().entry_at(handle);
        return zset_before({member.key(), ZsetCollection::score_of(member)},
                           {last_->name, last_->score});
      };
      rank = tree_.find(RankTieBound(score_key(last_->score), before_last)).rank;
    }
    if (rank == 0) {
      return false;
    }
    ZsetCollection::Tree::Cursor cursor = tree_.at(rank - 1);
    cursor.prefetch_prev(kMembersAtOnce);
    for (; cursor && members.size() < kMembersAtOnce; cursor.prev()) {
      members.push_back(cursor.handle());
    }
    const Entry& last = *memory().entry_at(members.back());
    last_ = {std::string(last.key()), ZsetCollection::score_of(last)};
    return static_cast<bool>(cursor);
  }

  struct Place {
    std::string name;
    double score;
  };
  const ZsetCollection::Tree& tree_;
  std::optional<Place> last_;  // where the walk is
};

}  // namespace

void ValueWalk::before_member(Entry&) { POLLUX_ASSERT(false); }

bool is_walked(const Entry& entry) {
  if (entry.collection() != nullptr) {
    return true;
  }
  return entry.type() == ValueType::kString && entry.value_is_outside() &&
         ShardMemory::is_long(entry.value_outside());
}

std::unique_ptr<ValueWalk> walk_of(const Entry& entry, ShardMemory& memory, bool compress) {
  if (entry.type() == ValueType::kString) {
    return std::make_unique<StringWalk>(entry.stored_bytes());
  }
  if (entry.type() == ValueType::kList) {
    return list_walk(static_cast<LargeList&>(*entry.load_collection()), memory);
  }
  if (entry.type() == ValueType::kStream) {
    return stream_walk(static_cast<Stream&>(*entry.load_collection()), memory);
  }
  if (entry.type() == ValueType::kZset) {
    return std::make_unique<ZsetWalk>(entry, memory, compress);
  }
  return std::make_unique<MemberWalk>(rdb_type_of(entry), entry, memory, compress);
}

}  // namespace pollux
