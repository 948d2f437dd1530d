// Places as members of sorted sets: GEOADD, GEOPOS, GEODIST, GEOHASH. (Searches: geo_search.cc.)
// The score of a member is its cell on the map, so all commands of sorted sets work on it too.
#include "src/commands/families.h"
#include "src/commands/geo_args.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

// --- GEOADD ---

bool read_add_options(Context& ctx, ZsetAddOptions& options) {
  while (options.first < ctx.args.size() && take_add_word(ctx.args[options.first], options)) {
    ++options.first;
  }
  const size_t rest = ctx.args.size() - options.first;
  if (rest == 0 || rest % 3 != 0 || (options.rules.only_new && options.rules.only_old)) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  return true;
}

void geoadd(Context& ctx) {
  ZsetAddOptions options;
  if (!read_add_options(ctx, options)) {
    return;
  }
  add_elements(ctx, options, 3, [&ctx](size_t index, double& score) {
    GeoPoint place{};
    if (!read_place(ctx, index, place)) {
      return false;
    }
    score = geo_score(place);
    return true;
  });
}

// --- of members ---

void geopos(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  ctx.reply.array(ctx.args.size() - 2);
  for_each_score(ctx, ZsetView(entry), 2, [&ctx](const std::optional<double>& score) {
    if (score) {
      reply_place(ctx.reply, geo_point(*score));
    } else {
      ctx.reply.null_array();
    }
  });
}

void geohash(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  ctx.reply.array(ctx.args.size() - 2);
  for_each_score(ctx, ZsetView(entry), 2, [&ctx](const std::optional<double>& score) {
    if (score) {
      const GeohashText text = geohash_text(geo_point(*score));
      ctx.reply.bulk({text.data(), text.size()});
    } else {
      ctx.reply.null();
    }
  });
}

void geodist(Context& ctx) {
  double metres_per_unit = 1;
  if (ctx.args.size() == 5 && !read_unit(ctx, 4, metres_per_unit)) {
    return;
  }
  if (ctx.args.size() > 5) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  const ZsetView zset(entry);
  const auto from = place_of(zset, ctx.args[2]);
  const auto to = place_of(zset, ctx.args[3]);
  if (from && to) {
    reply_distance(ctx.reply, geo_distance_m(*from, *to), metres_per_unit);
  } else {
    ctx.reply.null();
  }
}

constexpr CommandRow kRows[] = {
    {.name = "geoadd",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclGeo,
     .handler = geoadd,
     .keys = {key_at(1, "RW update")},
     .member_at = 4,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Adds places to a sorted set.",
     .complexity = "O(log N) a place",
     .syntax = "key#0 condition=[NX|XX]@6.2.0 [change=CH]@6.2.0 "
               "longitude_latitude_member=(longitude:double latitude:double member)...",
     .history = "6.2.0 CH, NX and XX came in"},
    {.name = "geopos",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = geopos,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Returns where members are.",
     .complexity = "O(1) a member",
     .syntax = "key#0 member..."},
    {.name = "geodist",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = geodist,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Returns the distance between two members.",
     .complexity = "O(1)",
     .syntax = "key#0 member1 member2 unit=[M|KM|FT|MI]"},
    {.name = "geohash",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = geohash,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Returns where members are, as geohashes.",
     .complexity = "O(1) a member",
     .syntax = "key#0 member..."},
};

}  // namespace

std::span<const CommandRow> geo_commands() {
  return kRows;
}

}  // namespace pollux
