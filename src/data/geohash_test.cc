// Held against answers recorded from redis-server 7.0.15 (the commands stand at each), and areas
// against the plain test of every point.
#include "src/data/geohash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/base/sha1.h"

namespace pollux {
namespace {

std::string sha1_hex(std::string_view bytes) {
  std::string text;
  for (const uint8_t byte : sha1(bytes)) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

std::string score_text(double score) {
  char text[kDoubleTextMax];
  return {text, format_double(score, text)};
}

// As GEOPOS has it.
std::string degrees_text(double degrees) {
  char text[kLongDoubleTextMax];
  return {text, format_long_double(degrees, text)};
}

std::string distance_text(double metres, double metres_per_unit = 1) {
  char text[kGeoDistanceTextMax];
  return {text, format_geo_distance(metres, metres_per_unit, text)};
}

std::string geohash_string(GeoPoint point) {
  const GeohashText text = geohash_text(point);
  return {text.data(), text.size()};
}

// The numbers of the recorded plays, in a script and here the same: with six digits.
class Draws {
 public:
  double draw(double low, double high) {
    state_ = state_ * 16807 % 2147483647;
    char text[64];
    std::snprintf(text, sizeof(text), "%.6f",
                  low + static_cast<double>(state_) / 2147483647 * (high - low));
    return std::strtod(text, nullptr);
  }
  // All over the earth, or in Sicily, in turn.
  GeoPoint point(int i) {
    const double longitude = i % 2 == 1 ? draw(-180, 180) : draw(11, 15);
    return {longitude, i % 2 == 1 ? draw(-85, 85) : draw(36, 40)};
  }

 private:
  int64_t state_ = 1;
};

constexpr int kPlayPoints = 2000;

std::vector<double> play_scores() {
  Draws draws;
  std::vector<double> scores;
  for (int i = 1; i <= kPlayPoints; ++i) {
    scores.push_back(geo_score(draws.point(i)));
  }
  return scores;
}

// Recorded with
//
//   redis-cli eval "local x, all, units = 1, '', {'m', 'km', 'ft', 'mi'}
//     local function draw(low, high) x = x * 16807 % 2147483647
//     return string.format('%.6f', low + x / 2147483647 * (high - low)) end
//     for i = 1, 2000 do local lon, lat
//     if i % 2 == 1 then lon = draw(-180, 180) lat = draw(-85, 85)
//     else lon = draw(11, 15) lat = draw(36, 40) end
//     redis.call('geoadd', 'g', lon, lat, i) local at = redis.call('geopos', 'g', i)[1]
//     all = redis.sha1hex(all .. redis.call('zscore', 'g', i) .. at[1] .. ' ' .. at[2] ..
//     redis.call('geohash', 'g', i)[1])
//     if i > 2 then all = redis.sha1hex(all ..
//     redis.call('geodist', 'g', i - 2, i, units[i % 4 + 1])) end end return all" 0
TEST(Geohash, ScoresPlacesTextsAndDistancesAreThoseOfRedisServer) {
  constexpr double kUnits[] = {1, 1000, 0.3048, 1609.34};
  const std::vector<double> scores = play_scores();
  std::string all;
  for (size_t i = 1; i <= scores.size(); ++i) {
    const GeoPoint point = geo_point(scores[i - 1]);
    all = sha1_hex(all + score_text(scores[i - 1]) + degrees_text(point.longitude) + ' ' +
                   degrees_text(point.latitude) + geohash_string(point));
    if (i > 2) {
      const double metres = geo_distance_m(geo_point(scores[i - 3]), point);
      all = sha1_hex(all + distance_text(metres, kUnits[i % 4]));
    }
  }
  EXPECT_EQ(all, "3cebc6453e7b3f4b83a3d37ebe6535eb0b85c113");
}

// Members and distances of 400 searches over the same points, in the order in which they come.
// Recorded behind the script above with (BY: byradius, bybox)
//
//   redis-cli eval "local x, all, found = 1, '', 0
//     local function draw(low, high) x = x * 16807 % 2147483647
//     return string.format('%.6f', low + x / 2147483647 * (high - low)) end
//     for i = 1, 400 do local lon, lat, size
//     if i % 2 == 1 then lon = draw(-180, 180) lat = draw(-40, 40) size = draw(0, 4000000)
//     else lon = draw(11, 15) lat = draw(36, 40) size = draw(0, 200000) end
//     local near = ARGV[1] == 'byradius' and
//     redis.call('geosearch', 'g', 'fromlonlat', lon, lat, ARGV[1], size, 'm', 'withdist') or
//     redis.call('geosearch', 'g', 'fromlonlat', lon, lat, ARGV[1], size,
//     draw(0, tonumber(size)), 'm', 'withdist')
//     for _, one in ipairs(near) do found = found + 1
//     all = redis.sha1hex(all .. one[1] .. ' ' .. one[2]) end end return {all, found}" 0 BY
TEST(GeoArea, FindsTheMembersOfRedisServerInItsOrder) {
  struct Member {
    double score;
    std::string name;
    // Of equal scores, the lesser name first.
    bool operator<(const Member& other) const {
      return score != other.score ? score < other.score : name < other.name;
    }
  };
  std::vector<Member> members;
  for (const double score : play_scores()) {
    members.push_back({score, std::to_string(members.size() + 1)});
  }
  std::sort(members.begin(), members.end());

  for (const unsigned mode : {0U, 1U, 2U, 3U, 4U, 7U}) {
    const bool box = mode % 2 == 1;
    const unsigned finer = mode / 2;  // makes no difference
    Draws draws;
    std::string all;
    int found = 0;
    for (int i = 1; i <= 400; ++i) {
      const bool wide = i % 2 == 1;
      const double longitude = wide ? draws.draw(-180, 180) : draws.draw(11, 15);
      const double latitude = wide ? draws.draw(-40, 40) : draws.draw(36, 40);
      const double size = draws.draw(0, wide ? 4'000'000 : 200'000);
      const GeoArea area = box ? GeoArea::box({longitude, latitude}, size, draws.draw(0, size))
                               : GeoArea::circle({longitude, latitude}, size);
      for (const GeoRange& range : area.ranges(finer)) {
        for (const Member& member : members) {
          if (member.score < static_cast<double>(range.first) ||
              member.score >= static_cast<double>(range.end)) {
            continue;
          }
          if (const auto distance = area.distance_m(geo_point(member.score))) {
            ++found;
            all = sha1_hex(all + member.name + ' ' + distance_text(*distance));
          }
        }
      }
    }
    EXPECT_EQ(all, box ? "609bb968e5cc4771271d0bc788edf21b43bb97f3"
                       : "eaefa947624c697b508751d2245478d2a3f2f193");
    EXPECT_EQ(found, box ? 11339 : 55423);
  }
}

// Recorded with ZADD, GEOPOS and GEOHASH.
TEST(Geohash, AnyScoreIsAPlace) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string west = "-179.99999731779098511 -85.05112751263942528 00bh0hbj200";
  const std::string corner = "180 85.0511287799999991 bp05b5048p0";
  const std::string south_east = "180 -85.05112751263942528 00bh0hbj200";
  struct {
    double score;
    std::string place;
  } const cases[] = {
      {0, west},           {-0.0, west},        {0.5, west},         {2e19, west},
      {kInfinity, west},   {-1, corner},        {1e18, corner},      {9.3e18, corner},
      {1e19, corner},      {1.8e19, corner},    {-5e18, corner},     {-1e19, south_east},
      {9007199254740992, south_east},           {-kInfinity, south_east},
      {4503599627370496, "-179.99999731779098511 85.0511287799999991 bp05b5048p0"},
  };
  for (const auto& c : cases) {
    const GeoPoint point = geo_point(c.score);
    EXPECT_EQ(degrees_text(point.longitude) + ' ' + degrees_text(point.latitude) + ' ' +
                  geohash_string(point),
              c.place)
        << c.score;
    EXPECT_TRUE(geo_valid(point));
  }
}

// Recorded with GEOADD and ZSCORE.
TEST(Geohash, TheEdgesOfTheMapHaveScores) {
  EXPECT_EQ(score_text(geo_score({180, 0})), "10133099161583616");
  EXPECT_EQ(score_text(geo_score({-180, 0})), "1125899906842624");
  EXPECT_EQ(score_text(geo_score({0, kGeoLatitudeMax})), "6755399441055744");
  EXPECT_EQ(score_text(geo_score({180, kGeoLatitudeMax})), "13510798882111488");
  EXPECT_EQ(score_text(geo_score({0, -kGeoLatitudeMax})), "2251799813685248");
  EXPECT_FALSE(geo_valid({180.0000001, 0}));
  EXPECT_FALSE(geo_valid({0, 85.0511288}));
  EXPECT_FALSE(geo_valid({0, std::nan("")}));
  EXPECT_FALSE(geo_valid({std::nan(""), 0}));
}

// Recorded with GEOSEARCH WITHDIST: printf would end them in 7, 0, 1 and 5.
TEST(Geohash, DistancesRoundLikeRedisServer) {
  EXPECT_EQ(distance_text(1763901.2606500001), "1763901.2606");
  EXPECT_EQ(distance_text(2419794.57595), "2419794.5760");
  EXPECT_EQ(distance_text(10508286.84805), "10508286.8480");
  EXPECT_EQ(distance_text(1191896.5525499999), "1191896.5526");
  EXPECT_EQ(distance_text(0), "0.0000");
  EXPECT_EQ(distance_text(0.00004), "0.0000");
  EXPECT_EQ(distance_text(1.02), "1.0200");
}

// A place near `centre` or anywhere, at the very ends of the map too.
GeoPoint random_point(Rng& rng, GeoPoint centre, double spread) {
  GeoPoint point{centre.longitude + (rng.unit() * 2 - 1) * spread * 2,
                 centre.latitude + (rng.unit() * 2 - 1) * spread};
  point.longitude -= point.longitude > 180 ? 360 : point.longitude < -180 ? -360 : 0;
  if (rng.below(20) == 0) {
    point.longitude = rng.below(2) == 0 ? 180 : -180;
  }
  if (rng.below(20) == 0) {
    point.latitude = rng.below(2) == 0 ? 90 : -90;
  }
  point.latitude = std::clamp(point.latitude, -kGeoLatitudeMax, kGeoLatitudeMax);
  return point;
}

// Every point of an area is in exactly one of its ranges, at the poles and across 180 degrees too;
// no point is in the area or out of it but by the plain formulas.
TEST(GeoArea, RangesHoldEveryPoint) {
  Rng rng(1);
  int inside = 0;
  for (int round = 0; round < 6000; ++round) {
    GeoPoint centre = random_point(rng, {0, 0}, 90);
    const double spread = 90 * std::exp(-rng.unit() * 16);
    const double size_m = spread * 111'000 * std::exp(2 - rng.unit() * 6);
    const bool box = rng.below(2) == 0;
    const double width_m = size_m * std::exp(2 * rng.unit() - 1);
    const GeoArea area =
        box ? GeoArea::box(centre, width_m, size_m) : GeoArea::circle(centre, size_m);
    const GeoArea::Ranges ranges =
        area.ranges(static_cast<unsigned>(rng.below(GeoArea::kFinerMax + 1)));
    ASSERT_LE(ranges.count, GeoArea::kRangesMax);
    for (int i = 0; i < 100; ++i) {
      const double score = geo_score(random_point(rng, centre, spread));
      const GeoPoint point = geo_point(score);
      const double distance = geo_distance_m(centre, point);
      const bool expected =
          box ? geo_distance_m({0, centre.latitude}, {0, point.latitude}) <= size_m / 2 &&
                    geo_distance_m({centre.longitude, point.latitude}, point) <= width_m / 2
              : distance <= size_m;
      ASSERT_EQ(area.contains(point), expected);
      ASSERT_EQ(area.distance_m(point), expected ? std::optional(distance) : std::nullopt);
      int holding = 0;
      for (const GeoRange& range : ranges) {
        holding += score >= static_cast<double>(range.first) &&
                   score < static_cast<double>(range.end);
      }
      ASSERT_LE(holding, 1);
      ASSERT_TRUE(!expected || holding == 1)
          << centre.longitude << ' ' << centre.latitude << (box ? " box " : " circle ") << width_m
          << ' ' << size_m << ": " << point.longitude << ' ' << point.latitude;
      inside += expected;
    }
  }
  EXPECT_GT(inside, 100'000);
}

TEST(GeoArea, SizesMayBeAnything) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const GeoPoint far{180, -85};
  for (const double size : {kInfinity, std::numeric_limits<double>::max(), 1e9}) {
    EXPECT_TRUE(GeoArea::circle({0, 0}, size).distance_m(far));
    EXPECT_TRUE(GeoArea::box({0, 0}, size, size).distance_m(far));
    EXPECT_GE(GeoArea::circle({0, 0}, size).ranges().count, 4U);
  }
  for (const double size : {0.0, std::numeric_limits<double>::denorm_min(), 1e-300}) {
    EXPECT_FALSE(GeoArea::circle({0, 0}, size).distance_m(far));
    EXPECT_TRUE(GeoArea::circle({0, 0}, size).distance_m({0, 0}));
    EXPECT_TRUE(GeoArea::box({0, 0}, size, size).distance_m({0, 0}));
    EXPECT_GE(GeoArea::circle({0, 0}, size).ranges().count, 1U);
  }
}

}  // namespace
}  // namespace pollux
