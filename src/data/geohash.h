// Places on the earth as scores of a sorted set, and the ranges of scores in which an area lies.
// The mathematics of the GEO commands: no keys, no members, no memory. Any thread.
//
// A score is a cell of a grid of 2^26 by 2^26 over longitude and latitude, its two indexes
// interleaved bit by bit (longitude in the odd bits), so that each square of the coarser grids of
// 2^step by 2^step is one range of scores. Whoever reads a score gets the middle of its cell, up to
// 0.3 m from what was written.
//
// Scores, places, distances and geohashes are to the last digit those of redis-server 7.0, on the
// sphere that it takes the earth for: the order of floating point operations is part of the
// contract, so this room is compiled without contraction to fused ones. Areas find what
// redis-server finds in the order in which it does, and beyond that what it misses: around the
// poles, at 180 degrees, and on the map's very edges. (The order is another one where its squares
// would not be sure to cover the area, as for some wide boxes near the poles.)
//
// Longitudes and latitudes are in degrees, distances in metres.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "src/base/num.h"

namespace pollux {

// What Redis takes; EPSG:900913 ends there.
inline constexpr double kGeoLongitudeMax = 180;
inline constexpr double kGeoLatitudeMax = 85.05112878;
inline constexpr double kEarthRadiusM = 6372797.560856;

struct GeoPoint {
  double longitude;
  double latitude;
};

// Whether GEOADD takes it (NaN is nowhere).
bool geo_valid(GeoPoint point);

// Requires geo_valid. At most 2^54: a point at exactly 180 degrees, or at the northern end, has a
// cell of its own one beyond the grid.
double geo_score(GeoPoint point);
// Takes any score, since a sorted set may hold any; the point is geo_valid.
GeoPoint geo_point(double score);

// The standard geohash of a geo_point: 10 characters that carry the cell, and a '0'.
inline constexpr size_t kGeohashTextBytes = 11;
using GeohashText = std::array<char, kGeohashTextBytes>;
GeohashText geohash_text(GeoPoint point);

// Along a great circle (haversine).
double geo_distance_m(GeoPoint a, GeoPoint b);
// A distance as replies have it, with four digits behind the point and no end mark; returns the
// length. Requires a distance on the earth, metres_per_unit >= 0.1, and kGeoDistanceTextMax bytes.
inline constexpr size_t kGeoDistanceTextMax = kInt64TextMax + 5;
size_t format_geo_distance(double metres, double metres_per_unit, std::span<char> out);

// Scores from `first` to before `end`.
struct GeoRange {
  uint64_t first;
  uint64_t end;
};

// What GEOSEARCH searches: a circle, or a box whose sides run along meridians and parallels (its
// width counts along the point's own parallel). Computed once, asked for each point.
class GeoArea {
 public:
  // Require geo_valid, and sizes that are not negative and not NaN; they may be infinite.
  static GeoArea circle(GeoPoint centre, double radius_m);
  static GeoArea box(GeoPoint centre, double width_m, double height_m);

  // Nine squares, each in up to 64 parts of which some hang together, and seven at the ends of the
  // grid that hold only its very edge.
  static constexpr unsigned kFinerMax = 3;
  static constexpr size_t kRangesMax = 9 * 32 + 7;
  struct Ranges {
    std::array<GeoRange, kRangesMax> ranges;
    size_t count = 0;
    const GeoRange* begin() const { return ranges.data(); }
    const GeoRange* end() const { return ranges.data() + count; }
  };
  // Disjoint ranges that hold every point of the area, in the order in which redis-server searches:
  // the square of the centre, then north, south, east, west, north-east, north-west, south-east,
  // south-west, as far as the area reaches into them. Parts of a square, down to 2^-finer of its
  // width, that lie outside of the area's bounds are left out; that leaves the order as it is.
  // Requires finer <= kFinerMax.
  Ranges ranges(unsigned finer = 0) const;

  // Whether the point lies in the area: without trigonometry, but near the border (and in areas
  // that reach far).
  bool contains(GeoPoint point) const;
  // The same with the distance from the centre, which costs it for points inside.
  std::optional<double> distance_m(GeoPoint point) const;

 private:
  struct Squares;
  class RangeMaker;
  enum class Side : uint8_t { kInside, kOutside, kUnsure };
  GeoArea(GeoPoint centre, double reach_m);
  bool within_bounds(GeoPoint point) const;
  Side side(GeoPoint point) const;
  bool contains_exactly(GeoPoint point) const;
  void set_border(double metres);
  unsigned step() const;

  GeoPoint centre_;
  double reach_m_;  // no point of the area is further away
  bool is_box_ = false;
  double width_m_ = 0;  // half of them, for a box
  double height_m_ = 0;
  // All points of the area are this near to the centre's meridian and parallel, in degrees: a bit
  // more than what is exact, so that rounding excludes nothing.
  double longitude_reach_ = 180;
  double latitude_reach_ = 180;

  // Of the centre's latitude, and the square of the sine of half of the angle to the border (to the
  // sides, for a box).
  double sine_;
  double cosine_;
  double border_ = 0;
  // Whether side() may say anything but kUnsure.
  bool is_local_ = false;
};

}  // namespace pollux
