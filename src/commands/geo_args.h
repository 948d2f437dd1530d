// What the two files of the GEO commands share: places and units among the arguments, places and
// distances in replies. The members are those of a sorted set; the mathematics is data/geohash.h's.
#pragma once

#include <optional>

#include "src/commands/zset_args.h"
#include "src/data/geohash.h"

namespace pollux {

// Longitude and latitude in two arguments from `index` on, or a unit of length in one, as its
// metres. Each answers its error and returns false.
bool read_place(Context& ctx, size_t index, GeoPoint& place);
bool read_unit(Context& ctx, size_t index, double& metres);

inline std::optional<GeoPoint> place_of(const ZsetView& zset, std::string_view member) {
  const auto score = zset.score(Key::of(member));
  return score ? std::optional(geo_point(*score)) : std::nullopt;
}

// A pair of doubles. (With 17 digits behind the point, and not as scores are written.)
void reply_place(Reply& reply, GeoPoint place);
// A bulk, in RESP3 too.
void reply_distance(Reply& reply, double metres, double metres_per_unit);

}  // namespace pollux
