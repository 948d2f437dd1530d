#include "dataplane/tcp/tables/siphash.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

// The key 00 01 .. 0f.
constexpr SipKey kVectorKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

// Of the messages "", 00, 00 01, ..: the vectors of the paper's authors for SipHash-2-4.
constexpr std::array<uint64_t, 64> kVectors24 = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
    0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
    0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
    0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
    0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
    0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
    0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
    0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
    0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

// The same for SipHash-1-3, from OpenSSL 3.0 (mac -macopt c-rounds:1 -macopt d-rounds:3 SIPHASH).
constexpr std::array<uint64_t, 64> kVectors13 = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
    0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
    0xf464aeb267349c8c, 0x45cd5928705b0979, 0x3a3e35e3ca9913a5, 0xa91dc74e4ade3b35,
    0xfb0bed02ef6cd00d, 0x88d93cb44ab1e1f4, 0x540f11d643c5e663, 0x2370dd1f8c21d1bc,
    0x81157b6c16a7b60d, 0x4d54b9e57a8ff9bf, 0x759f12781f2a753e, 0xcea1a3bebf186b91,
    0x2cf508d3ada26206, 0xb6101c2da3c33057, 0xb3f47496ae3a36a1, 0x626b57547b108392,
    0xc1d2363299e41531, 0x667cc1923f1ad944, 0x65704ffec8138825, 0x24f280d1c28949a6,
    0xc2ca1cedfaf8876b, 0xc2164bfc9f042196, 0xa16e9c9368b1d623, 0x49fb169c8b5114fd,
    0x9f3143f8df074c46, 0xc6fdaf2412cc86b3, 0x7eaf49d10a52098f, 0x1cf313559d292f9a,
    0xc44a30dda2f41f12, 0x36fae98943a71ed0, 0x318fb34c73f0bce6, 0xa27abf3670a7e980,
    0xb4bcc0db243c6d75, 0x23f8d852fdb71513, 0x8f035f4da67d8a08, 0xd89cd0e5b7e8f148,
    0xf6f4e6bcf7a644ee, 0xaec59ad80f1837f2, 0xc3b2f6154b6694e0, 0x9d199062b7bbb3a8,
};

TEST(SipHashTest, Vectors) {
  std::vector<uint8_t> message;
  for (size_t size = 0; size < 64; ++size) {
    EXPECT_EQ(siphash24(kVectorKey, message), kVectors24[size]) << size;
    EXPECT_EQ(siphash13(kVectorKey, message), kVectors13[size]) << size;
    message.push_back(static_cast<uint8_t>(size));
  }
}

TEST(SipHashTest, LongMessagesCountTheirBytesModulo256) {
  std::vector<uint8_t> message(300, 7);
  const uint64_t whole = siphash24(kVectorKey, message);
  message.resize(44);
  EXPECT_NE(siphash24(kVectorKey, message), whole);
}

void append(std::vector<uint8_t>& message, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    message.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

// What the hash of a flow is the hash of, byte by byte.
std::vector<uint8_t> message_of(const Flow& flow, const std::vector<uint64_t>& words) {
  std::vector<uint8_t> message;
  for (const uint64_t word : words) {
    append(message, word, 8);
  }
  const bool v4 = flow.local.is_v4() && flow.remote.is_v4();
  for (const IpAddress& address : {flow.local, flow.remote}) {
    message.insert(message.end(), address.bytes.begin() + (v4 ? 12 : 0), address.bytes.end());
  }
  append(message, flow.remote_port, 2);
  append(message, flow.local_port, 2);
  return message;
}

TEST(SipHashTest, OfAFlowIsThatOfItsBytes) {
  Rng rng(5);
  for (int i = 0; i < 10'000; ++i) {
    Flow flow;
    for (IpAddress* address : {&flow.local, &flow.remote}) {
      *address = IpAddress::v4(static_cast<uint32_t>(rng.next()));
      if (rng.below(3) == 0) {
        address->bytes[rng.below(12)] ^= static_cast<uint8_t>(1 + rng.below(255));
      }
    }
    flow.local_port = static_cast<uint16_t>(rng.next());
    flow.remote_port = static_cast<uint16_t>(rng.next());
    const SipKey key{rng.next(), rng.next()};
    const uint64_t word = rng.next();
    ASSERT_EQ(flow_hash(key, flow), siphash13(key, message_of(flow, {})));
    ASSERT_EQ(flow_secret(key, flow), siphash24(key, message_of(flow, {})));
    ASSERT_EQ(flow_secret(key, flow, word), siphash24(key, message_of(flow, {word})));
  }
}

TEST(SipHashTest, EveryBitOfAFlowCounts) {
  const Flow v4{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 6379, 40000};
  Flow v6 = v4;
  v6.local.bytes[0] = 0xfe;
  for (const Flow& flow : {v4, v6}) {
    const uint64_t hash = flow_hash(kVectorKey, flow);
    for (size_t bit = 0; bit < 128; ++bit) {
      Flow other = flow;
      other.local.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_NE(flow_hash(kVectorKey, other), hash);
      other = flow;
      other.remote.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_NE(flow_hash(kVectorKey, other), hash);
    }
    for (int bit = 0; bit < 16; ++bit) {
      Flow other = flow;
      other.local_port ^= static_cast<uint16_t>(1 << bit);
      EXPECT_NE(flow_hash(kVectorKey, other), hash);
      other = flow;
      other.remote_port ^= static_cast<uint16_t>(1 << bit);
      EXPECT_NE(flow_hash(kVectorKey, other), hash);
    }
    EXPECT_NE(flow_hash(SipKey{kVectorKey.low ^ 1, kVectorKey.high}, flow), hash);
    EXPECT_NE(flow_hash(SipKey{kVectorKey.low, kVectorKey.high ^ 1}, flow), hash);
  }
}

}  // namespace
}  // namespace pollux::tcp
