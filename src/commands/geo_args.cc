#include "src/commands/geo_args.h"

#include <cstdio>

#include "src/base/num.h"

namespace pollux {

namespace {

void reply_degrees(Reply& reply, double degrees) {
  char text[kLongDoubleTextMax];
  reply.real_text({text, format_long_double(degrees, text)});
}

// As long as the numbers are: %f of the largest has 317 characters.
void reply_nowhere(Context& ctx, GeoPoint place) {
  constexpr size_t kTextMax = 800;
  char text[kTextMax];
  const int size = std::snprintf(text, sizeof(text), "ERR invalid longitude,latitude pair %f,%f",
                                 place.longitude, place.latitude);
  ctx.reply.error({text, static_cast<size_t>(size)});
}

}  // namespace

bool read_place(Context& ctx, size_t index, GeoPoint& place) {
  if (!read_score(ctx, index, place.longitude) || !read_score(ctx, index + 1, place.latitude)) {
    return false;
  }
  if (!geo_valid(place)) {
    reply_nowhere(ctx, place);
    return false;
  }
  return true;
}

bool read_unit(Context& ctx, size_t index, double& metres) {
  struct Unit {
    std::string_view word;
    double metres;
  };
  constexpr Unit kUnits[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
  for (const Unit& unit : kUnits) {
    if (is_word(ctx.args[index], unit.word)) {
      metres = unit.metres;
      return true;
    }
  }
  ctx.reply.error("ERR unsupported unit provided. please use M, KM, FT, MI");
  return false;
}

void reply_place(Reply& reply, GeoPoint place) {
  reply.array(2);
  reply_degrees(reply, place.longitude);
  reply_degrees(reply, place.latitude);
}

void reply_distance(Reply& reply, double metres, double metres_per_unit) {
  char text[kGeoDistanceTextMax];
  reply.bulk({text, format_geo_distance(metres, metres_per_unit, text)});
}

}  // namespace pollux
