// libFuzzer target: whatever numbers GEO commands are given, places are on the map, ranges are
// disjoint and few, and a point that lies in an area by the plain formulas is found in it.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -ffp-contract=off \
//     -fsanitize=fuzzer,address,undefined -I. tests/fuzz/geohash_fuzz.cc src/data/geohash.cc \
//     src/base/num.cc src/base/assert.cc -o geohash_fuzz
//
// The input is doubles: the centre, two sizes, and then scores of members.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "src/data/geohash.h"

namespace {

using namespace pollux;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool in_ranges(const GeoArea::Ranges& ranges, double score) {
  int holding = 0;
  for (const GeoRange& range : ranges) {
    require(range.first < range.end);
    holding += score >= static_cast<double>(range.first) && score < static_cast<double>(range.end);
  }
  require(holding <= 1);
  return holding == 1;
}

void check_member(const GeoArea& area, double score, bool inside, GeoPoint centre, GeoPoint point) {
  const std::optional<double> distance = area.distance_m(point);
  require(distance.has_value() == inside);
  require(!distance || *distance == geo_distance_m(centre, point));
  // Only scores that GEOADD gives can be promised to be found.
  for (const unsigned finer : {0U, 1U, GeoArea::kFinerMax}) {
    require(!inside || score != geo_score(point) || in_ranges(area.ranges(finer), score));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  double numbers[4];
  if (size < sizeof(numbers)) {
    return 0;
  }
  std::memcpy(numbers, data, sizeof(numbers));
  GeoPoint centre{numbers[0], numbers[1]};
  if (!geo_valid(centre)) {
    centre = geo_point(numbers[0]);
  }
  const double width = std::fabs(numbers[2]);
  const double height = std::fabs(numbers[3]);
  if (std::isnan(width) || std::isnan(height)) {
    return 0;
  }
  const GeoArea circle = GeoArea::circle(centre, width);
  const GeoArea box = GeoArea::box(centre, width, height);
  require(circle.ranges().count <= GeoArea::kRangesMax);
  require(box.ranges(GeoArea::kFinerMax).count <= GeoArea::kRangesMax);

  for (size_t at = sizeof(numbers); at + sizeof(double) <= size; at += sizeof(double)) {
    double score;
    std::memcpy(&score, data + at, sizeof(score));
    if (std::isnan(score)) {
      continue;
    }
    // As it is, and as a place that GEOADD has made.
    for (const double one : {score, geo_score(geo_point(score))}) {
      const GeoPoint point = geo_point(one);
      require(geo_valid(point));
      const GeohashText text = geohash_text(point);
      require(std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= 'z'; }));
      const double distance = geo_distance_m(centre, point);
      char out[kGeoDistanceTextMax];
      require(format_geo_distance(distance, 0.3048, out) >= 6);
      check_member(circle, one, distance <= width, centre, point);
      const bool in_box =
          geo_distance_m({0, centre.latitude}, {0, point.latitude}) <= height / 2 &&
          geo_distance_m({centre.longitude, point.latitude}, point) <= width / 2;
      check_member(box, one, in_box, centre, point);
    }
  }
  return 0;
}
