#include "dataplane/server/control_page_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "dataplane/engine/version.h"
#include "src/base/assert.h"
#include "src/base/time.h"

namespace pollux {

ControlPageMap::~ControlPageMap() {
  if (page_ != nullptr) {
    munmap(page_, bytes_);
  }
  if (!path_.empty()) {
    unlink(path_.c_str());
  }
}

std::string ControlPageMap::create(const std::string& path, int workers) {
  POLLUX_ASSERT(page_ == nullptr);
  workers_ = workers;
  const size_t unit = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = (ControlPage::size_for(workers) + unit - 1) / unit * unit;
  int fd = -1;
  if (!path.empty()) {
    unlink(path.c_str());
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes_)) != 0) {
      const int error = errno;
      if (fd >= 0) {
        close(fd);
      }
      return "cannot make the control page " + path + ": " + std::strerror(error);
    }
  }
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  const int error = errno;
  if (fd >= 0) {
    close(fd);
  }
  if (memory == MAP_FAILED) {
    return std::string("cannot map the control page: ") + std::strerror(error);
  }
  path_ = path;
  page_ = new (memory) ControlPage();
  for (int i = 1; i < workers; ++i) {
    new (&page_->cores[i]) CoreBlock();
  }
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
