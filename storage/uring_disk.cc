#include "storage/uring_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "src/base/assert.h"
#include "src/base/time.h"

namespace pollux {
namespace {

// At most one entry per operation, and the wake's.
constexpr unsigned kSubmissionEntries = 128;
constexpr unsigned kCompletionEntries = 256;
// What one request of the kernel can carry is a little less than 2 GiB.
constexpr size_t kPieceBytesMax = size_t{1} << 30;
static_assert(kPieceBytesMax % Disk::kDirectAlign == 0);

constexpr uint64_t kWakeData = UINT64_MAX;
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

// O_NONBLOCK: a pipe, whose other end may never come, is told by its kind instead of waited for.
int open_flags(Disk::Mode mode) {
  constexpr int kAlways = O_CLOEXEC | O_NONBLOCK;
  switch (mode) {
    case Disk::Mode::kRead:
      return O_RDONLY | kAlways;
    case Disk::Mode::kWrite:
      return O_RDWR | O_CREAT | kAlways;
    case Disk::Mode::kNew:
      return O_RDWR | O_CREAT | O_TRUNC | kAlways;
  }
  return 0;
}

int error_of(int rc) {
  return rc < 0 ? errno : 0;
}

}  // namespace

std::unique_ptr<UringDisk> UringDisk::create(std::string& error) {
  std::unique_ptr<UringDisk> disk(new UringDisk);
  static_assert(kDepthMax < kSubmissionEntries);
  error = disk->ring_.setup(kSubmissionEntries, kCompletionEntries);
  if (error.empty()) {
    error = disk->wake_.setup();
  }
  if (!error.empty()) {
    return nullptr;
  }
  return disk;
}

UringDisk::UringDisk() {
  for (uint32_t i = kDepthMax; i > 0; --i) {
    free_.push_back(i - 1);
  }
}

UringDisk::~UringDisk() {
  POLLUX_ASSERT(free_.size() == kDepthMax);
  for (const OpenFile& file : files_) {
    if (file.fd >= 0) {
      ::close(file.fd);
    }
  }
}

// ---- names ----

int UringDisk::open(std::string_view name, Mode mode, Cache cache, File& file) {
  file = kNoFile;
  const std::string path(name);
  const int flags = open_flags(mode);
  const bool aligned = cache == Cache::kDirect;
  bool direct = aligned;
  int fd = ::open(path.c_str(), direct ? flags | O_DIRECT : flags, kFileMode);
  if (fd < 0 && direct && errno == EINVAL) {
    direct = false;
    fd = ::open(path.c_str(), flags, kFileMode);
  }
  if (fd < 0) {
    return errno;
  }
  struct stat status {};
  int error = error_of(fstat(fd, &status));
  if (error == 0 && !S_ISREG(status.st_mode)) {
    error = S_ISDIR(status.st_mode) ? EISDIR : ESPIPE;
  }
  if (error == 0) {  // whose reads may wait for the disk again
    error = error_of(fcntl(fd, F_SETFL, (direct ? flags | O_DIRECT : flags) & ~O_NONBLOCK));
  }
  if (error != 0) {
    ::close(fd);
    return error;
  }
  auto place =
      std::find_if(files_.begin(), files_.end(), [](const OpenFile& f) { return f.fd < 0; });
  if (place == files_.end()) {
    place = files_.insert(place, OpenFile{});
  }
  *place = {.fd = fd, .aligned = aligned, .direct = direct};
  file = static_cast<File>(place - files_.begin()) + 1;
  return 0;
}

void UringDisk::close(File file) {
  OpenFile& entry = at(file);
  POLLUX_ASSERT(entry.under_way == 0);
  // What it may tell (EIO of a network file system) sync has told before.
  ::close(entry.fd);
  entry.fd = -1;
}

int UringDisk::size(File file, uint64_t& bytes) {
  struct stat status {};
  const int error = error_of(fstat(at(file).fd, &status));
  bytes = static_cast<uint64_t>(status.st_size);
  return error;
}

int UringDisk::truncate(File file, uint64_t bytes) {
  return error_of(ftruncate(at(file).fd, static_cast<off_t>(bytes)));
}

int UringDisk::rename(std::string_view from, std::string_view to) {
  return error_of(std::rename(std::string(from).c_str(), std::string(to).c_str()));
}

int UringDisk::remove(std::string_view name) {
  return error_of(unlink(std::string(name).c_str()));
}

int UringDisk::make_directory(std::string_view name) {
  const std::string path(name);
  if (mkdir(path.c_str(), kDirectoryMode) == 0) {
    return 0;
  }
  const int error = errno;
  struct stat status {};
  const bool stands = error == EEXIST && stat(path.c_str(), &status) == 0;
  return stands && S_ISDIR(status.st_mode) ? 0 : error;
}

int UringDisk::list(std::string_view directory, std::vector<std::string>& names) {
  names.clear();
  DIR* handle = opendir(std::string(directory).c_str());
  if (handle == nullptr) {
    return errno;
  }
  errno = 0;
  while (const dirent* entry = readdir(handle)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  const int error = errno;
  closedir(handle);
  return error;
}

int UringDisk::sync_directory(std::string_view directory) {
  const int fd = ::open(std::string(directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return errno;
  }
  const int error = error_of(fsync(fd));
  ::close(fd);
  return error;
}

// ---- bytes ----

void UringDisk::read(File file, uint64_t offset, std::span<char> into, uint64_t token) {
  begin({.kind = Kind::kRead,
         .file = file,
         .token = token,
         .offset = offset,
         .bytes = into.data(),
         .size = into.size()});
}

void UringDisk::write(File file, uint64_t offset, std::string_view bytes, uint64_t token) {
  begin_or_carry_out({.kind = Kind::kWrite,
                      .file = file,
                      .token = token,
                      .offset = offset,
                      .bytes = const_cast<char*>(bytes.data()),
                      .size = bytes.size()});
}

void UringDisk::sync(File file, uint64_t token) {
  begin_or_carry_out({.kind = Kind::kSync, .file = file, .token = token});
}

size_t UringDisk::poll(std::span<Completion> out, int64_t wait_us) {
  if (!attached_) {
    attached_ = true;
    ring_.attach();
    wake_.arm(ring_, kWakeData);
  }
  POLLUX_ASSERT(!out.empty());
  const int64_t end_ns = wait_us > 0 ? monotonic_ns() + wait_us * 1000 : 0;
  size_t count = take(out);
  if (wait_us == 0 || count > 0) {
    ring_.enter(0, 0);
    return count + take(out.subspan(count));
  }
  // Round again: for what is carried on, for a wake of the past, for a signal.
  int64_t rest_us = wait_us;
  bool woken = false;
  while (count == 0 && !woken && (wait_us < 0 || rest_us > 0)) {
    const bool sleep = wake_.before_sleep();
    ring_.enter(sleep ? 1 : 0, rest_us);
    woken = wake_.after_sleep();
    count = take(out);
    if (wait_us > 0) {
      rest_us = (end_ns - monotonic_ns()) / 1000;
    }
  }
  return count;
}

// ---- inside ----

UringDisk::OpenFile& UringDisk::at(File file) {
  POLLUX_ASSERT(file != kNoFile && file <= files_.size() && files_[file - 1].fd >= 0);
  return files_[file - 1];
}

void UringDisk::begin(const Operation& operation) {
  OpenFile& file = at(operation.file);
  POLLUX_ASSERT(!free_.empty());  // depth_max
  POLLUX_ASSERT(!file.aligned || is_aligned(operation.offset, operation.bytes, operation.size));
  ++file.under_way;
  const uint32_t index = free_.back();
  free_.pop_back();
  operations_[index] = operation;
  submit(index);
}

void UringDisk::begin_or_carry_out(const Operation& operation) {
  if (at(operation.file).here) {
    carry_out(operation);
  } else {
    begin(operation);
  }
}

void UringDisk::submit(uint32_t index) {
  const Operation& op = operations_[index];
  const int fd = at(op.file).fd;
  const auto bytes = static_cast<unsigned>(std::min(op.size - op.done, kPieceBytesMax));
  io_uring_sqe* sqe = ring_.next_sqe();
  switch (op.kind) {
    case Kind::kRead:
      io_uring_prep_read(sqe, fd, op.bytes + op.done, bytes, op.offset + op.done);
      break;
    case Kind::kWrite:
      io_uring_prep_write(sqe, fd, op.bytes + op.done, bytes, op.offset + op.done);
      break;
    case Kind::kSync:
      // The size of a file is among what this makes durable, its times are not.
      io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
      break;
  }
  sqe->user_data = index;
}

// The kernel does syncs, and writes through its cache on ext4, by threads of its own. There and
// back are two switches of threads each, and on a busy core the way there may take longer than the
// sync: it waited for up to 300 us behind the worker that the last sync had woken.
void UringDisk::carry_out(Operation operation) {
  const int fd = at(operation.file).fd;
  int64_t result = 0;
  do {
    if (operation.kind == Kind::kSync) {
      result = fdatasync(fd);
    } else {
      result = pwrite(fd, operation.bytes + operation.done, operation.size - operation.done,
                      static_cast<off_t>(operation.offset + operation.done));
    }
    result = result < 0 ? -errno : result;
  } while (!step(operation, result));
  carried_out_.push_back({.token = operation.token, .result = result});
}

size_t UringDisk::take(std::span<Completion> out) {
  size_t count = 0;
  for (; count < out.size() && !carried_out_.empty(); carried_out_.pop_back()) {
    out[count++] = carried_out_.back();
  }
  while (count < out.size() && ring_.first_completion() != ring_.last_completion()) {
    const io_uring_cqe cqe = ring_.completion(ring_.first_completion());
    ring_.consume();
    if (cqe.user_data == kWakeData) {
      wake_.arm(ring_, kWakeData);
      continue;
    }
    const auto index = static_cast<uint32_t>(cqe.user_data);
    Operation& operation = operations_[index];
    int64_t result = cqe.res;
    if (!step(operation, result)) {
      submit(index);
      continue;
    }
    --at(operation.file).under_way;
    free_.push_back(index);
    out[count++] = {.token = operation.token, .result = result};
  }
  return count;
}

// A limit for the size of files (RLIMIT_FSIZE) cuts off a write that passes it. What is left of a
// direct one is then no whole number of the device's blocks, which the kernel calls EINVAL, or is
// written, and ends within one of ours.
bool UringDisk::is_over_limit(const Operation& operation) {
  rlimit limit{};
  return operation.kind == Kind::kWrite && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
         operation.offset + operation.size > limit.rlim_cur;
}

bool UringDisk::step(Operation& operation, int64_t& result) {
  if (result == -EINTR || result == -EAGAIN) {
    return false;
  }
  if (result == -EINVAL && is_over_limit(operation)) {
    result = -EFBIG;
  }
  if (result < 0 || operation.kind == Kind::kSync) {
    return true;
  }
  const size_t before = operation.done;
  operation.done += static_cast<size_t>(result);
  const size_t beyond = at(operation.file).direct ? operation.done % kDirectAlign : 0;
  // Within a block, a direct read has met the end of the file, and a write does the block again.
  const bool is_read = operation.kind == Kind::kRead;
  if (operation.done == operation.size || (is_read && (result == 0 || beyond != 0))) {
    result = static_cast<int64_t>(operation.done);
    return true;
  }
  operation.done -= beyond;
  if (!is_read && operation.done == before) {
    result = is_over_limit(operation) ? -EFBIG : -EIO;  // it gets no further, and has no reason
    return true;
  }
  return false;
}

}  // namespace pollux
