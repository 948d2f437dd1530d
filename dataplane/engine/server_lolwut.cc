// LOLWUT [VERSION n] [columns [rows]]: a night sky by chance, with the Twins in it. Every call
// draws another one.
#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/version.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"

namespace pollux {

namespace {

constexpr int64_t kColumnsDefault = 66;
constexpr int64_t kRowsDefault = 22;
constexpr int64_t kColumnsMin = 20;
constexpr int64_t kRowsMin = 10;
constexpr int64_t kSizeMax = 400;

// The stars of Gemini in thousandths of the picture, and the lines between them.
struct Star {
  int x;
  int y;
  const char* sign;
};
constexpr Star kStars[] = {
    {300, 80, "✦"},   // Castor
    {160, 160, "✦"},  // Pollux
    {420, 230, "*"},  {560, 380, "*"}, {700, 480, "*"}, {840, 520, "*"},
    {240, 330, "*"},  {350, 500, "*"}, {480, 640, "*"}, {620, 780, "*"},
};
constexpr int kLines[][2] = {{0, 2}, {2, 3}, {3, 4}, {4, 5}, {1, 6},
                             {6, 7}, {7, 8}, {8, 9}, {0, 1}};

class Sky {
 public:
  Sky(int columns, int rows)
      : columns_(columns), cells_(static_cast<size_t>(columns * rows), " ") {}

  void scatter(Rng& rng) {
    constexpr const char* kFaint[] = {".", ".", ".", "·", "·", "'", "`", "+"};
    for (const char*& cell : cells_) {
      if (rng.below(24) == 0) {
        cell = kFaint[rng.below(std::size(kFaint))];
      }
    }
  }

  void draw_twins(bool mirrored) {
    for (const auto& [from, to] : kLines) {
      draw_line(place(kStars[from], mirrored), place(kStars[to], mirrored));
    }
    for (const Star& star : kStars) {
      cells_[place(star, mirrored)] = star.sign;
    }
  }

  std::string text() const {
    std::string out;
    for (size_t i = 0; i < cells_.size(); ++i) {
      out += cells_[i];
      if ((i + 1) % static_cast<size_t>(columns_) == 0) {
        out.erase(out.find_last_not_of(' ') + 1);
        out += '\n';
      }
    }
    return out;
  }

 private:
  int rows() const { return static_cast<int>(cells_.size()) / columns_; }
  size_t place(const Star& star, bool mirrored) const {
    const int x = (mirrored ? 1000 - star.x : star.x) * (columns_ - 1) / 1000;
    return static_cast<size_t>(star.y * (rows() - 1) / 1000 * columns_ + x);
  }
  // Dots from one to the other, with a gap between each two.
  void draw_line(size_t from, size_t to) {
    const int x = static_cast<int>(from) % columns_;
    const int y = static_cast<int>(from) / columns_;
    const int dx = static_cast<int>(to) % columns_ - x;
    const int dy = static_cast<int>(to) / columns_ - y;
    const int steps = std::max(std::abs(dx), std::abs(dy));
    for (int i = 2; i < steps - 1; i += 2) {
      cells_[static_cast<size_t>((y + dy * i / steps) * columns_ + x + dx * i / steps)] = "˙";
    }
  }

  int columns_;
  std::vector<const char*> cells_;
};

void lolwut(Context& ctx) {
  size_t at = 1;
  int64_t version = 0;
  if (ctx.args.size() > 1 && is_word(ctx.args[1], "version")) {
    if (ctx.args.size() > 2 && !read_int64(ctx, 2, version)) {
      return;
    }
    at = 3;
  }
  int64_t size[2] = {kColumnsDefault, kRowsDefault};
  for (size_t i = 0; i < 2 && at + i < ctx.args.size(); ++i) {
    if (!read_int64(ctx, at + i, size[i])) {
      return;
    }
  }
  Sky sky(static_cast<int>(std::clamp(size[0], kColumnsMin, kSizeMax)),
          static_cast<int>(std::clamp(size[1], kRowsMin, kSizeMax)));
  sky.scatter(ctx.rng);
  sky.draw_twins(ctx.rng.below(2) == 0);
  const std::string& redis = engine_host(ctx).worker->config().compat_redis_version;
  ctx.reply.verbatim(sky.text() + "\nThe Twins: Castor, and Pollux ver. " +
                         std::string(kPolluxVersion) + ", who speaks like Redis ver. " + redis +
                         "\n",
                     "txt");
}

constexpr CommandRow kRows[] = {
    {.name = "lolwut", .arity = -1, .flags = kReadonly | kFast, .acl = 0, .handler = lolwut,
     .route = Route::kSession,
     .group = "server", .since = "5.0.0", .summary = "Draws a picture, and says the version.",
     .complexity = "O(1)", .syntax = "[VERSION version:integer]"},
};

}  // namespace

std::span<const CommandRow> lolwut_commands() { return kRows; }

}  // namespace pollux
