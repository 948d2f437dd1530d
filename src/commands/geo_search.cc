// Members in an area: GEOSEARCH, GEOSEARCHSTORE, and the older GEORADIUS and GEORADIUSBYMEMBER. All
// become a SearchQuery. The area is looked for in up to 16 ranges of scores (data/geohash.h); what
// lies in it is collected as views, sorted if that is asked for, and replied or stored.
//
// The order of checks is redis-server's, which looks at the key before most options: a centre that
// is no member is an error in the middle of them, and of an absent key the centre and the radius of
// GEORADIUSBYMEMBER are not read at all.
#include <algorithm>
#include <vector>

#include "src/commands/families.h"
#include "src/commands/geo_args.h"
#include "src/commands/key_extractor.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

enum class Order : uint8_t { kNone, kNearest, kFarthest };

// What tells the commands apart.
struct SearchForm {
  bool is_search = false;     // GEOSEARCH...: centre and area are options
  bool by_member = false;     // GEORADIUSBYMEMBER...
  bool takes_store = false;   // STORE and STOREDIST with a key are options
  bool stores_first = false;  // GEOSEARCHSTORE: the target is the first argument
  size_t source = 1;          // argument of the key that is searched
  size_t options = 2;         // argument with which options begin
};

struct SearchQuery {
  GeoPoint centre{};
  bool has_member = false;  // where the centre is from
  bool has_place = false;
  bool has_radius = false;  // what the area is
  bool has_box = false;
  double radius = 0;
  double width = 0;
  double height = 0;
  double metres_per_unit = 1;

  Order order = Order::kNone;
  int64_t count = 0;  // 0: all
  bool any = false;
  bool with_distance = false;
  bool with_hash = false;
  bool with_place = false;
  size_t target = 0;  // argument of the key to store in; 0: none
  bool store_distance = false;

  GeoArea area() const {
    return has_box ? GeoArea::box(centre, width * metres_per_unit, height * metres_per_unit)
                   : GeoArea::circle(centre, radius * metres_per_unit);
  }
};

// Reads the arguments behind the keys. What it says no to is answered.
class QueryReader {
 public:
  // `entry`: of the key that is searched, or null.
  QueryReader(Context& ctx, const SearchForm& form, const Entry* entry, SearchQuery& query)
      : ctx_(ctx), form_(form), entry_(entry), query_(query), at_(form.options) {}

  bool read() { return read_fixed() && read_options() && check(); }

 private:
  enum class Taken : uint8_t { kNo, kYes, kFailed };
  static Taken taken(bool well) { return well ? Taken::kYes : Taken::kFailed; }

  // An option of this name, with so many values behind it.
  bool is_option(std::string_view word, size_t values) const {
    return ctx_.args.size() - at_ > values && is_word(ctx_.args[at_], word);
  }
  bool fail(std::string_view sentence) {
    ctx_.reply.error(sentence);
    return false;
  }

  // The centre and the radius of GEORADIUS and GEORADIUSBYMEMBER.
  bool read_fixed() {
    if (form_.is_search) {
      return true;
    }
    if (!form_.by_member) {
      return read_place(ctx_, 2, query_.centre) && read_radius(4);
    }
    return entry_ == nullptr || (read_member(2) && read_radius(3));
  }

  bool read_options() {
    for (; at_ < ctx_.args.size(); ++at_) {
      Taken what = take_word();
      for (const auto take : {&QueryReader::take_count, &QueryReader::take_target,
                              &QueryReader::take_centre, &QueryReader::take_area}) {
        if (what == Taken::kNo) {
          what = (this->*take)();
        }
      }
      if (what == Taken::kNo) {
        ctx_.reply.error(error_text::kSyntax);
      }
      if (what != Taken::kYes) {
        return false;
      }
    }
    return true;
  }

  Taken take_word() {
    const std::string_view word = ctx_.args[at_];
    if (is_word(word, "withdist")) {
      query_.with_distance = true;
    } else if (is_word(word, "withhash")) {
      query_.with_hash = true;
    } else if (is_word(word, "withcoord")) {
      query_.with_place = true;
    } else if (is_word(word, "any")) {
      query_.any = true;
    } else if (is_word(word, "asc")) {
      query_.order = Order::kNearest;
    } else if (is_word(word, "desc")) {
      query_.order = Order::kFarthest;
    } else {
      return Taken::kNo;
    }
    return Taken::kYes;
  }

  Taken take_count() {
    if (!is_option("count", 1)) {
      return Taken::kNo;
    }
    ++at_;
    if (!read_int64(ctx_, at_, query_.count)) {
      return Taken::kFailed;
    }
    return taken(query_.count > 0 || fail("ERR COUNT must be > 0"));
  }

  Taken take_target() {
    if (form_.takes_store && (is_option("store", 1) || is_option("storedist", 1))) {
      query_.store_distance = is_word(ctx_.args[at_], "storedist");
      query_.target = ++at_;
      return Taken::kYes;
    }
    if (form_.stores_first && is_option("storedist", 0)) {
      query_.store_distance = true;
      return Taken::kYes;
    }
    return Taken::kNo;
  }

  Taken take_centre() {
    if (!form_.is_search) {
      return Taken::kNo;
    }
    if (!query_.has_place && is_option("frommember", 1)) {
      query_.has_member = true;
      return taken(read_member(++at_));
    }
    if (!query_.has_member && is_option("fromlonlat", 2)) {
      query_.has_place = true;
      at_ += 2;
      return taken(read_place(ctx_, at_ - 1, query_.centre));
    }
    return Taken::kNo;
  }

  Taken take_area() {
    if (!form_.is_search) {
      return Taken::kNo;
    }
    if (!query_.has_box && is_option("byradius", 2)) {
      query_.has_radius = true;
      at_ += 2;
      return taken(read_radius(at_ - 1));
    }
    if (!query_.has_radius && is_option("bybox", 3)) {
      query_.has_box = true;
      at_ += 3;
      return taken(read_box(at_ - 2));
    }
    return Taken::kNo;
  }

  // Of an absent key any member will do: there is nothing to be found.
  bool read_member(size_t index) {
    if (entry_ == nullptr) {
      return true;
    }
    const auto place = place_of(ZsetView(entry_), ctx_.args[index]);
    if (!place) {
      return fail("ERR could not decode requested zset member");
    }
    query_.centre = *place;
    return true;
  }

  bool read_length(size_t index, double& length, std::string_view sentence) {
    const auto parsed = parse_double(ctx_.args[index]);
    if (!parsed) {
      return fail(sentence);
    }
    length = *parsed;
    return true;
  }

  bool read_radius(size_t index) {
    if (!read_length(index, query_.radius, "ERR need numeric radius")) {
      return false;
    }
    if (query_.radius < 0) {
      return fail("ERR radius cannot be negative");
    }
    return read_unit(ctx_, index + 1, query_.metres_per_unit);
  }

  bool read_box(size_t index) {
    if (!read_length(index, query_.width, "ERR need numeric width") ||
        !read_length(index + 1, query_.height, "ERR need numeric height")) {
      return false;
    }
    if (query_.width < 0 || query_.height < 0) {
      return fail("ERR height or width cannot be negative");
    }
    return read_unit(ctx_, index + 2, query_.metres_per_unit);
  }

  // What goes together.
  bool check() {
    const bool with_any = query_.with_distance || query_.with_hash || query_.with_place;
    if ((query_.target != 0 || form_.stores_first) && with_any) {
      return fail(form_.stores_first ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, "
                                       "WITHHASH and WITHCOORD options"
                                     : "ERR STORE option in GEORADIUS is not compatible with "
                                       "WITHDIST, WITHHASH and WITHCOORD options");
    }
    if (form_.is_search && !query_.has_member && !query_.has_place) {
      return fail_naming("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ");
    }
    if (form_.is_search && !query_.has_radius && !query_.has_box) {
      return fail_naming("ERR exactly one of BYRADIUS and BYBOX can be specified for ");
    }
    return !query_.any || query_.count > 0 || fail("ERR the ANY argument requires COUNT argument");
  }
  // The command as the client has spelled it.
  bool fail_naming(std::string_view sentence) {
    reply_error_quoting(ctx_.reply, sentence, ctx_.args[0]);
    return false;
  }

  Context& ctx_;
  const SearchForm& form_;
  const Entry* entry_;
  SearchQuery& query_;
  size_t at_;
};

struct Found {
  std::string_view member;
  double score;
  double distance_m;  // if the query needs it
  uint32_t number;  // in the order of the search: what has the same distance keeps it
};

// What is looked for.
struct Wanted {
  GeoArea area;
  bool with_distance;
  size_t enough;  // more is not needed

  // The distance of a place in the area, or 0 if it is not needed; nothing outside.
  std::optional<double> distance_m(double score) const {
    const GeoPoint place = geo_point(score);
    if (with_distance) {
      return area.distance_m(place);
    }
    return area.contains(place) ? std::optional(0.0) : std::nullopt;
  }
};

// A small set is looked through once, and what is found goes into the order of the ranges.
std::vector<Found> find_in_small(const ZsetView& zset, const Wanted& wanted, ZsetItems& texts) {
  std::vector<Found> found;
  found.reserve(zset.size());
  const GeoArea::Ranges ranges = wanted.area.ranges();
  zset.visit_all([&](std::string_view member, double score) {
    const auto distance_m = wanted.distance_m(score);
    if (!distance_m) {
      return;
    }
    const auto range = std::find_if(ranges.begin(), ranges.end(), [score](const GeoRange& one) {
      return score >= static_cast<double>(one.first) && score < static_cast<double>(one.end);
    });
    // A score that is no place's may lie elsewhere.
    if (range != ranges.end()) {
      const auto number = static_cast<uint32_t>(range - ranges.begin());
      found.push_back({texts.keep(/*stands=*/false, member), score, *distance_m, number});
    }
  });
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.number < b.number; });
  found.resize(std::min(found.size(), wanted.enough));
  for (size_t i = 0; i < found.size(); ++i) {
    found[i].number = static_cast<uint32_t>(i);
  }
  return found;
}

// The first of them in the order in which redis-server finds them.
std::vector<Found> find_members(const ZsetView& zset, const Wanted& wanted, ZsetItems& texts) {
  if (!zset.is_large()) {
    return find_in_small(zset, wanted, texts);
  }
  // The more members a square holds, the more of them lie outside of the area's bounds; finding a
  // range costs as much as looking at some.
  constexpr size_t kManyMembers = 1000;
  const unsigned finer = zset.size() < kManyMembers ? 1 : GeoArea::kFinerMax;
  std::vector<Found> found;
  for (const GeoRange& range : wanted.area.ranges(finer)) {
    const auto visit = [&](std::string_view member, double score) {
      if (const auto distance_m = wanted.distance_m(score)) {
        found.push_back({member, score, *distance_m, static_cast<uint32_t>(found.size())});
      }
      return found.size() < wanted.enough;
    };
    zset.visit_scores(static_cast<double>(range.first), static_cast<double>(range.end), visit);
    if (found.size() >= wanted.enough) {
      break;
    }
  }
  return found;
}

// COUNT means the nearest ones, unless ANY will do.
bool is_sorted(const SearchQuery& query) {
  return query.order != Order::kNone || (query.count > 0 && !query.any);
}

// Sorts as far as COUNT goes, and drops what is beyond it.
void sort_and_cut(const SearchQuery& query, std::vector<Found>& found) {
  const size_t all = found.size();
  const size_t wanted =
      query.count == 0 ? all : std::min(all, static_cast<size_t>(query.count));
  if (is_sorted(query)) {
    const bool reverse = query.order == Order::kFarthest;
    const auto before = [reverse](const Found& a, const Found& b) {
      if (a.distance_m != b.distance_m) {
        return (a.distance_m < b.distance_m) != reverse;
      }
      return a.number < b.number;
    };
    const auto middle = found.begin() + static_cast<ptrdiff_t>(wanted);
    std::partial_sort(found.begin(), middle, found.end(), before);
  }
  found.resize(wanted);
}

void reply_found(Context& ctx, const SearchQuery& query, const std::vector<Found>& found) {
  const size_t parts = 1 + (query.with_distance ? 1 : 0) + (query.with_hash ? 1 : 0) +
                       (query.with_place ? 1 : 0);
  ctx.reply.array(found.size());
  for (const Found& item : found) {
    if (parts > 1) {
      ctx.reply.array(parts);
    }
    ctx.reply.bulk(item.member);
    if (query.with_distance) {
      reply_distance(ctx.reply, item.distance_m, query.metres_per_unit);
    }
    if (query.with_hash) {
      ctx.reply.integer(static_cast<int64_t>(item.score));
    }
    if (query.with_place) {
      reply_place(ctx.reply, geo_point(item.score));
    }
  }
}

void store_found(Context& ctx, const SearchQuery& query, const std::vector<Found>& found,
                 KeyEvent event) {
  std::vector<ZsetItem> items;
  items.reserve(found.size());
  for (const Found& item : found) {
    items.push_back({item.member, query.store_distance ? item.distance_m / query.metres_per_unit
                                                       : item.score});
  }
  std::sort(items.begin(), items.end(), zset_before);
  store_items(ctx, query.target, items, event, items.size());
}

void search(Context& ctx, const SearchForm& form) {
  const Entry* entry = ctx.keys.find(Key::of(ctx.args[form.source]));
  if (!check_zset(ctx, entry)) {
    return;
  }
  SearchQuery query;
  if (!QueryReader(ctx, form, entry, query).read()) {
    return;
  }
  if (form.stores_first) {
    query.target = 1;
  }
  ZsetItems texts;
  std::vector<Found> found;
  if (entry != nullptr) {
    const bool with_distance = is_sorted(query) || query.with_distance || query.store_distance;
    const size_t enough = query.any ? static_cast<size_t>(query.count) : SIZE_MAX;
    found = find_members(ZsetView(entry), {query.area(), with_distance, enough}, texts);
    sort_and_cut(query, found);
  }
  if (query.target != 0) {
    store_found(ctx, query, found,
                form.is_search ? KeyEvent::kGeoSearchStore : KeyEvent::kGeoRadiusStore);
  } else {
    reply_found(ctx, query, found);
  }
}

void geosearch(Context& ctx) {
  search(ctx, {.is_search = true});
}
void geosearchstore(Context& ctx) {
  search(ctx, {.is_search = true, .stores_first = true, .source = 2, .options = 3});
}
void georadius(Context& ctx) {
  search(ctx, {.takes_store = true, .options = 6});
}
void georadius_ro(Context& ctx) {
  search(ctx, {.options = 6});
}
void georadiusbymember(Context& ctx) {
  search(ctx, {.by_member = true, .takes_store = true, .options = 5});
}
void georadiusbymember_ro(Context& ctx) {
  search(ctx, {.by_member = true, .options = 5});
}

// Every key behind a STORE or STOREDIST: the last one counts, the key specs tell the first.
bool find_radius_keys(Args args, KeyIndices& keys, size_t options) {
  keys.append(1, 0);
  for (size_t i = options; i + 1 < args.size(); ++i) {
    if (is_word(args[i], "store")) {
      keys.append(++i, 1);
    } else if (is_word(args[i], "storedist")) {
      keys.append(++i, 2);
    }
  }
  return true;
}
bool find_georadius_keys(Args args, KeyIndices& keys) {
  return find_radius_keys(args, keys, 6);
}
bool find_georadiusbymember_keys(Args args, KeyIndices& keys) {
  return find_radius_keys(args, keys, 5);
}

constexpr KeySpec behind(std::string_view keyword, int16_t first) {
  return {.first = first, .last = 0, .flags = "OW update", .keyword = keyword};
}

constexpr std::string_view kComplexity =
    "O(N + M log M) for N members in the squares around the area, and M in it";

constexpr CommandRow kRows[] = {
    {.name = "geosearch",
     .arity = -7,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = geosearch,
     .keys = {key_at(1, "RO access")},
     .group = "geo",
     .since = "6.2.0",
     .summary = "Finds the members in a circle or a box.",
     .complexity = kComplexity,
     .syntax = "key#0 from=(FROMMEMBER member|FROMLONLAT longitude_latitude=(longitude:double "
               "latitude:double)) by=(circle=(BYRADIUS radius:double unit=(M|KM|FT|MI))|"
               "box=(BYBOX width:double height:double unit=(M|KM|FT|MI))) order=[ASC|DESC] "
               "count=[COUNT count:integer [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
     .history = "7.0.0 units may be in upper case"},
    {.name = "geosearchstore",
     .arity = -8,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclGeo,
     .handler = geosearchstore,
     .keys = {key_at(1, "OW update"), key_at(2, "RO access")},
     .group = "geo",
     .since = "6.2.0",
     .summary = "Stores the members in a circle or a box.",
     .complexity = kComplexity,
     .syntax = "destination#0 source#1 from=(FROMMEMBER member|FROMLONLAT longitude_latitude="
               "(longitude:double latitude:double)) by=(circle=(BYRADIUS radius:double "
               "unit=(M|KM|FT|MI))|box=(BYBOX width:double height:double unit=(M|KM|FT|MI))) "
               "order=[ASC|DESC] count=[COUNT count:integer [ANY]] [STOREDIST]",
     .history = "7.0.0 units may be in upper case"},
    {.name = "georadius",
     .arity = -6,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAclGeo,
     .handler = georadius,
     .keys = {key_at(1, "RO access"), behind("STORE", 6), behind("STOREDIST", 6)},
     .key_finder = find_georadius_keys,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Finds the members around a place; may store them.",
     .complexity = kComplexity,
     .syntax = "key#0 longitude:double latitude:double radius:double unit=(M|KM|FT|MI) "
               "[WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count:integer [ANY]@6.2.0] "
               "order=[ASC|DESC] [STORE key#1] [STOREDIST key#2]",
     .history = "6.2.0 COUNT may be followed by ANY;7.0.0 units may be in upper case",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"},
    {.name = "georadius_ro",
     .arity = -6,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = georadius_ro,
     .keys = {key_at(1, "RO access")},
     .group = "geo",
     .since = "3.2.10",
     .summary = "Finds the members around a place.",
     .complexity = kComplexity,
     .syntax = "key#0 longitude:double latitude:double radius:double unit=(M|KM|FT|MI) "
               "[WITHCOORD] [WITHDIST] [WITHHASH] count=[COUNT count:integer [ANY]@6.2.0] "
               "order=[ASC|DESC]",
     .history = "6.2.0 COUNT may be followed by ANY",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"},
    {.name = "georadiusbymember",
     .arity = -5,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAclGeo,
     .handler = georadiusbymember,
     .keys = {key_at(1, "RO access"), behind("STORE", 5), behind("STOREDIST", 5)},
     .key_finder = find_georadiusbymember_keys,
     .group = "geo",
     .since = "3.2.0",
     .summary = "Finds the members around one of them; may store them.",
     .complexity = kComplexity,
     .syntax = "key#0 member radius:double unit=(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] "
               "count=[COUNT count:integer [ANY]] order=[ASC|DESC] [STORE key#1] "
               "[STOREDIST key#2]",
     .history = "7.0.0 units may be in upper case",
     .deprecated_since = "6.2.0",
     .replaced_by =
         "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "georadiusbymember_ro",
     .arity = -5,
     .flags = kReadonly,
     .acl = kAclGeo,
     .handler = georadiusbymember_ro,
     .keys = {key_at(1, "RO access")},
     .group = "geo",
     .since = "3.2.10",
     .summary = "Finds the members around one of them.",
     .complexity = kComplexity,
     .syntax = "key#0 member radius:double unit=(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] "
               "count=[COUNT count:integer [ANY]] order=[ASC|DESC]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
};

}  // namespace

std::span<const CommandRow> geo_search_commands() {
  return kRows;
}

}  // namespace pollux
