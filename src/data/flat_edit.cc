#include "src/data/flat_edit.h"

#include <algorithm>

namespace pollux {

namespace {

// `size`: of the result.
template <typename Splice>
void carry_out(Edit& edit, ValueType type, Encoding encoding, const Splice& splice, size_t size,
               std::string_view empty) {
  const Entry* entry = edit.entry();
  if (size <= Entry::kInlineValueMax && (entry == nullptr || !entry->value_is_outside())) {
    edit.splice_inside(type, encoding, splice, size, empty);
    return;
  }
  if (entry == nullptr) {
    edit.set_flat(type, encoding, empty);
  }
  const size_t before = edit.entry()->flat().size();
  splice.apply(edit.resize_flat(type, encoding, std::max(before, size)).data());
  if (size < before) {
    edit.resize_flat(type, encoding, size);
  }
}

}  // namespace

void splice_flat(Edit& edit, ValueType type, Encoding encoding, const ListpackSplice& splice) {
  carry_out(edit, type, encoding, splice, splice.bare_bytes(), Listpack().bare());
}

void splice_flat(Edit& edit, ValueType type, Encoding encoding, const IntsetSplice& splice) {
  carry_out(edit, type, encoding, splice, splice.total, Intset::kEmpty);
}

}  // namespace pollux
