// Calls of a disk that are to happen one after the other, each when the one before has succeeded:
// so that what must be durable before something else stands in one list. A machine that is stepped,
// of which one operation at a time is under way at the disk; its owner polls the disk, which others
// may use as well. One thread.
//
//   while ((step = script.step()) != kDone) {
//     kWaiting: poll the disk; script.ended(completion) for the one with its token
//     kFailed:  error(), what(); the next step tries the same call again, or clear() ends it
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/disk.h"

namespace pollux {

class DiskScript {
 public:
  enum class Step : uint8_t { kAgain, kWaiting, kDone, kFailed };

  DiskScript(Disk& disk, uint64_t token) : disk_(disk), token_(token) {}
  ~DiskScript();  // Requires that nothing is under way.
  DiskScript(const DiskScript&) = delete;
  DiskScript& operator=(const DiskScript&) = delete;

  // --- adds a call at the end ---
  void make_directory(std::string_view name);
  // A file with these bytes, whatever was there. They are durable then, its name is not.
  void put(std::string_view name, std::string_view bytes);
  // What the file has is durable, cut to so many bytes if there are more.
  void sync_file(std::string_view name, uint64_t bytes_max = UINT64_MAX);
  // All of a file that has at most so many bytes (EFBIG); `into` lives until then.
  void read(std::string_view name, size_t bytes_max, std::string& into);
  void rename(std::string_view from, std::string_view to);
  // Fine if it is missing.
  void remove(std::string_view name);
  void sync_directory(std::string_view name);

  Step step();
  // For each completion with its token.
  void ended(const Disk::Completion& completion);

  size_t size() const { return calls_.size(); }
  // How many calls are done.
  size_t done() const { return done_; }
  // Forgets all calls, those done too. Requires that nothing is under way.
  void clear();

  // After kFailed: an errno, and what it was: "FILE can't be written: No space left on device".
  int error() const { return error_; }
  const std::string& what() const { return what_; }

 private:
  enum class Kind : uint8_t {
    kMakeDirectory,
    kPut,
    kSyncFile,
    kRead,
    kRename,
    kRemove,
    kSyncDirectory
  };
  // Within kPut, kSyncFile and kRead.
  enum class Stage : uint8_t { kStart, kBytes, kSync };
  struct Call {
    Kind kind = Kind::kPut;
    std::string name;
    std::string text;  // new name, or bytes
    uint64_t bytes_max = 0;
    std::string* into = nullptr;
  };

  void add(Call call);
  // Both: 0, with an operation under way or the call done; or an errno.
  int begin(Call& call);
  int go_on(Call& call);
  int cut(const Call& call);
  int begin_sync();
  void wait(Stage stage);
  Step fail(const Call& call, int error);
  void close();

  Disk& disk_;
  const uint64_t token_;
  std::vector<Call> calls_;
  size_t done_ = 0;
  Stage stage_ = Stage::kStart;
  Disk::File file_ = Disk::kNoFile;
  bool under_way_ = false;
  int64_t result_ = 0;
  int error_ = 0;
  std::string what_;
};

}  // namespace pollux
