#include "src/data/flat_edit.h"

#include <algorithm>

namespace pollux {

namespace {

template <typename Splice>
void carry_out(Edit& edit, ValueType type, Encoding encoding, const Splice& splice,
               std::string_view empty) {
  const Entry* entry = edit.entry();
  if (splice.total <= Entry::kInlineValueMax && (entry == nullptr || !entry->value_is_outside())) {
    // Made beside it and stored in one go: mostly the size of the block changes.
    char result[Entry::kInlineValueMax];
    splice.build((entry == nullptr ? empty : entry->flat()).data(), result);
    edit.set_flat(type, encoding, {result, splice.total});
    return;
  }
  if (entry == nullptr) {
    edit.set_flat(type, encoding, empty);
  }
  const size_t before = edit.entry()->flat().size();
  splice.apply(edit.resize_flat(type, encoding, std::max(before, splice.total)).data());
  if (splice.total < before) {
    edit.resize_flat(type, encoding, splice.total);
  }
}

}  // namespace

void splice_flat(Edit& edit, ValueType type, Encoding encoding, const ListpackSplice& splice) {
  carry_out(edit, type, encoding, splice, Listpack::kEmpty);
}

void splice_flat(Edit& edit, ValueType type, Encoding encoding, const IntsetSplice& splice) {
  carry_out(edit, type, encoding, splice, Intset::kEmpty);
}

}  // namespace pollux
