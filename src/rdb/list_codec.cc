// Lists: kListQuicklist2, node by node, as they stand. A long element that is a node of its own is
// written as a listpack of one, as redis-server does up to 1 GB.
#include "src/data/large_list.h"
#include "src/data/list_value.h"
#include "src/rdb/old_forms.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/part_codecs.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

void write_container(RdbContainer container, std::string_view bytes, RdbWriter& out) {
  out.length(static_cast<uint64_t>(container));
  out.text(bytes);
}

// A list that grows at its end: small as long as it may be, then large.
class ListBuilder {
 public:
  ListBuilder(const EncodingLimits& limits, LooseValue& out)
      : limits_(ListLimits::of(limits)), out_(out) {}

  void add(const PackedValue& value) {
    if (list_ == nullptr) {
      const size_t bytes = small_.bytes() - Listpack::kFrameBytes + packed_bytes(value);
      if (may_be_small(bytes, small_.count() + 1)) {
        small_.add(value);
        return;
      }
      make_large();
    }
    list_->push(ListEnd::kBack, value, limits_);
  }

  // All elements of a valid listpack. One that fills a good part of a node becomes one.
  void add_pack(std::string_view bytes, size_t count) {
    const bool good = count > 0 && count <= limits_.count && bytes.size() <= limits_.bytes &&
                      bytes.size() >= limits_.bytes / 2;
    const Listpack pack = Listpack::framed(bytes.data());
    if (!good || may_be_small(pack.bare().size(), count)) {
      for (Listpack::Position at = Listpack::first(); at != pack.end();) {
        add(pack.take(at));
      }
      return;
    }
    if (list_ == nullptr) {
      make_large();
    }
    list_->append_listpack(pack);
  }

  bool finish() {
    if (list_ == nullptr && small_.count() > 0) {
      out_.set_framed(ValueType::kList, Encoding::kQuicklist, small_.finish());
      return true;
    }
    return list_ != nullptr;
  }

 private:
  bool may_be_small(size_t bare_bytes, size_t count) const {
    return bare_bytes <= Entry::kInlineValueMax && count <= limits_.count;
  }
  void make_large() {
    list_ = &out_.make_large<LargeList>(ValueType::kList, Encoding::kQuicklist);
    if (small_.count() > 0) {
      list_->append_listpack(Listpack::framed(small_.finish().data()));
    }
  }

  const ListLimits limits_;
  LooseValue& out_;
  PackBuilder small_;
  LargeList* list_ = nullptr;
};

bool read_ziplist(std::string_view bytes, ListBuilder& list) {
  ZiplistReader ziplist(bytes);
  PackedValue element;
  while (ziplist.next(element)) {
    list.add(element);
  }
  return ziplist.complete();
}

bool read_pack(std::string_view bytes, ListBuilder& list) {
  size_t count = 0;
  if (!readable_pack(bytes, count)) {
    return false;
  }
  list.add_pack(bytes, count);
  return true;
}

// A node of a quicklist; those without elements are left out, as redis-server does.
bool read_node(RdbType type, RdbReader& in, RdbText& text, ListBuilder& list) {
  auto container = static_cast<uint64_t>(RdbContainer::kPacked);
  if (type == RdbType::kListQuicklist2 && !in.length(container)) {
    return false;
  }
  if (!in.text(text)) {
    return false;
  }
  if (container == static_cast<uint64_t>(RdbContainer::kPlain)) {
    list.add(PackedValue::of(text.view()));
    return !text.view().empty();
  }
  if (container != static_cast<uint64_t>(RdbContainer::kPacked)) {
    return false;
  }
  return type == RdbType::kListQuicklist ? read_ziplist(text.view(), list)
                                         : read_pack(text.view(), list);
}

}  // namespace

void write_rdb_list_node(const ListNode& node, RdbWriter& out) {
  if (!node.plain()) {
    write_container(RdbContainer::kPacked, node.framed(), out);
    return;
  }
  const PackedValue element = node.end_value(ListEnd::kFront);
  PackBuilder pack;
  if (pack.add(element)) {
    write_container(RdbContainer::kPacked, pack.finish(), out);
  } else {
    write_container(RdbContainer::kPlain, element.string(), out);
  }
}

void write_rdb_plain_head(uint64_t bytes, RdbWriter& out) {
  out.length(static_cast<uint64_t>(RdbContainer::kPlain));
  out.length(bytes);
}

RdbType rdb_list_type(const Entry&) {
  return RdbType::kListQuicklist2;
}

void write_rdb_list(const Entry& entry, RdbWriter& out) {
  const auto* const list = static_cast<const LargeList*>(entry.collection());
  if (list == nullptr) {
    out.length(1);
    out.length(static_cast<uint64_t>(RdbContainer::kPacked));
    out.listpack(entry.flat());
    return;
  }
  out.length(list->node_count());
  list->for_each_node([&out](const ListNode& node) { write_rdb_list_node(node, out); });
}

bool read_rdb_list(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  ListBuilder list(limits, out);
  RdbText text;
  if (type == RdbType::kListZiplist) {
    return in.text(text) && read_ziplist(text.view(), list) && list.finish();
  }
  uint64_t count = 0;
  if (!in.count(count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (type == RdbType::kList) {
      if (!in.text(text)) {
        return false;
      }
      list.add(PackedValue::of(text.view()));
    } else if (!read_node(type, in, text, list)) {
      return false;
    }
  }
  return list.finish();
}

}  // namespace pollux
