#include "src/rdb/pack_builder.h"

#include <algorithm>
#include <vector>

#include "src/base/hash.h"
#include "src/rdb/old_forms.h"

namespace pollux {

bool readable_pack(std::string_view bytes, size_t& count) {
  return bytes.size() <= Listpack::kBytesMax && Listpack::valid(bytes, &count);
}

bool pack_ziplist(std::string_view ziplist, std::string& pack) {
  ZiplistReader reader(ziplist);
  PackBuilder builder;
  PackedValue element;
  while (reader.next(element)) {
    if (!builder.add(element)) {
      return false;
    }
  }
  pack = builder.finish();
  return reader.complete();
}

// By the hash of keys, whose secret keeps it from being chosen, 32 bits of it: elements with the
// same stand together in the sorted order, few of them by chance, and are compared.
bool has_duplicates(const Listpack& pack, size_t skip) {
  struct Element {
    uint32_t hash;
    Listpack::Position at;
  };
  std::vector<Element> elements;
  char scratch[kInt64TextMax];
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    const Listpack::Position start = at;
    const uint64_t hash = key_hash(pack.take(at).text(scratch));
    elements.push_back({static_cast<uint32_t>(hash >> 32), start});
    for (size_t n = skip; n > 0 && at != pack.end(); --n) {
      at = pack.next(at);
    }
  }
  const auto text_before = [&pack](const Element& a, const Element& b) {
    char a_scratch[kInt64TextMax];
    char b_scratch[kInt64TextMax];
    return pack.get(a.at).text(a_scratch) < pack.get(b.at).text(b_scratch);
  };
  const auto before = [&](const Element& a, const Element& b) {
    return a.hash != b.hash ? a.hash < b.hash : text_before(a, b);
  };
  std::sort(elements.begin(), elements.end(), before);
  const auto same = [&](const Element& a, const Element& b) { return !before(a, b); };
  return std::adjacent_find(elements.begin(), elements.end(), same) != elements.end();
}

}  // namespace pollux
