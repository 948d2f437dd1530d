#include "src/data/list_value.h"

#include <cstring>

#include "src/base/assert.h"

namespace pollux {

Listpack ListEdit::small() const {
  const std::string_view bytes =
      edit_.entry() == nullptr ? Listpack::kEmpty : edit_.entry()->flat();
  POLLUX_ASSERT(bytes.size() <= kSmallBytesMax);
  return Listpack(bytes.data());
}

// The large form with all that is in the list; it takes the place of the small one.
LargeList& ListEdit::make_large() {
  LargeList* const list = edit_.memory().make<LargeList>();
  if (edit_.entry() != nullptr && !small().empty()) {
    list->append_listpack(small().whole());
  }
  edit_.set_collection(ValueType::kList, Encoding::kQuicklist, list);
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
  if (push_small(Listpack(Listpack::kEmpty.data()), ListEnd::kBack, values)) {
    return;
  }
  LargeList* const list = edit_.memory().make<LargeList>();
  for (const std::string_view value : values) {
    list->push(ListEnd::kBack, PackedValue::of(value), limits_);
  }
  edit_.set_collection(ValueType::kList, Encoding::kQuicklist, list);
}

// `old` with these at an end, as the key's value. It is made beside the entry and put in its place,
// which costs a copy of some hundred bytes. False if it would not be small.
bool ListEdit::push_small(const Listpack& old, ListEnd end,
                          std::span<const std::string_view> values) {
  const size_t old_bytes = old.bytes() - Listpack::kEmptyBytes;
  const size_t count = old.count() + values.size();
  size_t come = 0;
  for (const std::string_view value : values) {
    come += packed_bytes(value);
    if (!may_be_small(old.bytes() + come, count)) {
      return false;
    }
  }
  char bytes[kSmallBytesMax];
  char* out = bytes + Listpack::kHeaderBytes;
  const auto put_old = [&] {
    std::memcpy(out, old.whole().data() + Listpack::kHeaderBytes, old_bytes);
    out += old_bytes;
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
  Listpack::write_frame(bytes, old_bytes + come, count);
  edit_.set_flat(ValueType::kList, Encoding::kQuicklist,
                 {bytes, old_bytes + come + Listpack::kEmptyBytes});
  return true;
}

// False, with nothing changed, if the result would not be small.
bool ListEdit::splice_small(const ListpackSplice& edit) {
  if (!may_be_small(edit.total, edit.count)) {
    return false;
  }
  char bytes[kSmallBytesMax];
  edit.build(small().whole().data(), bytes);
  edit_.set_flat(ValueType::kList, Encoding::kQuicklist, {bytes, edit.total});
  return true;
}

void ListEdit::drop(ListEnd end, uint64_t n) {
  if (is_large()) {
    large().drop(end, n);
    return;
  }
  const Listpack pack = small();
  const size_t first = end == ListEnd::kFront ? 0 : pack.count() - n;
  const ListpackSplice edit = pack.erase(pack.seek(static_cast<int64_t>(first)), n);
  // It was small before, whatever the limits say by now.
  char bytes[kSmallBytesMax];
  edit.build(pack.whole().data(), bytes);
  edit_.set_flat(ValueType::kList, Encoding::kQuicklist, {bytes, edit.total});
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
  const std::string_view old = small().whole();
  char bytes[kSmallBytesMax];
  std::memcpy(bytes, old.data(), old.size());
  size_t skip = 0;
  if (from == ListEnd::kBack) {
    const size_t found = count_matches(small(), needle);
    skip = found > max ? found - max : 0;
  }
  const size_t removed = remove_matches(bytes, needle, skip, max);
  if (removed > 0) {
    edit_.set_flat(ValueType::kList, Encoding::kQuicklist, Listpack(bytes).whole());
  }
  return removed;
}

}  // namespace pollux
