#include "storage/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/assert.h"

namespace pollux {
namespace {

// Of one operation, when nothing stalls.
constexpr int64_t kDelayUsMin = 20;
constexpr uint64_t kDelayUsSpread = 400;
// What stands in a buffer until the bytes are read.
constexpr char kUnread = '\xa5';

}  // namespace

SimDisk::SimDisk(uint64_t seed, ManualClock& clock, const Image& image)
    : rng_(seed), clock_(clock) {
  for (const std::string& name : image.directories) {
    names_.begin(name, {.number = ++nodes_, .directory = true});
  }
  for (const auto& [name, bytes] : image.files) {
    names_.begin(name, {.number = ++nodes_});
    files_.emplace(nodes_, SimFile(bytes));
  }
}

SimDisk::~SimDisk() {
  POLLUX_ASSERT(under_way_.empty());
}

// ---- what the test decides ----

void SimDisk::crash() {
  if (crashed_) {
    return;
  }
  crashed_ = true;
  for (Operation& operation : under_way_) {
    if (operation.kind == Kind::kWrite) {
      file_of(operation.file).write(operation.offset, operation.bytes);
    }
    operation.error = EIO;
    operation.due_us = clock_.now().us;
  }
}

SimDisk::Image SimDisk::survivors(uint64_t seed) const {
  POLLUX_ASSERT(crashed_);
  Rng rng(seed);
  Image image;
  for (const auto& [name, node] : names_.survivor(rng)) {
    if (node.directory) {
      image.directories.insert(name);
    } else {
      image.files.emplace(name, files_.at(node.number).survivor(rng));
    }
  }
  return image;
}

SimDisk::Image SimDisk::seen() const {
  Image image;
  for (const auto& [name, node] : names_.seen()) {
    if (node.directory) {
      image.directories.insert(name);
    } else {
      image.files.emplace(name, files_.at(node.number).seen());
    }
  }
  return image;
}

// ---- names ----

int SimDisk::open(std::string_view name, Mode mode, Cache cache, File& file) {
  file = kNoFile;
  if (const int error = name_call(); error != 0) {
    return error;
  }
  SimNames::Node node;
  int error = names_.find(name, node);
  if (error == ENOENT && mode != Mode::kRead) {
    node = {.number = ++nodes_};
    error = names_.link(name, node);
  }
  if (error != 0) {
    return error;
  }
  if (node.directory) {
    return EISDIR;
  }
  SimFile& opened = files_[node.number];
  if (mode == Mode::kNew && !opened.seen().empty()) {
    opened.truncate(0);
  }
  handles_.push_back(
      {.node = node.number, .writable = mode != Mode::kRead, .aligned = cache == Cache::kDirect});
  file = static_cast<File>(handles_.size());
  return 0;
}

void SimDisk::close(File file) {
  POLLUX_ASSERT(at(file).under_way == 0);
  at(file).open = false;
}

int SimDisk::size(File file, uint64_t& bytes) {
  const int error = name_call();
  bytes = file_of(file).seen().size();
  return error;
}

int SimDisk::truncate(File file, uint64_t bytes) {
  POLLUX_ASSERT(at(file).writable);
  const int error = name_call();
  if (error == 0) {
    file_of(file).truncate(bytes);
  }
  return error;
}

int SimDisk::rename(std::string_view from, std::string_view to) {
  const int error = name_call();
  return error != 0 ? error : names_.rename(from, to);
}

int SimDisk::remove(std::string_view name) {
  const int error = name_call();
  return error != 0 ? error : names_.remove(name);
}

int SimDisk::make_directory(std::string_view name) {
  if (const int error = name_call(); error != 0) {
    return error;
  }
  SimNames::Node node;
  if (names_.find(name, node) == 0) {
    return node.directory ? 0 : EEXIST;
  }
  return names_.link(name, {.number = ++nodes_, .directory = true});
}

int SimDisk::list(std::string_view directory, std::vector<std::string>& names) {
  names.clear();
  const int error = name_call();
  return error != 0 ? error : names_.list(directory, names);
}

int SimDisk::sync_directory(std::string_view directory) {
  const int error = name_call();
  return error != 0 ? error : names_.sync(directory);
}

// ---- bytes ----

void SimDisk::read(File file, uint64_t offset, std::span<char> into, uint64_t token) {
  std::fill(into.begin(), into.end(), kUnread);
  begin({.kind = Kind::kRead,
         .file = file,
         .token = token,
         .offset = offset,
         .into = into,
         .bytes = {into.data(), into.size()}},
        faults_.reads);
}

void SimDisk::write(File file, uint64_t offset, std::string_view bytes, uint64_t token) {
  POLLUX_ASSERT(at(file).writable);
  begin({.kind = Kind::kWrite, .file = file, .token = token, .offset = offset, .bytes = bytes},
        faults_.writes);
}

void SimDisk::sync(File file, uint64_t token) {
  begin({.kind = Kind::kSync, .file = file, .token = token, .changes = file_of(file).changes()},
        faults_.syncs);
}

size_t SimDisk::poll(std::span<Completion> out, int64_t wait_us) {
  POLLUX_ASSERT(!out.empty());
  const size_t count = take(out);
  if (count > 0 || wait_us == 0) {
    return count;
  }
  if (std::exchange(woken_, false)) {
    return 0;
  }
  int64_t due_us = wait_us < 0 ? INT64_MAX : clock_.now().us + wait_us;
  for (const Operation& operation : under_way_) {
    due_us = std::min(due_us, operation.due_us);
  }
  POLLUX_ASSERT(due_us != INT64_MAX);  // nothing will come
  while (others_ && !woken_ && !crashed_ && clock_.now().us < due_us) {
    others_();
  }
  if (!std::exchange(woken_, false)) {
    clock_.advance_us(std::max<int64_t>(due_us - clock_.now().us, 0));
  }
  return take(out);
}

// ---- inside ----

SimDisk::Handle& SimDisk::at(File file) {
  POLLUX_ASSERT(file != kNoFile && file <= handles_.size() && handles_[file - 1].open);
  return handles_[file - 1];
}

int SimDisk::call(uint32_t fault_one_in) {
  ++calls_;
  if (calls_ == crash_at_) {
    crash();
  }
  if (by_chance(faults_.stalls)) {
    const auto span = static_cast<uint64_t>(faults_.stall_us_max);
    stalled_until_us_ = clock_.now().us + static_cast<int64_t>(rng_.below(span + 1));
  }
  const bool fails = by_chance(fault_one_in);
  if (crashed_) {
    return EIO;
  }
  const auto it = fail_.find(calls_);
  return it != fail_.end() ? it->second : fails ? EIO : 0;
}

int SimDisk::name_call() {
  const int error = call(faults_.names);
  const int64_t now_us = clock_.now().us;
  clock_.advance_us(std::max<int64_t>(stalled_until_us_ - now_us, 0) + kDelayUsMin);
  return error;
}

void SimDisk::begin(Operation operation, uint32_t fault_one_in) {
  Handle& handle = at(operation.file);
  POLLUX_ASSERT(under_way_.size() < kDepthMax);
  POLLUX_ASSERT(!handle.aligned ||
                is_aligned(operation.offset, operation.bytes.data(), operation.bytes.size()));
  ++handle.under_way;
  operation.copy = operation.bytes;
  operation.error = call(fault_one_in);
  operation.due_us = std::max(clock_.now().us, stalled_until_us_) + kDelayUsMin +
                     static_cast<int64_t>(rng_.below(kDelayUsSpread));
  under_way_.push_back(std::move(operation));
}

size_t SimDisk::take(std::span<Completion> out) {
  const int64_t now_us = clock_.now().us;
  size_t count = 0;
  while (count < out.size()) {
    const auto first = std::min_element(
        under_way_.begin(), under_way_.end(),
        [](const Operation& a, const Operation& b) { return a.due_us < b.due_us; });
    if (first == under_way_.end() || first->due_us > now_us) {
      break;
    }
    const int64_t result = end(*first);
    --at(first->file).under_way;
    out[count++] = {.token = first->token, .result = result};
    under_way_.erase(first);
  }
  return count;
}

int64_t SimDisk::end(Operation& operation) {
  POLLUX_ASSERT(operation.bytes == operation.copy);  // who touched it meanwhile?
  if (crashed_) {
    return -EIO;
  }
  switch (operation.kind) {
    case Kind::kRead:
      return end_read(operation);
    case Kind::kWrite:
      return end_write(operation);
    case Kind::kSync:
      break;
  }
  SimFile& file = file_of(operation.file);
  if (operation.error != 0) {
    file.lose(operation.changes, rng_);
  } else {
    file.sync(operation.changes);
  }
  return -operation.error;
}

int64_t SimDisk::end_read(Operation& operation) {
  const std::string_view seen = file_of(operation.file).seen();
  const std::string_view found =
      operation.offset < seen.size() ? seen.substr(operation.offset, operation.into.size()) : "";
  const size_t bytes = operation.error != 0 ? rng_.below(found.size() + 1) : found.size();
  found.copy(operation.into.data(), bytes);
  return operation.error != 0 ? -operation.error : static_cast<int64_t>(bytes);
}

int64_t SimDisk::end_write(Operation& operation) {
  SimFile& file = file_of(operation.file);
  if (by_chance(faults_.fills)) {
    const auto span = static_cast<uint64_t>(faults_.fill_us_max);
    full_until_us_ = clock_.now().us + static_cast<int64_t>(rng_.below(span + 1));
  }
  if (operation.error != 0) {
    const size_t from = rng_.below(operation.bytes.size() + 1);
    const size_t bytes = rng_.below(operation.bytes.size() - from + 1);
    file.write(operation.offset + from, operation.bytes.substr(from, bytes));
    return -operation.error;
  }
  const uint64_t room = file.seen().size() + space_left();  // the end that still fits
  const uint64_t fits = operation.offset < room ? room - operation.offset : 0;
  file.write(operation.offset, operation.bytes.substr(0, fits));
  return fits < operation.bytes.size() ? -ENOSPC : static_cast<int64_t>(operation.bytes.size());
}

uint64_t SimDisk::space_left() const {
  if (clock_.now().us < full_until_us_) {
    return 0;
  }
  // Files with a name, or open.
  std::set<uint64_t> nodes;
  for (const auto& [name, node] : names_.seen()) {
    nodes.insert(node.number);
  }
  for (const Handle& handle : handles_) {
    if (handle.open) {
      nodes.insert(handle.node);
    }
  }
  uint64_t used = 0;
  for (const uint64_t node : nodes) {
    const auto it = files_.find(node);
    used += it == files_.end() ? 0 : it->second.seen().size();
  }
  return used < space_ ? space_ - used : 0;
}

}  // namespace pollux
