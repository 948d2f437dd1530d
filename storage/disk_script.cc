#include "storage/disk_script.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

DiskScript::~DiskScript() {
  clear();
}

// --- adding calls ---

void DiskScript::add(Call call) {
  POLLUX_ASSERT(!under_way_);  // the disk may be looking at bytes of a call
  calls_.push_back(std::move(call));
}

void DiskScript::make_directory(std::string_view name) {
  add({.kind = Kind::kMakeDirectory, .name = std::string(name)});
}

void DiskScript::put(std::string_view name, std::string_view bytes) {
  add({.kind = Kind::kPut, .name = std::string(name), .text = std::string(bytes)});
}

void DiskScript::sync_file(std::string_view name, uint64_t bytes_max) {
  add({.kind = Kind::kSyncFile, .name = std::string(name), .bytes_max = bytes_max});
}

void DiskScript::read(std::string_view name, size_t bytes_max, std::string& into) {
  add({.kind = Kind::kRead, .name = std::string(name), .bytes_max = bytes_max, .into = &into});
}

void DiskScript::rename(std::string_view from, std::string_view to) {
  add({.kind = Kind::kRename, .name = std::string(from), .text = std::string(to)});
}

void DiskScript::remove(std::string_view name) {
  add({.kind = Kind::kRemove, .name = std::string(name)});
}

void DiskScript::sync_directory(std::string_view name) {
  add({.kind = Kind::kSyncDirectory, .name = std::string(name)});
}

void DiskScript::clear() {
  POLLUX_ASSERT(!under_way_);
  calls_.clear();
  done_ = 0;
}

// --- running them ---

DiskScript::Step DiskScript::step() {
  if (under_way_) {
    return Step::kWaiting;
  }
  if (done_ == calls_.size()) {
    return Step::kDone;
  }
  Call& call = calls_[done_];
  const int error = stage_ == Stage::kStart ? begin(call) : go_on(call);
  if (error != 0) {
    return fail(call, error);
  }
  if (under_way_) {
    return Step::kWaiting;
  }
  close();
  return ++done_ == calls_.size() ? Step::kDone : Step::kAgain;
}

void DiskScript::ended(const Disk::Completion& completion) {
  POLLUX_ASSERT(under_way_ && completion.token == token_);
  under_way_ = false;
  result_ = completion.result;
}

int DiskScript::begin(Call& call) {
  uint64_t bytes = 0;
  switch (call.kind) {
    case Kind::kMakeDirectory:
      return disk_.make_directory(call.name);
    case Kind::kRename:
      return disk_.rename(call.name, call.text);
    case Kind::kRemove: {
      const int error = disk_.remove(call.name);
      return error == ENOENT ? 0 : error;
    }
    case Kind::kSyncDirectory:
      return disk_.sync_directory(call.name);
    case Kind::kPut: {
      const int error = disk_.open(call.name, Disk::Mode::kNew, Disk::Cache::kSystem, file_);
      if (error != 0 || call.text.empty()) {
        return error != 0 ? error : begin_sync();
      }
      disk_.write(file_, 0, call.text, token_);
      wait(Stage::kBytes);
      return 0;
    }
    case Kind::kSyncFile:
    case Kind::kRead:
      break;
  }
  // kWrite would make a file that is missing.
  int error = disk_.open(call.name, Disk::Mode::kRead, Disk::Cache::kSystem, file_);
  error = error != 0 ? error : disk_.size(file_, bytes);
  if (error != 0 || call.kind == Kind::kSyncFile) {
    return error != 0 ? error : bytes <= call.bytes_max ? begin_sync() : cut(call);
  }
  if (bytes > call.bytes_max) {
    return EFBIG;
  }
  call.into->assign(bytes, '\0');
  disk_.read(file_, 0, *call.into, token_);
  wait(Stage::kBytes);
  return 0;
}

int DiskScript::cut(const Call& call) {
  close();
  int error = disk_.open(call.name, Disk::Mode::kWrite, Disk::Cache::kSystem, file_);
  error = error != 0 ? error : disk_.truncate(file_, call.bytes_max);
  return error != 0 ? error : begin_sync();
}

int DiskScript::begin_sync() {
  disk_.sync(file_, token_);
  wait(Stage::kSync);
  return 0;
}

void DiskScript::wait(Stage stage) {
  stage_ = stage;
  under_way_ = true;
}

int DiskScript::go_on(Call& call) {
  if (result_ < 0) {
    return static_cast<int>(-result_);
  }
  if (call.kind == Kind::kRead) {
    call.into->resize(static_cast<size_t>(result_));
    return 0;
  }
  return stage_ == Stage::kBytes ? begin_sync() : 0;
}

void DiskScript::close() {
  stage_ = Stage::kStart;
  if (file_ != Disk::kNoFile) {
    disk_.close(std::exchange(file_, Disk::kNoFile));
  }
}

DiskScript::Step DiskScript::fail(const Call& call, int error) {
  close();
  constexpr const char* kDone[] = {"made",    "written", "synced", "read",
                                   "renamed", "removed", "synced"};
  error_ = error;
  what_ = call.name + " can't be " + kDone[static_cast<size_t>(call.kind)] +
          (call.kind == Kind::kRename ? " to " + call.text : "") + ": " + std::strerror(error);
  return Step::kFailed;
}

}  // namespace pollux
