// The small collection of a key: reading its listpack, and carrying out a splice (listpack.h,
// intset.h) on it.
#pragma once

#include "src/data/intset.h"
#include "src/data/keyspace.h"
#include "src/data/listpack.h"

namespace pollux {

// What the entry has as a bare listpack; of no entry, the one without elements. It lives until the
// key changes.
inline Listpack flat_pack(const Entry* entry) {
  return entry == nullptr ? Listpack() : Listpack(entry->flat());
}

// Requires that edit.entry() is small, of this type, and what the splice was made from; or absent,
// and the splice made from the empty one. What comes with the splice must not be part of the key's
// value. Pointers into the entry end here.
void splice_flat(Edit& edit, ValueType type, Encoding encoding, const ListpackSplice& splice);
void splice_flat(Edit& edit, ValueType type, Encoding encoding, const IntsetSplice& splice);

}  // namespace pollux
