#include "dataplane/server/control_page_map.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/engine/version.h"
#include "src/base/assert.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// A regular file that begins as a control page does, of whatever version, complete or not.
bool is_control_page(int fd) {
  struct stat status;
  uint64_t magic = 0;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
         pread(fd, &magic, sizeof magic, 0) == static_cast<ssize_t>(sizeof magic) &&
         (magic == kControlPageMagic || magic == kControlPageDraft);
}

// Whether this open file still stands at the path.
bool is_at(int fd, const std::string& path) {
  struct stat opened;
  struct stat there;
  return fstat(fd, &opened) == 0 && lstat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

// Makes room for the file; what is wrong, if there is something that is not ours to delete.
std::string remove_former_page(const std::string& path) {
  // Not through a symbolic link, and not waiting for the other end of a pipe.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) {
    return {};
  }
  const std::string subject = "control-page " + path + ": ";
  if (!file && errno != ELOOP) {
    return subject + "cannot read what is there: " + std::strerror(errno);
  }
  if (!file || !is_control_page(file.get())) {
    return subject +
           (file ? "there is something that is no control page" : "is a symbolic link") +
           ", and Pollux deletes nothing that is not its own. Name a path where nothing is";
  }
  // Who held it may have ended, and a third server have put its own there, since it was opened.
  if ((flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
      !is_at(file.get(), path)) {
    return subject +
           "another server is running and counts there; stop it, or give each server a path of "
           "its own";
  }
  return unlink(path.c_str()) == 0
             ? std::string()
             : subject + "cannot remove the former one: " + std::strerror(errno);
}

// Gives the new file its draft's magic first, and then all its room, both on the disk before
// anything else happens: whoever is killed on the way, and be it with the machine, leaves a page
// that the next server knows for one. 0 or an errno.
int fill_file(int fd, size_t bytes) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return EWOULDBLOCK;
  }
  if (pwrite(fd, &kControlPageDraft, sizeof kControlPageDraft, 0) !=
      static_cast<ssize_t>(sizeof kControlPageDraft)) {
    return errno;
  }
  if (const int error = posix_fallocate(fd, 0, static_cast<off_t>(bytes)); error != 0) {
    return error;
  }
  return fdatasync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

ControlPageMap::~ControlPageMap() {
  if (page_ != nullptr) {
    munmap(page_, bytes_);
  }
  if (!path_.empty() && is_at(file_.get(), path_)) {
    unlink(path_.c_str());
  }
}

std::string ControlPageMap::create(const std::string& path, int workers) {
  POLLUX_ASSERT(page_ == nullptr);
  workers_ = workers;
  const size_t unit = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = (ControlPage::size_for(workers) + unit - 1) / unit * unit;
  if (!path.empty()) {
    if (const std::string problem = remove_former_page(path); !problem.empty()) {
      return problem;
    }
    file_.reset(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    const int error = file_ ? fill_file(file_.get(), bytes_) : errno;
    if (error != 0) {
      if (file_) {
        unlink(path.c_str());
      }
      return "cannot make the control page " + path + " (" +
             std::to_string(bytes_ >> 10) + " KiB): " + std::strerror(error);
    }
    path_ = path;
  }
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      file_ ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file_.get(), 0);
  if (memory == MAP_FAILED) {
    return std::string("cannot map the control page: ") + std::strerror(errno);
  }
  // Zeros, which are an empty page; a file's begins with the draft's magic, which to construct a
  // page would take away for a moment.
  page_ = static_cast<ControlPage*>(memory);
  return {};
}

void ControlPageMap::complete(const CommandTable& commands, int port, int64_t now_ms) {
  ControlPage& page = *page_;
  page.version = kControlPageVersion;
  page.bytes = static_cast<uint32_t>(bytes_);
  page.process_id = static_cast<uint32_t>(getpid());
  page.workers = static_cast<uint32_t>(workers_);
  page.started_ms = now_ms;
  page.tsc_per_us = tsc_per_us();
  page.port = static_cast<uint32_t>(port);
  std::strncpy(page.pollux_version, kPolluxVersion.data(), sizeof page.pollux_version - 1);
  POLLUX_ASSERT(commands.rows().size() <= kCommandRowsMax);
  page.command_rows = static_cast<uint32_t>(commands.rows().size());
  for (const CommandRow* row : commands.rows()) {
    std::string name;
    append_full_name(name, *row);
    CommandName& to = page.command_names[row->id];
    std::memcpy(to.text, name.data(), std::min(name.size(), sizeof to.text - 1));
  }
  page.magic.store(kControlPageMagic, std::memory_order_release);
}

}  // namespace pollux
