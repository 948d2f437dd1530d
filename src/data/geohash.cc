#include "src/data/geohash.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "src/base/assert.h"
#include "src/base/num.h"

namespace pollux {

namespace {

constexpr unsigned kStepMax = 26;
constexpr double kRadiansPerDegree = std::numbers::pi / 180.0;
// Half of the equator on the map's sphere: a radius from which on one square is half the world.
constexpr double kHalfEquatorM = 20037726.37;

// One of the two axes: from -max to max.
struct Axis {
  double max;
  double min() const { return -max; }
  double length() const { return max - min(); }
  // The index of the cell in a grid of 2^step; 2^step itself at the very end.
  uint32_t cell(double degrees, unsigned step) const {
    return static_cast<uint32_t>((degrees - min()) / length() *
                                 static_cast<double>(uint64_t{1} << step));
  }
  // Where cell `index` begins.
  double edge(int64_t index, unsigned step) const {
    return min() + static_cast<double>(index) / static_cast<double>(uint64_t{1} << step) * length();
  }
};

constexpr Axis kLongitudes{kGeoLongitudeMax};
constexpr Axis kLatitudes{kGeoLatitudeMax};

// Puts a zero between all bits, and back.
uint64_t spread_bits(uint32_t value) {
  uint64_t v = value;
  v = (v | v << 16) & 0x0000FFFF0000FFFF;
  v = (v | v << 8) & 0x00FF00FF00FF00FF;
  v = (v | v << 4) & 0x0F0F0F0F0F0F0F0F;
  v = (v | v << 2) & 0x3333333333333333;
  return (v | v << 1) & 0x5555555555555555;
}

uint32_t gather_bits(uint64_t v) {
  v &= 0x5555555555555555;
  v = (v | v >> 1) & 0x3333333333333333;
  v = (v | v >> 2) & 0x0F0F0F0F0F0F0F0F;
  v = (v | v >> 4) & 0x00FF00FF00FF00FF;
  v = (v | v >> 8) & 0x0000FFFF0000FFFF;
  return static_cast<uint32_t>(v | v >> 16);
}

uint64_t interleave(uint32_t longitude_cell, uint32_t latitude_cell) {
  return spread_bits(longitude_cell) << 1 | spread_bits(latitude_cell);
}

// A score as the 64 bits that redis-server on x86-64 sees in it, where the language leaves open
// what a double outside of the integers becomes.
uint64_t score_bits(double score) {
  constexpr double kTwo63 = 9223372036854775808.0;
  if (score < -kTwo63) {
    return uint64_t{1} << 63;
  }
  if (score < kTwo63) {
    return static_cast<uint64_t>(static_cast<int64_t>(score));
  }
  return score < 2 * kTwo63 ? static_cast<uint64_t>(score) : 0;
}

double middle_of(const Axis& axis, uint32_t cell) {
  // Indexes beyond the grid are looked at like others; the last one's end wraps.
  const double middle =
      (axis.edge(cell, kStepMax) + axis.edge(static_cast<uint32_t>(cell + 1), kStepMax)) / 2;
  return std::clamp(middle, axis.min(), axis.max);
}

double radians(double degrees) {
  return degrees * kRadiansPerDegree;
}

double degrees(double radians) {
  return radians / kRadiansPerDegree;
}

double meridian_distance_m(double latitude_a, double latitude_b) {
  return kEarthRadiusM * std::fabs(radians(latitude_b) - radians(latitude_a));
}

// From 0 to 180, the short way around.
double longitude_difference(double a, double b) {
  const double difference = std::fabs(a - b);
  return difference > 180 ? 360 - difference : difference;
}

// A little more than `angle`, in degrees; see longitude_reach_. 1e-8 degrees are a millimetre.
double padded(double angle) {
  return angle * (1 + 1e-9) + 1e-8;
}

}  // namespace

bool geo_valid(GeoPoint point) {
  return std::fabs(point.longitude) <= kGeoLongitudeMax &&
         std::fabs(point.latitude) <= kGeoLatitudeMax;
}

double geo_score(GeoPoint point) {
  POLLUX_ASSERT(geo_valid(point));
  return static_cast<double>(interleave(kLongitudes.cell(point.longitude, kStepMax),
                                        kLatitudes.cell(point.latitude, kStepMax)));
}

GeoPoint geo_point(double score) {
  const uint64_t bits = score_bits(score);
  return {middle_of(kLongitudes, gather_bits(bits >> 1)), middle_of(kLatitudes, gather_bits(bits))};
}

GeohashText geohash_text(GeoPoint point) {
  constexpr char kAlphabet[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  // The standard's latitudes go to the poles.
  constexpr Axis kStandardLatitudes{90};
  uint64_t bits = interleave(kLongitudes.cell(point.longitude, kStepMax),
                             kStandardLatitudes.cell(point.latitude, kStepMax));
  GeohashText text;
  // 52 bits: ten characters of five, and two that are not shown.
  bits >>= 2;
  for (size_t i = kGeohashTextBytes - 1; i-- > 0; bits >>= 5) {
    text[i] = kAlphabet[bits & 31];
  }
  text.back() = '0';
  return text;
}

double geo_distance_m(GeoPoint a, GeoPoint b) {
  const double v = std::sin((radians(b.longitude) - radians(a.longitude)) / 2);
  if (v == 0.0) {
    return meridian_distance_m(a.latitude, b.latitude);
  }
  const double latitude_a = radians(a.latitude);
  const double latitude_b = radians(b.latitude);
  const double u = std::sin((latitude_b - latitude_a) / 2);
  const double haversine = u * u + std::cos(latitude_a) * std::cos(latitude_b) * v * v;
  return 2.0 * kEarthRadiusM * std::asin(std::sqrt(haversine));
}

size_t format_geo_distance(double metres, double metres_per_unit, std::span<char> out) {
  POLLUX_ASSERT(out.size() >= kGeoDistanceTextMax);
  // Not as printf rounds, which knows more of the number than its double product with 10^4 does.
  constexpr int64_t kScale = 10'000;
  const int64_t scaled = std::llrint(metres / metres_per_unit * kScale);
  size_t length = format_int64(scaled / kScale, out.data());
  out[length++] = '.';
  int64_t rest = scaled % kScale;
  for (size_t digit = 4; digit-- > 0; rest /= 10) {
    out[length + digit] = static_cast<char>('0' + rest % 10);
  }
  return length + 4;
}

GeoArea::GeoArea(GeoPoint centre, double reach_m)
    : centre_(centre),
      reach_m_(reach_m),
      sine_(std::sin(radians(centre.latitude))),
      cosine_(std::cos(radians(centre.latitude))) {}

// The bounds of a circle: it touches the meridians where sin(reach) = cos(latitude) sin(longitude).
GeoArea GeoArea::circle(GeoPoint centre, double radius_m) {
  GeoArea area(centre, radius_m);
  const double reach = radius_m / kEarthRadiusM;
  if (!(reach < 3)) {
    return area;  // nearly all of the earth, or more
  }
  area.latitude_reach_ = padded(degrees(reach));
  const double sine = std::sin(reach) / std::cos(radians(centre.latitude));
  const bool has_pole = std::fabs(centre.latitude) + area.latitude_reach_ >= 90;
  if (!has_pole && sine < 1 - 1e-9) {
    area.longitude_reach_ = padded(degrees(std::asin(sine)));
  }
  area.set_border(radius_m);
  return area;
}

// The bounds of a box: half of its width spans most degrees where it is nearest to a pole.
GeoArea GeoArea::box(GeoPoint centre, double width_m, double height_m) {
  GeoArea area(centre, std::sqrt(width_m / 2 * (width_m / 2) + height_m / 2 * (height_m / 2)));
  area.is_box_ = true;
  area.width_m_ = width_m / 2;
  area.height_m_ = height_m / 2;
  const double reach = area.height_m_ / kEarthRadiusM;
  area.latitude_reach_ = reach < 3 ? padded(degrees(reach)) : 180;
  const double northmost =
      std::min(std::fabs(centre.latitude) + area.latitude_reach_, kGeoLatitudeMax);
  const double half = area.width_m_ / kEarthRadiusM / 2;
  if (half < std::numbers::pi / 2) {
    const double sine = std::sin(half) / std::cos(radians(northmost));
    if (sine < 1 - 1e-9) {
      area.longitude_reach_ = padded(degrees(2 * std::asin(sine)));
    }
  }
  area.set_border(area.width_m_);
  return area;
}

bool GeoArea::within_bounds(GeoPoint point) const {
  return std::fabs(point.latitude - centre_.latitude) <= latitude_reach_ &&
         longitude_difference(point.longitude, centre_.longitude) <= longitude_reach_;
}

// Below: up to where the polynomials of side() are good, and from where on the digits of places are
// many more than it needs.
void GeoArea::set_border(double metres) {
  constexpr double kDegreesMax = 14;
  constexpr double kMetresMin = 1;
  const double half_sine = std::sin(metres / kEarthRadiusM / 2);
  border_ = half_sine * half_sine;
  is_local_ = longitude_reach_ < kDegreesMax && latitude_reach_ < kDegreesMax &&
              metres > kMetresMin;
}

// The haversine with polynomials for the sines of small angles: right to 1e-8, and unsure within
// 1e-6. Requires a point within the bounds.
GeoArea::Side GeoArea::side(GeoPoint point) const {
  if (!is_local_) {
    return Side::kUnsure;
  }
  const auto sine = [](double x) {
    const double square = x * x;
    return x * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)));
  };
  const double latitude_angle = radians(point.latitude - centre_.latitude);
  const double u = sine(latitude_angle / 2);
  const double v = sine(radians(longitude_difference(point.longitude, centre_.longitude)) / 2);
  const double cosine = cosine_ * (1 - 2 * u * u) - sine_ * sine(latitude_angle);
  if (is_box_ && meridian_distance_m(centre_.latitude, point.latitude) > height_m_) {
    return Side::kOutside;
  }
  const double haversine =
      is_box_ ? cosine * cosine * v * v : u * u + cosine_ * cosine * v * v;
  constexpr double kMargin = 1e-6;
  if (haversine > border_ * (1 + kMargin)) {
    return Side::kOutside;
  }
  return haversine < border_ * (1 - kMargin) ? Side::kInside : Side::kUnsure;
}

bool GeoArea::contains_exactly(GeoPoint point) const {
  if (!is_box_) {
    return geo_distance_m(centre_, point) <= reach_m_;
  }
  return meridian_distance_m(centre_.latitude, point.latitude) <= height_m_ &&
         geo_distance_m({centre_.longitude, point.latitude}, point) <= width_m_;
}

bool GeoArea::contains(GeoPoint point) const {
  if (!within_bounds(point)) {
    return false;
  }
  const Side where = side(point);
  return where == Side::kUnsure ? contains_exactly(point) : where == Side::kInside;
}

std::optional<double> GeoArea::distance_m(GeoPoint point) const {
  if (is_box_) {
    return contains(point) ? std::optional(geo_distance_m(centre_, point)) : std::nullopt;
  }
  if (!within_bounds(point) || side(point) == Side::kOutside) {
    return std::nullopt;
  }
  const double distance = geo_distance_m(centre_, point);
  return distance <= reach_m_ ? std::optional(distance) : std::nullopt;
}

// The three columns and three rows around the centre's square in a grid of 2^step. Columns go
// around the earth; rows end at the grid's ends.
struct GeoArea::Squares {
  Squares(GeoPoint centre, double longitude_reach, double latitude_reach, unsigned grid_step)
      : step(grid_step),
        last((int64_t{1} << step) - 1),
        // Who stands on the very edge has a cell beyond the grid; the last square touches it.
        column(std::min<int64_t>(kLongitudes.cell(centre.longitude, step), last)),
        row(std::min<int64_t>(kLatitudes.cell(centre.latitude, step), last)),
        west(centre.longitude - longitude_reach),
        east(centre.longitude + longitude_reach),
        south(centre.latitude - latitude_reach),
        north(centre.latitude + latitude_reach) {}

  // Whether what lies between the four bounds lies in the nine squares.
  bool cover() const {
    const bool all_columns = last < 3;
    return (all_columns || (west >= kLongitudes.edge(column - 1, step) &&
                            east <= kLongitudes.edge(column + 2, step))) &&
           (row <= 1 || south >= kLatitudes.edge(row - 1, step)) &&
           (row + 1 >= last || north <= kLatitudes.edge(row + 2, step));
  }
  // The same on a flat map, where there is nothing behind its rim.
  bool cover_flat() const {
    return column > 0 && column < last && west >= kLongitudes.edge(column - 1, step) &&
           east <= kLongitudes.edge(column + 2, step) &&  //
           row > 0 && row < last && south >= kLatitudes.edge(row - 1, step) &&
           north <= kLatitudes.edge(row + 2, step);
  }

  bool reaches_column(int64_t offset) const {
    return offset < 0   ? west <= kLongitudes.edge(column, step)
           : offset > 0 ? east >= kLongitudes.edge(column + 1, step)
                        : true;
  }
  bool reaches_row(int64_t offset) const {
    return offset < 0   ? row > 0 && south <= kLatitudes.edge(row, step)
           : offset > 0 ? row < last && north >= kLatitudes.edge(row + 1, step)
                        : true;
  }

  const unsigned step;
  const int64_t last;
  const int64_t column;
  const int64_t row;
  const double west;  // of the area; beyond the map too
  const double east;
  const double south;
  const double north;
};

// As redis-server chooses it, since it decides in which order members are found: squares at least
// a quarter as wide as the reach is long, wider near the poles where degrees are short, and once
// wider if nine of them do not cover what it takes for the area's bounds. Where that is not enough
// for the area as it is, wider until it is.
unsigned GeoArea::step() const {
  int step = kStepMax;
  if (reach_m_ > 0) {
    step = -1;
    for (double reach = reach_m_; reach < kHalfEquatorM && step < 30; reach *= 2) {
      ++step;
    }
    const double latitude = std::fabs(centre_.latitude);
    step -= (latitude > 66) + (latitude > 80);
    step = std::clamp(step, 1, static_cast<int>(kStepMax));
  }
  unsigned result = static_cast<unsigned>(step);
  if (result > 1) {
    // Its width in degrees where they are shortest, without regard to the earth's curvature.
    const double height = degrees((is_box_ ? height_m_ : reach_m_) / kEarthRadiusM);
    const double northmost = std::min(std::fabs(centre_.latitude) + height, 90.0);
    const double width = degrees((is_box_ ? width_m_ : reach_m_) / kEarthRadiusM /
                                 std::cos(radians(northmost)));
    if (!Squares(centre_, width, height, result).cover_flat()) {
      --result;
    }
  }
  while (!Squares(centre_, longitude_reach_, latitude_reach_, result).cover()) {
    --result;  // the four squares of step 1 cover all
  }
  return result;
}

// The parts of squares as ranges, in the order of scores. Columns are not wrapped around the earth
// here, so that west is left of east.
class GeoArea::RangeMaker {
 public:
  RangeMaker(const Squares& squares, unsigned finer, Ranges& found)
      : squares_(squares),
        deepest_(squares.step + finer),
        west_(column_of(squares.west)),
        east_(column_of(squares.east)),
        south_(row_of(squares.south)),
        north_(row_of(squares.north)),
        found_(found) {}

  // The square, or those of its parts that the area reaches into.
  void add(int64_t column, int64_t row) { add(column, row, squares_.step); }
  // The same square as it is; nothing if it is there already.
  void add_once(int64_t column, int64_t row) {
    const GeoRange range = range_of(column, row, squares_.step);
    for (const GeoRange& other : found_) {
      if (other.first == range.first) {
        return;
      }
    }
    found_.ranges[found_.count++] = range;
  }

 private:
  // Cells of the finest grid.
  int64_t column_of(double longitude) const { return cell_of(kLongitudes, longitude); }
  int64_t row_of(double latitude) const { return cell_of(kLatitudes, latitude); }
  int64_t cell_of(const Axis& axis, double degrees) const {
    return static_cast<int64_t>(std::floor((degrees - axis.min()) / axis.length() *
                                           static_cast<double>(uint64_t{1} << deepest_)));
  }

  void add(int64_t column, int64_t row, unsigned step) {
    const unsigned depth = deepest_ - step;
    const int64_t left = column << depth;
    const int64_t right = ((column + 1) << depth) - 1;
    const int64_t bottom = row << depth;
    const int64_t top = ((row + 1) << depth) - 1;
    if (right < west_ || left > east_ || top < south_ || bottom > north_) {
      return;
    }
    const bool whole = left >= west_ && right <= east_ && bottom >= south_ && top <= north_;
    if (whole || depth == 0) {
      append(range_of(column & ((int64_t{1} << step) - 1), row, step));
      return;
    }
    for (const int64_t east : {0, 1}) {
      for (const int64_t north : {0, 1}) {
        add(2 * column + east, 2 * row + north, step + 1);
      }
    }
  }

  static GeoRange range_of(int64_t column, int64_t row, unsigned step) {
    const unsigned shift = 2 * (kStepMax - step);
    const uint64_t cell = interleave(static_cast<uint32_t>(column), static_cast<uint32_t>(row));
    return {cell << shift, (cell + 1) << shift};
  }

  void append(GeoRange range) {
    if (found_.count > 0 && found_.ranges[found_.count - 1].end == range.first) {
      found_.ranges[found_.count - 1].end = range.end;
    } else {
      found_.ranges[found_.count++] = range;
    }
  }

  const Squares& squares_;
  const unsigned deepest_;
  const int64_t west_;
  const int64_t east_;
  const int64_t south_;
  const int64_t north_;
  Ranges& found_;
};

GeoArea::Ranges GeoArea::ranges(unsigned finer) const {
  const Squares squares(centre_, longitude_reach_, latitude_reach_, step());
  Ranges found;
  // Of less than four columns one may be reached from both sides; there are no smaller squares than
  // those of the last step.
  const bool in_parts = finer > 0 && squares.last >= 3 && squares.step + finer <= kStepMax;
  RangeMaker maker(squares, in_parts ? finer : 0, found);

  struct Offset {
    int column;
    int row;
  };
  constexpr Offset kOrder[] = {{0, 0}, {0, 1},  {0, -1}, {1, 0}, {-1, 0},
                               {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
  const int64_t last = squares.last;
  for (const Offset& offset : kOrder) {
    if (!squares.reaches_column(offset.column) || !squares.reaches_row(offset.row)) {
      continue;
    }
    const int64_t column = squares.column + offset.column;
    if (in_parts) {
      maker.add(column, squares.row + offset.row);
    } else {
      maker.add_once(column & last, squares.row + offset.row);
    }
  }

  // The cells beyond the grid, which hold what lies exactly on its eastern and northern edge.
  const bool edge_east = squares.east >= kLongitudes.max || squares.west <= kLongitudes.min();
  const bool edge_north = squares.north >= kLatitudes.max;
  for (const Offset& offset : kOrder) {
    if (!squares.reaches_column(offset.column) || !squares.reaches_row(offset.row)) {
      continue;
    }
    const int64_t column = (squares.column + offset.column) & last;
    const int64_t row = squares.row + offset.row;
    if (edge_east && column == last) {
      maker.add_once(last + 1, row);
    }
    if (edge_north && row == last) {
      maker.add_once(column, last + 1);
    }
    if (edge_east && column == last && edge_north && row == last) {
      maker.add_once(last + 1, last + 1);
    }
  }
  return found;
}

}  // namespace pollux
