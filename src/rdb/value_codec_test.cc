// Values of every type and form through their bytes and back, under the same limits and others; and
// what is refused. That redis-server reads and writes the same is tested in
// tests/integration/test_dump.py.
#include "src/rdb/value_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/hash_value.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/zset_value.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/test_codec.h"

namespace pollux {
namespace {

using Texts = std::vector<std::string>;

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

// All that is in a value, in an order of its own; of lists and sorted sets in theirs.
Texts content_of(const Entry& entry) {
  Texts all;
  const auto add = [&all](const PackedValue& value) {
    all.push_back(text_of(value));
    return true;
  };
  char scratch[kInt64TextMax];
  switch (entry.type()) {
    case ValueType::kString:
      return {std::string(entry.string(scratch))};
    case ValueType::kList:
      ListView(entry).walk(0, ListEnd::kBack, add);
      return all;
    case ValueType::kSet:
      SetView(&entry).for_each(add);
      break;
    case ValueType::kHash:
      HashView(&entry).for_each([&all](const HashView::Pair& pair) {
        all.push_back(text_of(pair.field) + "=" + text_of(pair.value));
      });
      break;
    default:
      ZsetView(&entry).visit_all([&all](std::string_view member, double score) {
        all.push_back(std::string(member) + "=" + std::to_string(score));
      });
      return all;
  }
  std::sort(all.begin(), all.end());
  return all;
}

class ValueCodec : public CodecTest {
 protected:
  const Entry* at(std::string_view name) { return keys_.peek(Key::of(name)); }
  template <typename Change>
  const Entry* make(std::string_view name, Change change) {
    Edit edit(keys_, Key::of(name));
    change(edit);
    edit.notify(KeyEvent::kSet);
    return edit.entry();
  }

  static std::string bytes_of(const Entry& entry) {
    return CodecTest::bytes_of(entry, /*compress=*/true);
  }

  // Through its bytes and back, under its limits and all others; nothing is read of less.
  void round_trip(const Entry& entry, Encoding encoding) {
    const RdbType type = rdb_type_of(entry);
    const std::string bytes = bytes_of(entry);
    const Texts content = content_of(entry);
    const Entry* again = read(type, bytes);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(again->type(), entry.type());
    EXPECT_EQ(again->encoding(), encoding);
    EXPECT_EQ(content_of(*again), content);
    EncodingLimits none;
    none.hash_listpack_entries = none.set_intset_entries = none.zset_listpack_entries = 0;
    none.list_listpack_size = 1;
    EncodingLimits all;
    all.hash_listpack_entries = all.set_intset_entries = all.zset_listpack_entries = 100'000;
    all.hash_listpack_value = all.zset_listpack_value = 1'000'000;
    all.list_listpack_size = -5;
    for (const EncodingLimits& limits : {none, all}) {
      again = read(type, bytes, limits);
      ASSERT_NE(again, nullptr);
      EXPECT_EQ(content_of(*again), content);
    }
    for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50) {
      EXPECT_EQ(read(type, bytes.substr(0, size)), nullptr) << size;
    }
  }
};

// Of many lengths, some of them integers, all different.
std::string element(int i, size_t long_bytes = 60) {
  if (i % 3 == 0) {
    return std::to_string((i % 2 == 0 ? 1 : -1) * (int64_t{i} << (i % 50)) + i);
  }
  return "e" + std::to_string(i) + std::string(i % 7 == 0 ? long_bytes : 0, 'x');
}

TEST_F(ValueCodec, Strings) {
  for (const std::string& text : {std::string(), std::string("abc"), std::string("-12"),
                                  std::string("9223372036854775807"), std::string(44, 'a'),
                                  std::string(45, 'a'), std::string(100'000, 'z')}) {
    const Entry* entry = make("k", [&](Edit& edit) { edit.set_string(text); });
    round_trip(*entry, entry->encoding());
  }
  // The form is the one that SET would choose.
  round_trip(*make("k", [](Edit& edit) { edit.set_raw("12"); }), Encoding::kInt);
}

TEST_F(ValueCodec, Lists) {
  for (const int elements : {1, 20, 500, 5000, 40'000}) {
    const Entry* entry = make("k" + std::to_string(elements), [&](Edit& edit) {
      for (int i = 0; i < elements; ++i) {
        ListEdit(edit, limits_).push(i % 5 == 0 ? ListEnd::kFront : ListEnd::kBack,
                                     i == 250 ? std::string(20'000, 'L') : element(i));
      }
    });
    round_trip(*entry, Encoding::kQuicklist);
  }
}

TEST_F(ValueCodec, Sets) {
  const auto set_of = [this](int members, const auto& name) {
    return make("k", [&](Edit& edit) {
      if (edit.entry() != nullptr) {
        edit.remove();
      }
      for (int i = 0; i < members; ++i) {
        const std::string text = name(i);
        SetEditor(edit, limits_).add(SetMember(text));
      }
    });
  };
  const auto number = [](int i) { return std::to_string(i * 1000 - 5); };
  const auto text = [](int i) { return element(i); };
  for (const int members : {1, 128, 129, 512}) {
    round_trip(*set_of(members, number), Encoding::kIntset);
    round_trip(*set_of(members, text), members == 1 ? Encoding::kIntset : Encoding::kHashtable);
  }
  round_trip(*set_of(513, number), Encoding::kHashtable);
  round_trip(*set_of(5000, text), Encoding::kHashtable);
  round_trip(*set_of(3, [](int i) { return element(7 * i + 1, 500); }), Encoding::kHashtable);
  const Entry* packed = set_of(100, text);
  EXPECT_EQ(rdb_type_of(*packed), RdbType::kSet);
  const Entry* again = read(RdbType::kSet, bytes_of(*packed));
  EXPECT_EQ(again->collection(), nullptr);
}

TEST_F(ValueCodec, Hashes) {
  for (const int fields : {1, 300, 512, 513, 5000}) {
    const Entry* entry = make("k" + std::to_string(fields), [&](Edit& edit) {
      for (int i = 0; i < fields; ++i) {
        HashEditor(edit, limits_).set(element(i, 50), element(i * 3, 30));
      }
    });
    const bool small = fields <= 512;
    EXPECT_EQ(rdb_type_of(*entry), small ? RdbType::kHashListpack : RdbType::kHash);
    round_trip(*entry, small ? Encoding::kListpack : Encoding::kHashtable);
  }
  round_trip(*make("l", [&](Edit& edit) {
    HashEditor(edit, limits_).set("f", "v");
    HashEditor(edit, limits_).set("g", std::string(3000, 'v'));
  }), Encoding::kHashtable);
}

TEST_F(ValueCodec, HashesWithTtlsOfFields) {
  for (const int fields : {1, 300, 512, 513, 5000}) {
    const Entry* entry = make("k" + std::to_string(fields), [&](Edit& edit) {
      HashEditor hash(edit, limits_);
      for (int i = 0; i < fields; ++i) {
        hash.set(element(i, 50), element(i * 3, 30));
        if (i % 5 != 1) {
          hash.set_expiry(element(i, 50), now_.ms() + i * 7919 % 1000);
        }
      }
    });
    const bool small = fields <= 512;
    EXPECT_EQ(rdb_type_of(*entry), small ? RdbType::kHashListpackEx : RdbType::kHashMetadata);
    const std::string before = CodecTest::bytes_of(*entry, false);
    round_trip(*entry, small ? Encoding::kListpackEx : Encoding::kHashtable);
    const Entry* again = read(rdb_type_of(*entry), before);
    EXPECT_EQ(again->field_timer_ms(), now_.ms());
    HashView(entry).for_each([&](const HashView::Pair& pair) {
      const std::string field = text_of(pair.field);
      EXPECT_EQ(HashView(again).expiry_ms(field), HashView(entry).expiry_ms(field));
    });
  }
  // Without times any server can read it.
  const Entry* entry = make("p", [&](Edit& edit) {
    HashEditor hash(edit, limits_);
    hash.set("f", "v");
    hash.set_expiry("f", now_.ms() + 10);
    hash.set_expiry("f", -1);
  });
  EXPECT_EQ(entry->encoding(), Encoding::kListpackEx);
  EXPECT_EQ(rdb_type_of(*entry), RdbType::kHash);
  round_trip(*entry, Encoding::kListpack);
}

// Read, read again over it, refused at every place: when the keys have gone, so has all of it.
TEST_F(ValueCodec, TtlsOfFieldsLeaveNothingBehind) {
  for (const int fields : {20, 2000}) {
    const Entry* entry = make("source", [&](Edit& edit) {
      HashEditor hash(edit, limits_);
      for (int i = 0; i < fields; ++i) {
        hash.set(element(i, 50), element(i * 3, 30));
        if (i % 3 != 1) {
          hash.set_expiry(element(i, 50), now_.ms() + 1 + i * 7919 % 1000);
        }
      }
    });
    const RdbType type = rdb_type_of(*entry);
    const std::string bytes = CodecTest::bytes_of(*entry, /*compress=*/false);
    for (int i = 0; i < 3; ++i) {
      ASSERT_NE(read(type, bytes), nullptr);
      store_.tick(now_, INT64_MAX);
    }
    for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50) {
      EXPECT_EQ(read(type, bytes.substr(0, size)), nullptr) << size;
    }
    // Half of what has a TTL ends; then the keys go.
    now_.us += 500'000;
    keys_.bind(ShardId{0}, 0, now_);
    store_.tick(now_, INT64_MAX);
    EXPECT_LT(HashView(keys_.peek(Key::of("read"))).size(), static_cast<size_t>(fields));
    for (const char* const name : {"source", "read"}) {
      Edit edit(keys_, Key::of(name));
      ASSERT_NE(edit.entry(), nullptr);
      edit.remove();
      edit.notify(KeyEvent::kDel);
    }
    store_.flush(0);
    while (store_.tick(now_, INT64_MAX)) {
    }
    EXPECT_EQ(store_.live_bytes(), 0) << fields;
    EXPECT_EQ(store_.used_bytes(), 0) << fields;
  }
}

TEST_F(ValueCodec, SortedSets) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const int elements : {1, 128, 129, 5000}) {
    const Entry* entry = make("k" + std::to_string(elements), [&](Edit& edit) {
      for (int i = 0; i < elements; ++i) {
        const double score = i == 7 ? kInfinity : i == 9 ? -kInfinity : (i * 7919 % 100) / 8.0;
        ZsetEditor(edit, limits_).add(Key::of(element(i, 50)), score, {});
      }
    });
    const bool small = elements <= 128;
    EXPECT_EQ(rdb_type_of(*entry), small ? RdbType::kZsetListpack : RdbType::kZset2);
    round_trip(*entry, small ? Encoding::kListpack : Encoding::kSkiplist);
  }
}

// --- what is written piece by piece ---

class Body {
 public:
  Body() : out_(sink_, /*compress=*/false) {}
  Body& n(uint64_t length) {
    out_.length(length);
    return *this;
  }
  Body& s(std::string_view text) {
    out_.text(text);
    return *this;
  }
  Body& score(double value) {
    out_.real(value);
    return *this;
  }
  Body& time(int64_t ms) {
    out_.time(ms);
    return *this;
  }
  Body& raw(std::string_view bytes) {
    sink_.append(bytes);
    return *this;
  }
  Body& pack(const Texts& texts) {
    PackBuilder builder;
    for (const std::string& text : texts) {
      builder.add(PackedValue::of(text));
    }
    return s(builder.finish());
  }
  operator std::string() { return sink_.take(); }  // NOLINT: implicit

 private:
  TestSink sink_;
  RdbWriter out_;
};

TEST_F(ValueCodec, OldTypesAreRead) {
  const Entry* entry = read(RdbType::kList, Body().n(3).s("a").s("1").s("a"));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(content_of(*entry), (Texts{"a", "1", "a"}));
  entry = read(RdbType::kZset, Body().n(2).s("b").raw("\x03" "2.5").s("a").raw("\xff"));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(content_of(*entry), (Texts{"a=-inf", "b=2.500000"}));
  EXPECT_EQ(entry->encoding(), Encoding::kListpack);
  entry = read(RdbType::kSetListpack, Body().pack({"1", "x"}));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(content_of(*entry), (Texts{"1", "x"}));
}

TEST_F(ValueCodec, LongTextsDoNotMakeAStoredListpackLarge) {
  const std::string text(100, 'v');
  EXPECT_EQ(read(RdbType::kHashListpack, Body().pack({"f", text}))->encoding(),
            Encoding::kListpack);
  EXPECT_EQ(read(RdbType::kHash, Body().n(1).s("f").s(text))->encoding(), Encoding::kHashtable);
}

// In the key's entry it has no frame; it leaves with the bytes that it came with, also a count that
// says nothing, in the entry and outside of it.
TEST_F(ValueCodec, AListpackLeavesAsItCame) {
  for (const size_t size : {1, 400, 500, 509, 600, 20'000}) {
    const std::string long_text(size, 'v');
    for (const bool counted : {true, false}) {
      PackBuilder builder;
      for (const std::string_view text : {std::string_view("a"), std::string_view(long_text)}) {
        builder.add(PackedValue::of(text));
      }
      std::string pack = builder.finish();
      if (!counted) {
        Listpack::write_count(pack.data() + Listpack::kLeadBytes, Listpack::kCountUnknown);
      }
      const std::string body = Body().s(pack);
      const Entry* entry = read(RdbType::kHashListpack, body);
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->flat().size(), pack.size() - Listpack::kFrameBytes);
      EXPECT_EQ(content_of(*entry), (Texts{"a=" + long_text}));
      EXPECT_EQ(CodecTest::bytes_of(*entry, /*compress=*/false), body);
    }
  }
}

TEST_F(ValueCodec, NodesWithoutElementsAreLeftOut) {
  const Entry* entry = read(RdbType::kListQuicklist2,
                            Body().n(3).n(2).pack({}).n(2).pack({"a"}).n(1).s("b"));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(content_of(*entry), (Texts{"a", "b"}));
  EXPECT_EQ(read(RdbType::kListQuicklist2, Body().n(1).n(2).pack({})), nullptr);
  EXPECT_EQ(read(RdbType::kListQuicklist2, Body().n(1).n(1).s("")), nullptr);
  EXPECT_EQ(read(RdbType::kListQuicklist2, Body().n(1).n(3).s("x")), nullptr);
}

TEST_F(ValueCodec, NothingIsRefused) {
  for (const RdbType type : {RdbType::kList, RdbType::kSet, RdbType::kZset, RdbType::kHash,
                             RdbType::kZset2, RdbType::kListQuicklist, RdbType::kListQuicklist2}) {
    EXPECT_EQ(read(type, Body().n(0)), nullptr);
    EXPECT_TRUE(is_empty_rdb_value(type, std::string(Body().n(0))));
  }
  for (const RdbType type :
       {RdbType::kHashListpack, RdbType::kZsetListpack, RdbType::kSetListpack}) {
    EXPECT_EQ(read(type, Body().pack({})), nullptr);
    EXPECT_TRUE(is_empty_rdb_value(type, std::string(Body().pack({}))));
  }
  EXPECT_EQ(read(RdbType::kSetIntset, Body().s(Intset::kEmpty)), nullptr);
}

TEST_F(ValueCodec, WhatIsDamagedIsNotEmpty) {
  const auto empty = [](RdbType type, const std::string& value) {
    return is_empty_rdb_value(type, value);
  };
  EXPECT_FALSE(empty(RdbType::kString, Body().s("")));
  EXPECT_FALSE(empty(RdbType::kSet, Body().n(1).s("")));
  EXPECT_FALSE(empty(RdbType::kSetIntset, Body().s(Intset::kEmpty)));  // an error to 7.0, too
  EXPECT_FALSE(empty(RdbType::kHashListpack, Body().s("")));
  EXPECT_FALSE(empty(RdbType::kHashListpack, Body().s("1234567")));
  EXPECT_FALSE(empty(RdbType::kHashZiplist, Body().s("12345678901")));
  EXPECT_FALSE(empty(RdbType::kHashListpack, Body().pack({"a", "b"})));
  EXPECT_FALSE(empty(RdbType::kListQuicklist2, Body().n(2).n(2).pack({}).n(2).pack({"a"})));
  EXPECT_FALSE(empty(RdbType::kListQuicklist2, Body().n(1).n(1).s("")));
  EXPECT_FALSE(empty(RdbType::kModule2, ""));
}

TEST_F(ValueCodec, ElementsThatComeTwiceAreRefused) {
  const std::string text(80, 'l');  // makes a table of what has been small
  EXPECT_EQ(read(RdbType::kSet, Body().n(3).s("1").s("2").s("1")), nullptr);
  EXPECT_EQ(read(RdbType::kSet, Body().n(3).s("a").s("2").s("a")), nullptr);
  EXPECT_EQ(read(RdbType::kSet, Body().n(3).s("a").s("a").s(text)), nullptr);
  EXPECT_EQ(read(RdbType::kSet, Body().n(3).s("a").s(text).s(text)), nullptr);
  EXPECT_EQ(read(RdbType::kSetListpack, Body().pack({"a", "b", "a"})), nullptr);
  EXPECT_EQ(read(RdbType::kHash, Body().n(2).s("f").s("1").s("f").s("2")), nullptr);
  EXPECT_EQ(read(RdbType::kHash, Body().n(2).s("f").s("1").s("f").s(text)), nullptr);
  EXPECT_EQ(read(RdbType::kHashListpack, Body().pack({"f", "1", "f", "2"})), nullptr);
  EXPECT_EQ(read(RdbType::kZset2, Body().n(2).s("m").score(1).s("m").score(2)), nullptr);
  EXPECT_EQ(read(RdbType::kZset2, Body().n(2).s(text).score(1).s(text).score(2)), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"m", "1", "m", "2"})), nullptr);
}

TEST_F(ValueCodec, ScoresAreNumbersInOrder) {
  EXPECT_EQ(read(RdbType::kZset2, Body().n(1).s("m").score(std::nan(""))), nullptr);
  EXPECT_EQ(read(RdbType::kZset, Body().n(1).s("m").raw("\xfd")), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"m", "nan"})), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"m", "x"})), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"m", "2", "n", "1.5"})), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"n", "2", "m", "2"})), nullptr);
  EXPECT_NE(read(RdbType::kZsetListpack, Body().pack({"m", "2", "n", "2"})), nullptr);
}

TEST_F(ValueCodec, FlatFormsAreWhole) {
  EXPECT_EQ(read(RdbType::kHashListpack, Body().pack({"f", "1", "g"})), nullptr);
  EXPECT_EQ(read(RdbType::kZsetListpack, Body().pack({"f", "1", "g"})), nullptr);
  EXPECT_EQ(read(RdbType::kHashListpack, Body().s("12345678")), nullptr);
  // Intsets: not in order, one twice, a width that is none, a count that is not right.
  const auto intset = [](std::string_view head, std::string_view numbers) {
    return std::string(Body().s(std::string(head) + std::string(numbers)));
  };
  using std::string_view_literals::operator""sv;
  EXPECT_NE(read(RdbType::kSetIntset, intset("\2\0\0\0\2\0\0\0"sv, "\1\0\2\0"sv)), nullptr);
  EXPECT_EQ(read(RdbType::kSetIntset, intset("\2\0\0\0\2\0\0\0"sv, "\2\0\1\0"sv)), nullptr);
  EXPECT_EQ(read(RdbType::kSetIntset, intset("\2\0\0\0\2\0\0\0"sv, "\1\0\1\0"sv)), nullptr);
  EXPECT_EQ(read(RdbType::kSetIntset, intset("\3\0\0\0\2\0\0\0"sv, "\1\0\2\0"sv)), nullptr);
  EXPECT_EQ(read(RdbType::kSetIntset, intset("\2\0\0\0\3\0\0\0"sv, "\1\0\2\0"sv)), nullptr);
}

TEST_F(ValueCodec, TimesOfFieldsAreTimesInOrder) {
  const auto packed = [this](const Texts& texts) {
    return read(RdbType::kHashListpackEx, Body().time(1).pack(texts));
  };
  const std::string now = std::to_string(now_.ms());
  const std::string later = std::to_string(now_.ms() + 1);
  EXPECT_NE(packed({"a", "1", now, "b", "2", later, "c", "3", "0"}), nullptr);
  EXPECT_NE(packed({"a", "1", "0", "b", "2", "0"}), nullptr);
  EXPECT_EQ(packed({"a", "1", later, "b", "2", now}), nullptr);
  EXPECT_EQ(packed({"a", "1", "0", "b", "2", now}), nullptr);
  EXPECT_EQ(packed({"a", "1", "x"}), nullptr);
  EXPECT_EQ(packed({"a", "1", "-1"}), nullptr);
  EXPECT_EQ(packed({"a", "1", "281474976710656"}), nullptr);
  EXPECT_NE(packed({"a", "1", "281474976710655"}), nullptr);
  EXPECT_EQ(packed({"a", "1"}), nullptr);
  EXPECT_EQ(packed({"a", "1", now, "b"}), nullptr);
  EXPECT_EQ(packed({"a", "1", now, "a", "2", now}), nullptr);
  EXPECT_EQ(packed({}), nullptr);

  const auto told = [this](int64_t first_ms, uint64_t later_by, std::string_view field = "b") {
    return read(RdbType::kHashMetadata,
                Body().time(first_ms).n(2).n(1).s("a").s("1").n(later_by).s(field).s("2"));
  };
  EXPECT_NE(told(now_.ms(), 0), nullptr);
  EXPECT_EQ(HashView(told(now_.ms(), 5)).expiry_ms("b"), now_.ms() + 4);
  EXPECT_EQ(told(now_.ms(), 5, "a"), nullptr);
  EXPECT_EQ(told(0, 5), nullptr);
  EXPECT_EQ(told(-7, 5), nullptr);
  EXPECT_EQ(told(INT64_MAX, 5), nullptr);
  EXPECT_EQ(told(now_.ms(), UINT64_MAX), nullptr);
  EXPECT_EQ(told(1, uint64_t{1} << 48), nullptr);
  EXPECT_NE(told(1, (uint64_t{1} << 48) - 1), nullptr);
}

TEST_F(ValueCodec, TypesThatAreNoneAreRefused) {
  for (int type = 0; type < 256; ++type) {
    const bool known = type <= 5 || (type >= 9 && type <= 21) || type == 24 || type == 25;
    if (!known) {
      EXPECT_EQ(read(static_cast<RdbType>(type), Body().n(1).s("a")), nullptr) << type;
    }
  }
  EXPECT_EQ(rdb_version_of(RdbType::kHashListpackEx), 12);
  EXPECT_EQ(rdb_version_of(RdbType::kHash), 10);
}

// Files of old servers have keys with nothing in them: they have an end, but make no value.
TEST_F(ValueCodec, CollectionsWithNothingInThemAreKnown) {
  const std::string listpack("\7\0\0\0\0\0\xff", 7);
  const std::string ziplist("\xb\0\0\0\xa\0\0\0\0\0\xff", 11);
  const std::pair<RdbType, std::string> nothing[] = {
      {RdbType::kList, Body().n(0)},
      {RdbType::kSet, Body().n(0)},
      {RdbType::kZset, Body().n(0)},
      {RdbType::kZset2, Body().n(0)},
      {RdbType::kHash, Body().n(0)},
      {RdbType::kListQuicklist, Body().n(0)},
      {RdbType::kListQuicklist, Body().n(2).s(ziplist).s(ziplist)},
      {RdbType::kListQuicklist2, Body().n(0)},
      {RdbType::kListQuicklist2, Body().n(1).n(2).s(listpack)},
      {RdbType::kHashMetadata, Body().time(1).n(0)},
      {RdbType::kHashListpackEx, Body().time(1).s(listpack)},
      {RdbType::kListZiplist, Body().s(ziplist)},
      {RdbType::kZsetZiplist, Body().s(ziplist)},
      {RdbType::kHashZiplist, Body().s(ziplist)},
      {RdbType::kHashListpack, Body().s(listpack)},
      {RdbType::kZsetListpack, Body().s(listpack)},
      {RdbType::kSetListpack, Body().s(listpack)},
  };
  for (const auto& [type, bytes] : nothing) {
    EXPECT_TRUE(is_empty_rdb_value(type, bytes)) << static_cast<int>(type);
    EXPECT_EQ(read(type, bytes), nullptr) << static_cast<int>(type);
    RdbReader in(bytes);
    EXPECT_TRUE(skip_rdb_value(type, in) && in.at_end()) << static_cast<int>(type);
  }
  const std::string one = Body().n(1).s("a");
  for (int type = 0; type < 256; ++type) {
    EXPECT_FALSE(is_empty_rdb_value(static_cast<RdbType>(type), one)) << type;
    EXPECT_FALSE(is_empty_rdb_value(static_cast<RdbType>(type), "")) << type;
  }
  const std::pair<RdbType, std::string> something[] = {
      {RdbType::kListQuicklist, Body().n(2).s(ziplist).s("a")},
      {RdbType::kListQuicklist2, Body().n(1).n(1).s(listpack)},
      {RdbType::kString, Body().s("")},
      {RdbType::kStreamListpacks, Body().n(0).n(0).n(0).n(0).n(0)},
  };
  for (const auto& [type, bytes] : something) {
    EXPECT_FALSE(is_empty_rdb_value(type, bytes)) << static_cast<int>(type);
  }
}

// A payload that claims much takes no more memory than one that has it.
TEST_F(ValueCodec, NothingStaysOfWhatIsRefused) {
  make("k", [](Edit& edit) { edit.set_string("v"); });
  store_.tick(now_, INT64_MAX);
  const int64_t before = store_.used_bytes();
  Body body;
  body.n(200'001);
  for (int i = 0; i < 200'000; ++i) {
    body.s(element(i));
  }
  EXPECT_EQ(read(RdbType::kSet, body.s("e1")), nullptr);
  while (store_.tick(now_, INT64_MAX)) {
  }
  EXPECT_LT(store_.used_bytes(), before + (64 << 10));
}

}  // namespace
}  // namespace pollux
