#include "dataplane/engine/hot_keys.h"

#include <algorithm>
#include <numeric>

#include "src/base/hash.h"
#include "src/commands/key_extractor.h"

namespace pollux {

namespace {

// Places beyond what is shown keep the weights of those that are close to the truth.
constexpr size_t kAlwaysPlaces = 128;
constexpr size_t kSessionPlaces = 512;

}  // namespace

TopKeys::TopKeys(size_t capacity) : capacity_(capacity) {
  hashes_.reserve(capacity);
  weights_.reserve(capacity);
  keys_.reserve(capacity);
}

void TopKeys::add(uint64_t hash, std::string_view key, uint64_t weight) {
  key = key.substr(0, kKeyBytesMax);
  total_ += weight;
  for (size_t i = 0; i < hashes_.size(); ++i) {
    if (hashes_[i] == hash && keys_[i] == key) {
      weights_[i] += weight;
      return;
    }
  }
  if (hashes_.size() < capacity_) {
    hashes_.push_back(hash);
    weights_.push_back(weight);
    keys_.emplace_back(key);
    return;
  }
  const auto lightest = static_cast<size_t>(
      std::min_element(weights_.begin(), weights_.end()) - weights_.begin());
  hashes_[lightest] = hash;
  weights_[lightest] += weight;
  keys_[lightest] = key;
}

void TopKeys::fade() {
  total_ /= 2;
  for (uint64_t& weight : weights_) {
    weight /= 2;
  }
}

void TopKeys::clear() {
  hashes_.clear();
  weights_.clear();
  keys_.clear();
  total_ = 0;
}

void TopKeys::merge(const TopKeys& other) {
  const uint64_t total = total_ + other.total_;
  for (size_t i = 0; i < other.keys_.size(); ++i) {
    add(other.hashes_[i], other.keys_[i], other.weights_[i]);
  }
  total_ = total;  // not what add has made of weights that were taken over
}

std::vector<TopKeys::Entry> TopKeys::top(size_t count) const {
  std::vector<size_t> order(keys_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    return weights_[a] != weights_[b] ? weights_[a] > weights_[b] : keys_[a] < keys_[b];
  });
  std::vector<Entry> entries;
  for (const size_t i : order) {
    if (entries.size() == count || weights_[i] == 0) {
      break;
    }
    entries.push_back({keys_[i], weights_[i]});
  }
  return entries;
}

HotKeysUsage& HotKeysUsage::operator+=(const HotKeysUsage& other) {
  cycles += other.cycles;
  net_bytes += other.net_bytes;
  user_us += other.user_us;
  system_us += other.system_us;
  return *this;
}

// Counters that were set back meanwhile (CONFIG RESETSTAT) leave nothing, not less than nothing.
HotKeysUsage HotKeysUsage::operator-(const HotKeysUsage& other) const {
  const auto less = [](int64_t a, int64_t b) { return std::max<int64_t>(a - b, 0); };
  return {less(cycles, other.cycles), less(net_bytes, other.net_bytes),
          less(user_us, other.user_us), less(system_us, other.system_us)};
}

HotKeys::HotKeys(uint64_t seed)
    : rng_(seed),
      until_always_(gap(kAlwaysRatio)),
      always_(kAlwaysPlaces),
      by_cpu_(kSessionPlaces),
      by_net_(kSessionPlaces) {
  countdown_ = countdown_from_ = until_always_;
}

// Commands to the next look, `ratio` of them on average, at random: a load with a period must not
// hide its keys between the looks.
uint64_t HotKeys::gap(uint64_t ratio) { return 1 + rng_.below(2 * ratio - 1); }

void HotKeys::rearm() {
  countdown_ = until_always_;
  if (active_) {
    countdown_ = std::min(countdown_, until_session_);
  }
  countdown_from_ = countdown_;
}

void HotKeys::look(const CommandRow& row, Args args, const CommandCost& cost) {
  until_always_ -= countdown_from_;
  const bool always = until_always_ == 0;
  if (always) {
    until_always_ = gap(kAlwaysRatio);
  }
  bool session = false;
  if (active_) {
    until_session_ -= countdown_from_;
    session = until_session_ == 0;
    if (session) {
      until_session_ = gap(session_.ratio);
    }
  }
  rearm();
  KeyIndices keys;
  if (row.route != Route::kKeys || !extract_keys(row, args, keys) || keys.size() == 0) {
    return;
  }
  // Several keys share what their command took.
  const uint64_t cycles = std::max<uint64_t>(cost.cycles / keys.size(), 1);
  const uint64_t bytes =
      std::max<uint64_t>((cost.request_bytes + cost.reply_bytes) / keys.size(), 1);
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view key = args[keys[i]];
    const uint64_t hash = key_hash(key);
    if (always) {
      always_.add(hash, key, 1);
    }
    if (session && session_.by_cpu) {
      by_cpu_.add(hash, key, cycles);
    }
    if (session && session_.by_net) {
      by_net_.add(hash, key, bytes);
    }
  }
}

void HotKeys::start(const HotKeysSession& session, Instant now, const HotKeysUsage& usage) {
  reset();
  started_ = active_ = true;
  session_ = session;
  began_ms_ = now.ms();
  usage_at_start_ = usage;
  // The command that starts it is still to be counted down.
  until_always_ -= countdown_from_ - countdown_;
  until_session_ = gap(session.ratio);
  rearm();
}

void HotKeys::stop(Instant now, const HotKeysUsage& usage) {
  if (!active_) {
    return;
  }
  ended_ms_ = over(now) ? began_ms_ + session_.duration_ms : now.ms();
  active_ = false;
  usage_at_end_ = usage;
}

void HotKeys::reset() {
  started_ = active_ = false;
  session_ = {};
  by_cpu_.clear();
  by_net_.clear();
}

void HotKeys::fade_if_due(Instant now) {
  if (now.ms() - faded_ms_ >= kFadeMs) {
    faded_ms_ = now.ms();
    always_.fade();
  }
}

}  // namespace pollux
