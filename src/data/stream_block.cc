#include "src/data/stream_block.h"

#include <cstring>

namespace pollux {

namespace {

// Elements of an entry besides names and values: flags, ms, seq.
constexpr size_t kFixedElements = 3;

PackedValue number(uint64_t value) { return PackedValue(static_cast<int64_t>(value)); }

size_t elements_of(size_t fields, bool same_fields) {
  return kFixedElements + fields + (same_fields ? 0 : fields + 1);
}

uint16_t header_count(const char* listpack) {
  uint16_t count;
  std::memcpy(&count, listpack + Listpack::kLeadBytes, sizeof(count));
  return count;
}

// What a header says of `more` elements behind `said` ones.
size_t count_after(uint16_t said, size_t more) {
  return said == Listpack::kCountUnknown ? said : said + more;
}

}  // namespace

BlockView::BlockView(StreamId id, const char* listpack)
    : id_(id), pack_(Listpack::framed(listpack)) {
  Position at = Listpack::first();
  live_ = static_cast<uint64_t>(pack_.take(at).integer());
  deleted_ = static_cast<uint64_t>(pack_.take(at).integer());
  counts_ = at;
  fields_ = static_cast<size_t>(pack_.take(at).integer());
  names_ = at;
  for (size_t i = 0; i < fields_; ++i) {
    at = pack_.next(at);
  }
  first_ = pack_.next(at);
}

// --- reading ---

StreamEntry BlockView::decode(Position at, Position& behind_ids) const {
  StreamEntry entry;
  const int64_t flags = pack_.take(at).integer();
  entry.deleted = (flags & kDeleted) != 0;
  entry.same_fields_ = (flags & kSameFields) != 0;
  entry.id.ms = id_.ms + static_cast<uint64_t>(pack_.take(at).integer());
  entry.id.seq = id_.seq + static_cast<uint64_t>(pack_.take(at).integer());
  entry.fields = entry.same_fields_ ? fields_ : static_cast<size_t>(pack_.take(at).integer());
  entry.pack_ = pack_;
  entry.names_ = names_;
  entry.first_ = at;
  behind_ids = at;
  return entry;
}

StreamEntry BlockView::take(Position& at) const {
  const StreamEntry entry = decode(at, at);
  for (size_t n = entry.same_fields_ ? fields_ : 2 * entry.fields; n > 0; --n) {
    at = pack_.next(at);
  }
  at = pack_.next(at);  // the number of elements
  return entry;
}

StreamEntry BlockView::take_back(Position& at) const {
  for (int64_t n = pack_.take_back(at).integer(); n > 0; --n) {
    at = pack_.prev(at);
  }
  Position behind_ids = 0;
  return decode(at, behind_ids);
}

void BlockView::flag_deleted(char* listpack, Position at) {
  // They are an integer of one byte.
  char& flags = listpack[Listpack::kLeadBytes + at];
  flags = static_cast<char>(flags | kDeleted);
}

// --- hostile bytes ---

namespace {

// Elements of a listpack one after the other, as long as they are what is expected.
class Elements {
 public:
  Elements(Listpack pack, size_t count) : pack_(pack), left_(count) {}

  bool at_end() const { return left_ == 0; }
  // False if there is none, or it is no integer.
  bool integer(int64_t& value) {
    if (left_ == 0) {
      return false;
    }
    --left_;
    const PackedValue element = pack_.take(at_);
    value = element.is_integer() ? element.integer() : -1;
    return element.is_integer();
  }
  bool count(uint64_t& value) {
    int64_t number = 0;
    const bool is_count = integer(number) && number >= 0;
    value = static_cast<uint64_t>(number);
    return is_count;
  }
  bool skip(uint64_t n) {
    if (n > left_) {
      return false;
    }
    left_ -= n;
    at_ = pack_.advance(at_, n);
    return true;
  }
  size_t left() const { return left_; }
  Listpack::Position at() const { return at_; }

 private:
  Listpack pack_;
  Listpack::Position at_ = Listpack::first();
  uint64_t left_;
};

}  // namespace

bool BlockView::valid(StreamId id, std::string_view bytes) {
  size_t elements = 0;
  if (!Listpack::valid(bytes, &elements)) {
    return false;
  }
  const Listpack pack = Listpack::framed(bytes.data());
  Elements in(pack, elements);
  uint64_t live = 0;
  uint64_t deleted = 0;
  uint64_t fields = 0;
  int64_t zero = 0;
  if (!in.count(live) || !in.count(deleted) || !in.count(fields) || !in.skip(fields) ||
      !in.integer(zero) || zero != 0) {
    return false;
  }
  uint64_t live_seen = 0;
  uint64_t deleted_seen = 0;
  StreamId last;
  while (!in.at_end()) {
    const Listpack::Position flags_at = in.at();
    const size_t left = in.left();
    int64_t flags = 0;
    int64_t ms = 0;
    int64_t seq = 0;
    if (!in.integer(flags) || flags < 0 || flags > (kDeleted | kSameFields) ||
        pack.bare()[flags_at] != static_cast<char>(flags) || !in.integer(ms) || !in.integer(seq)) {
      return false;
    }
    const bool same_fields = (flags & kSameFields) != 0;
    uint64_t names = fields;
    // No product of what the bytes say: each field is skipped as two elements that are there.
    if (same_fields ? !in.skip(fields) : !in.count(names) || !in.skip(names) || !in.skip(names)) {
      return false;
    }
    const size_t seen = left - in.left();
    uint64_t said = 0;
    if (!in.count(said) || said != seen) {
      return false;
    }
    if ((flags & kDeleted) != 0) {
      ++deleted_seen;
      continue;
    }
    const StreamId entry{id.ms + static_cast<uint64_t>(ms), id.seq + static_cast<uint64_t>(seq)};
    if (entry < id || (live_seen > 0 && entry <= last)) {
      return false;
    }
    last = entry;
    ++live_seen;
  }
  return live_seen == live && deleted_seen == deleted && live + deleted > 0;
}

// --- appending ---

size_t BlockView::bytes_of_first(StreamFields fields) {
  const size_t pairs = fields.size() / 2;
  size_t bytes = Listpack::kEmptyBytes;
  for (const std::string_view text : fields) {
    bytes += packed_bytes(text);
  }
  // Live, deleted, the zero behind the names; flags, ms and seq take two bytes each.
  return bytes + 12 + packed_bytes(number(pairs)) + packed_bytes(number(elements_of(pairs, true)));
}

void BlockView::write_first(StreamFields fields, char* out) {
  const size_t pairs = fields.size() / 2;
  char* const elements = out + Listpack::kHeaderBytes;
  char* at = elements;
  at = write_packed(number(1), at);
  at = write_packed(number(0), at);
  at = write_packed(number(pairs), at);
  for (size_t i = 0; i < pairs; ++i) {
    at = write_packed(PackedValue::of(fields[2 * i]), at);
  }
  at = write_packed(number(0), at);
  at = write_packed(PackedValue(kSameFields), at);
  at = write_packed(number(0), at);
  at = write_packed(number(0), at);
  for (size_t i = 0; i < pairs; ++i) {
    at = write_packed(PackedValue::of(fields[2 * i + 1]), at);
  }
  at = write_packed(number(elements_of(pairs, true)), at);
  // Two counts, the number of fields, the zero, and the number of elements.
  const size_t count = 5 + pairs + elements_of(pairs, true);
  Listpack::write_frame(out, static_cast<size_t>(at - elements), count);
}

bool BlockView::has_fields(StreamFields fields) const {
  if (fields.size() / 2 != fields_) {
    return false;
  }
  Position at = names_;
  for (size_t i = 0; i < fields.size(); i += 2) {
    if (!pack_.take(at).equals(fields[i])) {
      return false;
    }
  }
  return true;
}

BlockView::Append BlockView::plan_append(StreamId id, StreamFields fields) const {
  Append plan{pack_.bytes(), has_fields(fields)};
  const size_t pairs = fields.size() / 2;
  plan.total += packed_bytes(PackedValue(plan.same_fields ? kSameFields : int64_t{0})) +
                packed_bytes(number(id.ms - id_.ms)) + packed_bytes(number(id.seq - id_.seq)) +
                packed_bytes(number(elements_of(pairs, plan.same_fields)));
  if (!plan.same_fields) {
    plan.total += packed_bytes(number(pairs));
  }
  for (size_t i = plan.same_fields ? 1 : 0; i < fields.size(); i += plan.same_fields ? 2 : 1) {
    plan.total += packed_bytes(fields[i]);
  }
  // One more is live, which may take one byte more.
  plan.total += packed_bytes(number(live_ + 1)) - packed_bytes(number(live_));
  return plan;
}

void BlockView::append(const Append& plan, StreamId id, StreamFields fields,
                       char* listpack) const {
  const size_t pairs = fields.size() / 2;
  const size_t count =
      count_after(header_count(listpack), elements_of(pairs, plan.same_fields) + 1);
  set_counts(live_ + 1, deleted_, listpack);
  char* at = listpack + Listpack::kLeadBytes + Listpack::framed(listpack).end();
  at = write_packed(PackedValue(plan.same_fields ? kSameFields : int64_t{0}), at);
  at = write_packed(number(id.ms - id_.ms), at);
  at = write_packed(number(id.seq - id_.seq), at);
  if (!plan.same_fields) {
    at = write_packed(number(pairs), at);
  }
  for (size_t i = plan.same_fields ? 1 : 0; i < fields.size(); i += plan.same_fields ? 2 : 1) {
    at = write_packed(PackedValue::of(fields[i]), at);
  }
  write_packed(number(elements_of(pairs, plan.same_fields)), at);
  Listpack::write_frame(listpack, plan.total - Listpack::kEmptyBytes, count);
}

// --- counts ---

size_t BlockView::bytes_with_counts(uint64_t live, uint64_t deleted) const {
  return pack_.bytes() - (counts_ - Listpack::first()) + packed_bytes(number(live)) +
         packed_bytes(number(deleted));
}

void BlockView::set_counts(uint64_t live, uint64_t deleted, char* listpack) const {
  const size_t before = counts_ - Listpack::first();
  const size_t after = packed_bytes(number(live)) + packed_bytes(number(deleted));
  const size_t bytes = Listpack::whole(listpack).size();
  char* at = listpack + Listpack::kHeaderBytes;
  if (before != after) {
    std::memmove(at + after, at + before, bytes - Listpack::kHeaderBytes - before);
  }
  at = write_packed(number(live), at);
  write_packed(number(deleted), at);
  Listpack::write_frame(listpack, bytes - before + after - Listpack::kEmptyBytes,
                        header_count(listpack));
}

}  // namespace pollux
