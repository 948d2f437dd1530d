#include "src/data/listpack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/test_bytes.h"

namespace pollux {
namespace {

using Position = Listpack::Position;
using Texts = std::vector<std::string>;

// The listpack without elements as redis-server has it.
const std::string kEmptyFramed = from_hex("070000000000ff");

// Bytes in a block of exactly their size, so that a sanitizer sees each byte too far.
class Exact {
 public:
  explicit Exact(std::string_view bytes = {}) : block_(bytes.begin(), bytes.end()) {}
  // With room for more.
  Exact(std::string_view bytes, size_t size) : block_(size) {
    std::copy(bytes.begin(), bytes.end(), block_.begin());
  }
  char* data() { return block_.data(); }
  std::string_view bytes() const { return {block_.data(), block_.size()}; }

 private:
  std::vector<char> block_;
};

// A listpack in both forms. Reads are of the bare one; edits are of both, which have to agree.
class Owned {
 public:
  explicit Owned(std::string_view framed = kEmptyFramed) { take(framed); }

  Listpack view() const { return Listpack(bare_.bytes()); }
  // Framed.
  std::string_view bytes() const { return framed_.bytes(); }

  void edit_in_place(const ListpackSplice& splice) {
    ASSERT_EQ(splice.total_before, bytes().size());
    Exact bare(bare_.bytes(), std::max(splice.bare_bytes(), splice.bare_before()));
    Exact framed(bytes(), std::max(splice.total, splice.total_before));
    splice.apply(bare.data());
    splice.apply_framed(framed.data());
    take(framed.bytes().substr(0, splice.total));
    ASSERT_EQ(bare.bytes().substr(0, splice.bare_bytes()), bare_.bytes());
  }
  void edit_by_copy(const ListpackSplice& splice) {
    Exact bare({}, splice.bare_bytes());
    splice.build(bare_.bytes().data(), bare.data());
    Exact framed({}, splice.total);
    Listpack::write_framed(bare.bytes(), framed.data());
    take(framed.bytes());
  }
  void append(const Texts& texts) {
    const std::vector<PackedValue> values = packed(texts);
    edit_by_copy(view().insert(view().end(), values));
  }
  static std::vector<PackedValue> packed(Texts&&) = delete;  // values are views
  static std::vector<PackedValue> packed(const Texts& texts) {
    std::vector<PackedValue> values;
    for (const std::string& text : texts) {
      values.push_back(PackedValue::of(text));
    }
    return values;
  }

 private:
  // Bytes from wherever; if they are cut short, there is nothing bare.
  void take(std::string_view framed) {
    framed_ = Exact(framed);
    bare_ = Exact(framed.size() < Listpack::kEmptyBytes ? framed : Listpack::bare(framed));
  }

  Exact framed_;
  Exact bare_;
};

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

Texts forward(const Listpack& pack) {
  Texts texts;
  for (Position at = Listpack::first(); at != pack.end();) {
    texts.push_back(text_of(pack.take(at)));
  }
  return texts;
}

Texts backward(const Listpack& pack) {
  Texts texts;
  for (Position at = pack.end(); at != Listpack::first();) {
    texts.insert(texts.begin(), text_of(pack.take_back(at)));
  }
  return texts;
}

// Every way to read, against the model.
void expect_reads(const Owned& owned, const Texts& model) {
  const Listpack pack = owned.view();
  size_t count = 0;
  ASSERT_TRUE(Listpack::valid(owned.bytes(), &count));
  ASSERT_EQ(Listpack::whole(owned.bytes().data()), owned.bytes());
  ASSERT_EQ(Listpack::framed(owned.bytes().data()).bare(), pack.bare());
  ASSERT_EQ(pack.bytes(), owned.bytes().size());
  ASSERT_EQ(count, model.size());
  ASSERT_EQ(pack.count(), model.size());
  ASSERT_EQ(pack.empty(), model.empty());
  ASSERT_EQ(forward(pack), model);
  ASSERT_EQ(backward(pack), model);
  ASSERT_EQ(pack.run().bytes.size() + Listpack::kEmptyBytes, pack.bytes());
  const auto size = static_cast<int64_t>(model.size());
  size_t bytes = Listpack::kEmptyBytes;
  Position at = Listpack::first();
  for (int64_t i = 0; i < size; ++i) {
    ASSERT_EQ(pack.seek(i), at);
    ASSERT_EQ(pack.seek(i - size), at);
    const std::string& text = model[static_cast<size_t>(i)];
    ASSERT_EQ(pack.element_bytes(at), packed_bytes(text));
    ASSERT_TRUE(pack.get(at).equals(text));
    ASSERT_FALSE(pack.get(at).equals(text + "x"));
    bytes += packed_bytes(text);
    const Position next = pack.next(at);
    ASSERT_EQ(pack.prev(next), at);
    at = next;
  }
  ASSERT_EQ(at, pack.end());
  ASSERT_EQ(pack.bytes(), bytes);
  ASSERT_EQ(pack.prev(Listpack::first()), Listpack::kNone);
  ASSERT_EQ(pack.last(), model.empty() ? Listpack::kNone : pack.seek(size - 1));
  ASSERT_EQ(pack.seek(size), Listpack::kNone);
  ASSERT_EQ(pack.seek(-size - 1), Listpack::kNone);
}

constexpr int64_t kIntMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kIntMin = std::numeric_limits<int64_t>::min();

// --- against redis-server 7.0.15 ---
//
// The bytes are from DUMP (type byte, and length or node header, taken off in front, the ten bytes
// of version and checksum behind), with rdbcompression no and list-max-listpack-size -5:
//   RPUSH ints 0 1 63 64 ...        RPUSH texts "" a -0 ...
//   HSET h f hello age 42 neg -7    ZADD z 1 a 2.5 b -3 10 1e20 c inf d

struct Captured {
  const char* name;
  std::string bytes;
  Texts texts;
};

std::vector<Captured> captured() {
  const std::string bits_63(63, 'x');
  const std::string bits_64(64, 'y');
  std::string texts = from_hex(
      "d00000000b008001816102822d300382303103822b3103933932323333373230333638353437373538303814942d"
      "393232333337323033363835343737353830391583312e350482203103bf");
  texts += bits_63 + from_hex("40e040") + bits_64 + from_hex("42ff");
  return {
      {"integers of each width",
       from_hex("810000001900000101013f0140017f01c08002dfff02cfff02f1001003d00002f1ffef03f1ff7f03f2"
                "00800004f1008003f2ff7fff04f2ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05"
                "f4000000800000000009f30000008005f4ffffff7fffffffff09f4ffffffffffffff7f09f400000000"
                "0000008009ff"),
       {"0",
        "1",
        "63",
        "64",
        "127",
        "128",
        "-1",
        "4095",
        "4096",
        "-4096",
        "-4097",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "8388607",
        "8388608",
        "-8388608",
        "-8388609",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808"}},
      {"texts that are nearly integers, and lengths",
       texts,
       {"", "a", "-0", "01", "+1", "9223372036854775808", "-9223372036854775809", "1.5", " 1",
        bits_63, bits_64}},
      {"hash",
       from_hex("2000000006008166028568656c6c6f0683616765042a01836e656704dff902ff"),
       {"f", "hello", "age", "42", "neg", "-7"}},
      {"sorted set",
       from_hex("2b0000000a000a01dffd02816102010181620283322e35048163028531652b32300681640283696e66"
                "04ff"),
       {"10", "-3", "a", "1", "b", "2.5", "c", "1e+20", "d", "inf"}},
  };
}

TEST(Listpack, ReadsAndWritesWhatRedisDoes) {
  for (const Captured& one : captured()) {
    SCOPED_TRACE(one.name);
    expect_reads(Owned(one.bytes), one.texts);
    Owned made;
    made.append(one.texts);
    EXPECT_EQ(made.bytes(), one.bytes);
  }
}

// What redis-server 7.0.15 wrote before and behind the n bytes of HSET b f xxx..., with
// hash-max-listpack-value 400000000: the widths of lengths, and of back lengths, whose limits are
// at 16382 and 2097150 bytes.
TEST(Listpack, LongStringsStandAsInRedis) {
  const struct {
    size_t size;
    const char* before;
    const char* behind;
  } cases[] = {
      {121, "860000000200816602e079", "7bff"},
      {125, "8a0000000200816602e07d", "7fff"},
      {126, "8c0000000200816602e07e", "0180ff"},
      {4095, "0d1000000200816602efff", "2081ff"},
      {4096, "111000000200816602f000100000", "2085ff"},
      {16377, "0a4000000200816602f0f93f0000", "7ffeff"},
      {16378, "0c4000000200816602f0fa3f0000", "00ffffff"},
      {16379, "0d4000000200816602f0fb3f0000", "018080ff"},
      {2097145, "0b0020000200816602f0f9ff1f00", "7ffffeff"},
      {2097146, "0d0020000200816602f0faff1f00", "00ffffffff"},
      {2097147, "0e0020000200816602f0fbff1f00", "01808080ff"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.size);
    const std::string value(one.size, 'x');
    Owned made;
    made.append({"f", value});
    EXPECT_TRUE(made.bytes() == from_hex(one.before) + value + from_hex(one.behind));
    expect_reads(made, {"f", value});
    EXPECT_NE(made.view().find(value, Listpack::first()), Listpack::kNone);
  }
}

// --- values ---

TEST(PackedValue, IsAnIntegerIfWrittenLikeOne) {
  EXPECT_TRUE(PackedValue::of("0").is_integer());
  EXPECT_TRUE(PackedValue::of("-9223372036854775808").is_integer());
  EXPECT_EQ(PackedValue::of("-9223372036854775808").integer(), kIntMin);
  for (const char* text : {"", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808"}) {
    EXPECT_FALSE(PackedValue::of(text).is_integer()) << text;
    EXPECT_EQ(text_of(PackedValue::of(text)), text);
  }
  EXPECT_FALSE(PackedValue::of(std::string_view()).is_integer());
  EXPECT_TRUE(PackedValue::of(std::string_view()).equals(""));
}

TEST(PackedValue, EqualsWhatItsTextIs) {
  EXPECT_TRUE(PackedValue(42).equals("42"));
  EXPECT_FALSE(PackedValue(42).equals("042"));
  EXPECT_FALSE(PackedValue(0).equals(""));
  EXPECT_TRUE(PackedValue::of("abc").equals("abc"));
  EXPECT_FALSE(PackedValue::of("abc").equals("ab"));
}

// Each size at which another width begins, and its neighbours, alone and before an element.
TEST(Listpack, EveryBoundaryOfEncodings) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    for (int64_t near = -2; near <= 2; ++near) {
      const int64_t value = (int64_t{1} << bit) + near;
      for (const int64_t signed_value : {value, -value}) {
        Owned made;
        const std::string text = std::to_string(signed_value);
        made.append({text, "z", text});
        expect_reads(made, {text, "z", text});
        EXPECT_TRUE(made.view().get(Listpack::first()).is_integer());
        EXPECT_EQ(made.view().find(text, made.view().seek(1)), made.view().seek(2));
      }
    }
  }
  for (const int64_t value : {kIntMax, kIntMin}) {
    EXPECT_EQ(packed_bytes(PackedValue(value)), 10U);
  }
  for (const size_t size :
       {0,  1,   2,   3,   4,    7,    8,    9,    15,    16,    17,    62,    63,   64,
        65, 125, 126, 127, 4094, 4095, 4096, 4097, 16375, 16376, 16377, 16378, 16379}) {
    Owned made;
    const std::string text(size, 's');
    made.append({"before", text, "behind"});
    expect_reads(made, {"before", text, "behind"});
    EXPECT_EQ(made.view().find(text, Listpack::first()), made.view().seek(1));
    std::string other = text;
    for (size_t i = 0; i < size; ++i) {
      other[i] = 't';
      EXPECT_EQ(made.view().find(other, Listpack::first()), Listpack::kNone);
      other[i] = 's';
    }
  }
}

// --- edits, against a vector ---

std::string random_text(Rng& rng) {
  switch (rng.below(6)) {
    case 0:
      return std::to_string(static_cast<int64_t>(rng.next() >> rng.below(64)));
    case 1:
      return std::to_string(-static_cast<int64_t>(rng.next() >> (1 + rng.below(63))));
    case 2:
      return std::string(rng.below(70), static_cast<char>('a' + rng.below(3)));
    case 3:
      return std::string(rng.below(40) == 0 ? rng.below(20'000) : rng.below(300), 'q');
    default:
      return std::to_string(rng.below(10)) + std::string(rng.below(3), '.');
  }
}

Texts random_texts(Rng& rng, size_t max) {
  Texts texts(rng.below(max + 1));
  for (std::string& text : texts) {
    text = random_text(rng);
  }
  return texts;
}

// Where the model has `needle`, from element `from` on, leaving out `skip` between two.
std::optional<size_t> model_find(const Texts& model, std::string_view needle, size_t from,
                                 size_t skip) {
  for (size_t i = from; i < model.size(); i += skip + 1) {
    if (model[i] == needle) {
      return i;
    }
  }
  return std::nullopt;
}

void expect_finds(const Owned& owned, const Texts& model, Rng& rng) {
  const Listpack pack = owned.view();
  const size_t from = rng.below(model.size() + 1);
  const Position at = pack.advance(Listpack::first(), from);
  const size_t skip = rng.below(4);
  const std::string needle =
      model.empty() || rng.below(3) == 0 ? random_text(rng) : model[rng.below(model.size())];
  const std::optional<size_t> expected = model_find(model, needle, from, skip);
  ASSERT_EQ(pack.find(needle, at, skip),
            expected ? pack.advance(Listpack::first(), *expected) : Listpack::kNone)
      << needle << " from " << from << " skip " << skip;
}

class ListpackPlay : public testing::TestWithParam<uint64_t> {};

TEST_P(ListpackPlay, EditsLikeAVector) {
  Rng rng(GetParam());
  Owned owned;
  Texts model;
  for (int step = 0; step < 800; ++step) {
    const Listpack pack = owned.view();
    const size_t place = rng.below(model.size() + 1);
    const size_t most = std::min<size_t>(model.size() - place, 6);
    const size_t go = rng.below(2) == 0 ? rng.below(most + 1) : 0;
    const Texts come = random_texts(rng, 4);
    const std::vector<PackedValue> values = Owned::packed(come);
    Owned other;
    other.append(come);
    const Position at = place == model.size() ? pack.end() : pack.seek(static_cast<int64_t>(place));
    const bool as_run = rng.below(2) == 0;
    const ListpackSplice splice =
        as_run ? pack.replace(at, go, other.view().run()) : pack.replace(at, go, values);
    ASSERT_EQ(splice.total, splice.total_before - splice.gone + splice.come);
    if (rng.below(2) == 0) {
      owned.edit_in_place(splice);
    } else {
      owned.edit_by_copy(splice);
    }
    const auto begin = model.begin() + static_cast<ptrdiff_t>(place);
    model.erase(begin, begin + static_cast<ptrdiff_t>(go));
    model.insert(model.begin() + static_cast<ptrdiff_t>(place), come.begin(), come.end());
    ASSERT_EQ(forward(owned.view()), model) << "step " << step;
    expect_finds(owned, model, rng);
    if (step % 16 == 0) {
      expect_reads(owned, model);
    }
    if (model.size() > 60) {
      owned.edit_in_place(owned.view().erase(Listpack::first(), 50));
      model.erase(model.begin(), model.begin() + 50);
    }
  }
  expect_reads(owned, model);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ListpackPlay, testing::Range<uint64_t>(1, 9));

TEST(Listpack, InsertsAndErasesAtBothEnds) {
  Owned owned;
  const Texts texts = {"field", "7"};
  const std::vector<PackedValue> pair = Owned::packed(texts);
  owned.edit_in_place(owned.view().insert(Listpack::first(), pair));
  owned.edit_in_place(owned.view().insert(owned.view().end(), pair));
  expect_reads(owned, {"field", "7", "field", "7"});
  owned.edit_in_place(owned.view().erase(owned.view().seek(-2), 2));
  owned.edit_in_place(owned.view().erase(Listpack::first(), 2));
  EXPECT_EQ(owned.bytes(), kEmptyFramed);
  EXPECT_EQ(owned.view().bare(), Listpack().bare());
  expect_reads(owned, {});
}

// What comes may point into the source of a build: an element that moves within its listpack.
TEST(Listpack, BuildsFromItsOwnElements) {
  Owned owned;
  owned.append({"one", "two", "3"});
  const Listpack pack = owned.view();
  const PackedValue moved[] = {pack.get(pack.seek(1))};
  owned.edit_by_copy(pack.insert(pack.end(), moved));
  owned.edit_by_copy(
      owned.view().insert(Listpack::first(), owned.view().run(owned.view().seek(2), 2)));
  expect_reads(owned, {"3", "two", "one", "two", "3", "two"});
}

TEST(Listpack, MadeInOneGo) {
  const Texts texts = {"alpha", "-70000", std::string(100, 'b')};
  size_t elements = 0;
  for (const std::string& text : texts) {
    elements += packed_bytes(text);
  }
  std::string bytes(elements + Listpack::kEmptyBytes, '\0');
  char* out = bytes.data() + Listpack::kHeaderBytes;
  for (const std::string& text : texts) {
    out = write_packed(PackedValue::of(text), out);
  }
  Listpack::write_frame(bytes.data(), elements, texts.size());
  expect_reads(Owned(bytes), texts);
  char count[Listpack::kCountBytes];
  Listpack::write_count(count, texts.size());
  EXPECT_EQ(std::string_view(count, sizeof(count)),
            Listpack::bare(bytes).substr(0, Listpack::kCountBytes));
}

TEST(Listpack, CountsBeyondWhatItsHeaderHolds) {
  constexpr size_t kMany = 65534;
  Owned owned;
  owned.append(Texts(kMany, "5"));
  const PackedValue last[] = {PackedValue::of("last")};
  EXPECT_EQ(owned.bytes()[4], '\xfe');
  owned.edit_in_place(owned.view().insert(owned.view().end(), last));
  EXPECT_EQ(owned.bytes().substr(4, 2), "\xff\xff");
  EXPECT_EQ(owned.view().count(), kMany + 1);
  size_t count = 0;
  EXPECT_TRUE(Listpack::valid(owned.bytes(), &count));
  EXPECT_EQ(count, kMany + 1);
  EXPECT_EQ(owned.view().seek(kMany), owned.view().last());
  EXPECT_EQ(owned.view().seek(-1), owned.view().last());
  EXPECT_EQ(owned.view().seek(kMany + 1), Listpack::kNone);
  EXPECT_EQ(owned.view().seek(-int64_t{kMany} - 1), Listpack::first());
  EXPECT_EQ(owned.view().seek(-int64_t{kMany} - 2), Listpack::kNone);
  // Not known stays not known, and is right.
  owned.edit_in_place(owned.view().erase(Listpack::first(), kMany));
  EXPECT_EQ(owned.view().count(), 1U);
  expect_reads(owned, {"last"});
}

// --- bytes from the world ---

// Other writers choose other forms; they are read and found all the same.
TEST(Listpack, ReadsLongerFormsThanNeeded) {
  // "5" as a string of 6, 12 and 32 bits, and as integers of 16, 24, 32 and 64 bits.
  const std::string elements = from_hex(
      "81350220"
      "e0013503"
      "f00100000035"
      "06"
      "f1050003"
      "f205000004"
      "f30500000005"
      "f4050000000000000009");
  std::string bytes(Listpack::kHeaderBytes, '\0');
  bytes += elements.substr(0, 3) + elements.substr(4) + "\xff";
  Listpack::write_frame(bytes.data(), bytes.size() - Listpack::kEmptyBytes, 7);
  const Owned owned(bytes);
  size_t count = 0;
  ASSERT_TRUE(Listpack::valid(owned.bytes(), &count));
  EXPECT_EQ(count, 7U);
  EXPECT_EQ(forward(owned.view()), Texts(7, "5"));
  EXPECT_EQ(backward(owned.view()), Texts(7, "5"));
  size_t found = 0;
  for (Position at = Listpack::first(); at != owned.view().end(); at = owned.view().next(at)) {
    EXPECT_EQ(owned.view().find("5", at), at);
    ++found;
  }
  EXPECT_EQ(found, 7U);
}

TEST(Listpack, FindsTextsInLongerFormsThanNeeded) {
  std::string bytes = std::string(Listpack::kHeaderBytes, '\0') +
                      "\xe0\x02"
                      "ab"
                      "\x04" +
                      from_hex("f002000000") +
                      "cd"
                      "\x07\xff";
  Listpack::write_frame(bytes.data(), bytes.size() - Listpack::kEmptyBytes, 2);
  const Owned owned(bytes);
  ASSERT_TRUE(Listpack::valid(owned.bytes()));
  EXPECT_EQ(owned.view().find("ab", Listpack::first()), owned.view().seek(0));
  EXPECT_EQ(owned.view().find("cd", Listpack::first()), owned.view().seek(1));
}

TEST(Listpack, RejectsWhatIsNotOne) {
  const auto valid = [](const std::string& elements, uint16_t count) {
    std::string bytes = std::string(Listpack::kHeaderBytes, '\0') + elements + '\xff';
    Listpack::write_frame(bytes.data(), elements.size(), count);
    return Listpack::valid(Owned(bytes).bytes());
  };
  EXPECT_TRUE(valid(from_hex("816102"), 1));
  EXPECT_TRUE(valid(from_hex("816102"), 65535)) << "not known is no lie";
  EXPECT_TRUE(valid("", 0));
  EXPECT_FALSE(valid(from_hex("816102"), 2));
  EXPECT_FALSE(valid(from_hex("816103"), 1)) << "back length";
  EXPECT_FALSE(valid(from_hex("81610082"), 1)) << "back length, longer than needed";
  EXPECT_FALSE(valid(from_hex("826102"), 1)) << "data ends behind the elements";
  EXPECT_FALSE(valid(from_hex("e0"), 1)) << "cut in the length";
  EXPECT_FALSE(valid(from_hex("f0010000"), 1)) << "cut in the length";
  EXPECT_FALSE(valid(from_hex("f0ffffffff61"), 1)) << "length of 4 GiB";
  EXPECT_FALSE(valid(from_hex("f500"), 1)) << "no encoding";
  EXPECT_FALSE(valid(from_hex("ff00"), 1)) << "end mark inside";
  const std::string good =
      from_hex("2000000006008166028568656c6c6f0683616765042a01836e656704dff902ff");
  EXPECT_TRUE(Listpack::valid(good));
  EXPECT_FALSE(Listpack::valid(good + '\0'));
  EXPECT_FALSE(Listpack::valid(""));
  EXPECT_FALSE(Listpack::valid(kEmptyFramed.substr(0, 6)));
}

// Whatever was accepted must be safe to read in every way.
void read_all_if_valid(std::string_view bytes) {
  const Owned owned(bytes);
  size_t count = 0;
  if (!Listpack::valid(owned.bytes(), &count)) {
    return;
  }
  const Texts texts = forward(owned.view());
  ASSERT_EQ(texts.size(), count);
  ASSERT_EQ(backward(owned.view()), texts);
  ASSERT_EQ(owned.view().count(), count);
  for (const std::string& text : texts) {
    ASSERT_NE(owned.view().find(text, Listpack::first()), Listpack::kNone);
  }
}

TEST(Listpack, HostileBytesAreRefusedOrSafe) {
  std::vector<std::string> seeds;
  for (const Captured& one : captured()) {
    seeds.push_back(one.bytes);
  }
  Owned long_one;
  long_one.append({std::string(200, 'l'), "1", std::string(5000, 'm'), "tail"});
  seeds.emplace_back(long_one.bytes());
  for (const std::string& seed : seeds) {
    for (size_t size = 0; size < seed.size(); ++size) {
      ASSERT_FALSE(Listpack::valid(Owned(std::string_view(seed).substr(0, size)).bytes()));
      // With the header and the end mark set right, so that the elements are looked at.
      if (size >= Listpack::kEmptyBytes) {
        std::string cut = seed.substr(0, size);
        Listpack::write_frame(cut.data(), size - Listpack::kEmptyBytes, Listpack::kCountUnknown);
        read_all_if_valid(cut);
      }
    }
    for (size_t bit = 0; bit < seed.size() * 8; ++bit) {
      std::string flipped = seed;
      flipped[bit / 8] ^= static_cast<char>(1U << bit % 8);
      read_all_if_valid(flipped);
    }
  }
  Rng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string noise = seeds[rng.below(4)];
    for (uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
      noise[Listpack::kHeaderBytes + rng.below(noise.size() - Listpack::kHeaderBytes)] =
          static_cast<char>(rng.next());
    }
    Listpack::write_frame(noise.data(), noise.size() - Listpack::kEmptyBytes,
                          Listpack::kCountUnknown);
    read_all_if_valid(noise);
  }
}

}  // namespace
}  // namespace pollux
