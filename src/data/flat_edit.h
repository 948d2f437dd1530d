// Carrying out a splice (listpack.h, intset.h) on the small collection of a key.
#pragma once

#include "src/data/intset.h"
#include "src/data/keyspace.h"
#include "src/data/listpack.h"

namespace pollux {

// Requires that edit.entry() is small, of this type, and what the splice was made from; or absent,
// and the splice made from kEmpty. What comes with the splice must not be part of the key's value.
// Pointers into the entry end here.
void splice_flat(Edit& edit, ValueType type, Encoding encoding, const ListpackSplice& splice);
void splice_flat(Edit& edit, ValueType type, Encoding encoding, const IntsetSplice& splice);

}  // namespace pollux
