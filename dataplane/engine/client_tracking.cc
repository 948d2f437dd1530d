// CLIENT TRACKING and what belongs to it: what a client says about its cache. The checks and their
// order are redis-server's; what follows from them is worker_tracking.cc's.
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/client_commands.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

Tracking* tracking_of(Context& ctx) { return engine_host(ctx).session->tracking.get(); }

// The options behind ON or OFF.
struct TrackingOptions {
  Tracking tracking;  // without its prefixes
  std::vector<std::string_view> prefixes;
};

// Empty if the arguments are good. `found` is whom the first REDIRECT names, if it is there.
std::string read_options(Args args, const ClientRef& found, TrackingOptions& options) {
  Tracking& tracking = options.tracking;
  for (size_t i = 3; i < args.size(); ++i) {
    const bool more = i + 1 < args.size();
    if (is_word(args[i], "redirect") && more) {
      if (tracking.redirect_id != 0) {
        return "ERR A client can only redirect to a single other client";
      }
      const std::optional<int64_t> id = parse_int64(args[++i]);
      if (!id) {
        return std::string(error_text::kNotInteger);
      }
      if (found == ClientRef{}) {
        return "ERR The client ID you want redirect to does not exist";
      }
      tracking.redirect_id = static_cast<uint64_t>(*id);
      tracking.redirect = found;
    } else if (is_word(args[i], "bcast")) {
      tracking.broadcast = true;
    } else if (is_word(args[i], "optin")) {
      tracking.opt_in = true;
    } else if (is_word(args[i], "optout")) {
      tracking.opt_out = true;
    } else if (is_word(args[i], "noloop")) {
      tracking.no_loop = true;
    } else if (is_word(args[i], "prefix") && more) {
      options.prefixes.push_back(args[++i]);
    } else {
      return std::string(error_text::kSyntax);
    }
  }
  return {};
}

// One of the prefixes that begins with `prefix`, or that it begins with; of the prefixes in the set
// none begins with another. The first is the next in their order, the second the one before: what
// stands between a word and one that begins with it begins with it too. So a command with very many
// prefixes is checked without comparing all pairs.
template <typename Set>
std::optional<std::string_view> overlapping(const Set& prefixes, std::string_view prefix) {
  const auto next = prefixes.lower_bound(prefix);
  if (next != prefixes.begin() && prefix.starts_with(*std::prev(next))) {
    return *std::prev(next);
  }
  if (next != prefixes.end() && next->starts_with(prefix)) {
    return *next;
  }
  return std::nullopt;
}

std::string overlap_error(std::string_view prefix, std::string_view which, std::string_view other) {
  return std::string("ERR Prefix '").append(prefix).append("' overlaps with ").append(which)
      .append(" prefix '").append(other)
      .append("'. Prefixes for a single client must not overlap.");
}

// Empty if the client may listen to these prefixes beside those it listens to.
std::string check_prefixes(const std::vector<std::string_view>& prefixes, const Tracking* now) {
  std::set<std::string_view> provided;
  for (const std::string_view prefix : prefixes) {
    if (now != nullptr) {
      if (const auto other = overlapping(now->prefixes, prefix)) {
        return overlap_error(prefix, "an existing", *other);
      }
    }
    if (const auto other = overlapping(provided, prefix)) {
      return overlap_error(*other, "another provided", prefix);
    }
    provided.insert(prefix);
  }
  return {};
}

// Empty if the options fit together and to how the client tracks now (null: it does not).
std::string check_options(const TrackingOptions& options, const Tracking* now) {
  const Tracking& next = options.tracking;
  if (!next.broadcast && !options.prefixes.empty()) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if (now != nullptr && now->broadcast != next.broadcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  if (next.broadcast && (next.opt_in || next.opt_out)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (next.opt_in && next.opt_out) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if (now != nullptr && ((next.opt_in && now->opt_out) || (next.opt_out && now->opt_in))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  return next.broadcast ? check_prefixes(options.prefixes, now) : std::string();
}

}  // namespace

// Looks for whom REDIRECT names. Without that there is nothing to look for.
void client_tracking_visit(Worker& worker, Tour& tour) {
  tour.done_early = true;
  for (size_t i = 3; i + 1 < tour.args.size(); ++i) {
    if (is_word(tour.args[i], "prefix")) {
      ++i;
    } else if (is_word(tour.args[i], "redirect")) {
      const std::optional<int64_t> id = parse_int64(tour.args[i + 1]);
      const Session* session = id ? worker.find_by_id(static_cast<uint64_t>(*id)) : nullptr;
      if (session != nullptr) {
        tour.found = {worker.id(), session->conn};
      }
      tour.done_early = !id || session != nullptr;
      return;
    }
  }
}

void client_tracking(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  TrackingOptions options;
  std::string problem = read_options(ctx.args, host.tour->found, options);
  const Tracking* now = tracking_of(ctx);
  const bool on = is_word(ctx.args[2], "on");
  if (problem.empty() && on) {
    problem = check_options(options, now);
  } else if (problem.empty() && !is_word(ctx.args[2], "off")) {
    problem = error_text::kSyntax;
  }
  if (!problem.empty()) {
    ctx.reply.error(problem);
    return;
  }
  if (!on) {
    host.worker->stop_tracking(*host.session);
    ctx.reply.ok();
    return;
  }
  Tracking next = std::move(options.tracking);
  if (next.broadcast) {
    next.prefixes.insert(options.prefixes.begin(), options.prefixes.end());
    if (options.prefixes.empty()) {
      next.prefixes.insert("");
    }
    if (now != nullptr) {
      next.prefixes.insert(now->prefixes.begin(), now->prefixes.end());
    }
  }
  host.worker->start_tracking(*host.session, std::move(next));
  ctx.reply.ok();
}

void client_getredir(Context& ctx) {
  const Tracking* tracking = tracking_of(ctx);
  ctx.reply.integer(tracking == nullptr ? -1 : static_cast<int64_t>(tracking->redirect_id));
}

void client_trackinginfo(Context& ctx) {
  const Tracking* tracking = tracking_of(ctx);
  const Tracking off;
  const Tracking& is = tracking == nullptr ? off : *tracking;
  std::vector<std::string_view> flags = {tracking == nullptr ? "off" : "on"};
  const auto add = [&flags](bool set, std::string_view name) {
    if (set) {
      flags.push_back(name);
    }
  };
  add(is.broadcast, "bcast");
  add(is.opt_in, "optin");
  add(is.opt_in && is.caching, "caching-yes");
  add(is.opt_out, "optout");
  add(is.opt_out && is.caching, "caching-no");
  add(is.no_loop, "noloop");
  add(is.redirect_broken, "broken_redirect");
  ctx.reply.map(3);
  ctx.reply.bulk("flags");
  ctx.reply.set(flags.size());
  for (const std::string_view flag : flags) {
    ctx.reply.bulk(flag);
  }
  ctx.reply.bulk("redirect");
  ctx.reply.integer(tracking == nullptr ? -1 : static_cast<int64_t>(is.redirect_id));
  ctx.reply.bulk("prefixes");
  ctx.reply.array(is.prefixes.size());
  for (const std::string& prefix : is.prefixes) {
    ctx.reply.bulk(prefix);
  }
}

void client_caching(Context& ctx) {
  Tracking* tracking = tracking_of(ctx);
  if (tracking == nullptr) {
    ctx.reply.error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
    return;
  }
  const bool yes = is_word(ctx.args[2], "yes");
  if (!yes && !is_word(ctx.args[2], "no")) {
    ctx.reply.error(error_text::kSyntax);
  } else if (yes && !tracking->opt_in) {
    ctx.reply.error(
        "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  } else if (!yes && !tracking->opt_out) {
    ctx.reply.error(
        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
  } else {
    tracking->caching = true;
    ctx.reply.ok();
  }
}

}  // namespace pollux
