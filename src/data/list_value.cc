#include "src/data/list_value.h"

#include <cstring>

#include "src/base/assert.h"
#include "src/data/flat_edit.h"

namespace pollux {

namespace {

constexpr ValueType kType = ValueType::kList;
constexpr Encoding kEncoding = Encoding::kQuicklist;

}  // namespace

Listpack ListEdit::small() const {
  const Listpack pack = flat_pack(edit_.entry());
  POLLUX_ASSERT(pack.bare().size() <= kSmallBytesMax);
  return pack;
}

// The large form with all that is in the list; it takes the place of the small one.
LargeList& ListEdit::make_large() {
  LargeList* const list = edit_.memory().make<LargeList>();
  if (edit_.entry() != nullptr && !small().empty()) {
    list->append_listpack(small());
  }
  edit_.set_collection(kType, kEncoding, list);
  return *list;
}

void ListEdit::push(ListEnd end, std::span<const std::string_view> values) {
  const bool was_large = is_large();
  if (!was_large && push_small(small(), end, values)) {
    return;
  }
  LargeList& list = was_large ? large() : make_large();
  for (const std::string_view value : values) {
    list.push(end, PackedValue::of(value), limits_);
  }
}

void ListEdit::assign(std::span<const std::string_view> values) {
  POLLUX_ASSERT(!values.empty());
  if (push_small(Listpack(), ListEnd::kBack, values)) {
    return;
  }
  LargeList* const list = edit_.memory().make<LargeList>();
  for (const std::string_view value : values) {
    list->push(ListEnd::kBack, PackedValue::of(value), limits_);
  }
  edit_.set_collection(kType, kEncoding, list);
}

// `old` with these at an end, as the key's value. It is made beside the entry and put in its place,
// which costs a copy of some hundred bytes. False if it would not be small.
bool ListEdit::push_small(const Listpack& old, ListEnd end,
                          std::span<const std::string_view> values) {
  const PackedRun there = old.run();
  const size_t count = there.count + values.size();
  size_t size = old.bare().size();
  for (const std::string_view value : values) {
    size += packed_bytes(value);
    if (!may_be_small(size, count)) {
      return false;
    }
  }
  char bytes[kSmallBytesMax];
  char* out = bytes + Listpack::kCountBytes;
  const auto put_old = [&] {
    std::memcpy(out, there.bytes.data(), there.bytes.size());
    out += there.bytes.size();
  };
  if (end == ListEnd::kBack) {
    put_old();
    for (const std::string_view value : values) {
      out = write_packed(PackedValue::of(value), out);
    }
  } else {
    for (size_t i = values.size(); i-- > 0;) {
      out = write_packed(PackedValue::of(values[i]), out);
    }
    put_old();
  }
  Listpack::write_count(bytes, count);
  edit_.set_flat(kType, kEncoding, {bytes, size});
  return true;
}

// False, with nothing changed, if the result would not be small.
bool ListEdit::splice_small(const ListpackSplice& edit) {
  if (!may_be_small(edit.bare_bytes(), edit.count)) {
    return false;
  }
  splice_flat(edit_, kType, kEncoding, edit);
  return true;
}

void ListEdit::drop(ListEnd end, uint64_t n) {
  if (is_large()) {
    large().drop(end, n);
    return;
  }
  const Listpack pack = small();
  const size_t first = end == ListEnd::kFront ? 0 : pack.count() - n;
  // It was small before, whatever the limits say by now.
  splice_flat(edit_, kType, kEncoding, pack.erase(pack.seek(static_cast<int64_t>(first)), n));
}

void ListEdit::set(uint64_t index, std::string_view value) {
  const PackedValue packed = PackedValue::of(value);
  if (!is_large()) {
    const Listpack pack = small();
    const Listpack::Position at = pack.seek(static_cast<int64_t>(index));
    if (splice_small(pack.replace(at, 1, {&packed, 1}))) {
      return;
    }
  }
  (is_large() ? large() : make_large()).set(index, packed, limits_);
}

void ListEdit::insert(uint64_t index, std::string_view value) {
  const PackedValue packed = PackedValue::of(value);
  if (!is_large()) {
    const Listpack pack = small();
    const Listpack::Position at =
        index == pack.count() ? pack.end() : pack.seek(static_cast<int64_t>(index));
    if (splice_small(pack.insert(at, {&packed, 1}))) {
      return;
    }
  }
  (is_large() ? large() : make_large()).insert(index, packed, limits_);
}

uint64_t ListEdit::remove(std::string_view text, ListEnd from, uint64_t max) {
  const PackedNeedle needle(text);
  if (is_large()) {
    return large().remove(needle, from, max, limits_);
  }
  const std::string_view old = small().bare();
  char bytes[kSmallBytesMax];
  std::memcpy(bytes, old.data(), old.size());
  size_t skip = 0;
  if (from == ListEnd::kBack) {
    const size_t found = count_matches(small(), needle);
    skip = found > max ? found - max : 0;
  }
  const RemovedMatches gone = remove_matches({bytes, old.size()}, needle, skip, max);
  if (gone.count > 0) {
    edit_.set_flat(kType, kEncoding, {bytes, gone.bytes});
  }
  return gone.count;
}

}  // namespace pollux
