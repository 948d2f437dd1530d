// The disk of a server: files of the process' working directory, by io_uring. Its one user is the
// thread that polls first; it may be made, and destroyed, on another.
//
// Short reads and writes are carried on until all is done, the file ends or an error comes. Names
// are changed, and directories synced, by plain system calls that block.
#pragma once

#include <memory>
#include <string>

#include "src/uring/ring.h"
#include "src/uring/ring_wake.h"
#include "storage/disk.h"

namespace pollux {

class UringDisk final : public Disk {
 public:
  // Null with `error`: what is wrong, and what the operator can change.
  static std::unique_ptr<UringDisk> create(std::string& error);
  ~UringDisk() override;

  int open(std::string_view name, Mode mode, Cache cache, File& file) override;
  void close(File file) override;
  int size(File file, uint64_t& bytes) override;
  int truncate(File file, uint64_t bytes) override;
  int rename(std::string_view from, std::string_view to) override;
  int remove(std::string_view name) override;
  int make_directory(std::string_view name) override;
  int list(std::string_view directory, std::vector<std::string>& names) override;
  int sync_directory(std::string_view directory) override;

  void read(File file, uint64_t offset, std::span<char> into, uint64_t token) override;
  void write(File file, uint64_t offset, std::string_view bytes, uint64_t token) override;
  void sync(File file, uint64_t token) override;
  void work_here(File file, bool here) override { at(file).here = here; }
  size_t depth_max() const override { return kDepthMax; }
  size_t poll(std::span<Completion> out, int64_t wait_us) override;
  void wake() override { wake_.wake(); }

 private:
  static constexpr size_t kDepthMax = 64;

  enum class Kind : uint8_t { kRead, kWrite, kSync };
  struct Operation {
    Kind kind = Kind::kSync;
    File file = kNoFile;
    uint64_t token = 0;
    uint64_t offset = 0;
    char* bytes = nullptr;  // of a write, not written to
    size_t size = 0;
    size_t done = 0;
  };
  struct OpenFile {
    int fd = -1;           // -1: closed, the place is free
    bool aligned = false;  // kDirect was asked for
    bool direct = false;   // and the file system took it
    bool here = false;     // work_here
    uint32_t under_way = 0;
  };

  UringDisk();
  OpenFile& at(File file);
  void begin(const Operation& operation);
  void begin_or_carry_out(const Operation& operation);
  void submit(uint32_t index);
  // What the kernel would do with it, by this thread.
  void carry_out(Operation operation);
  // Completions that are in the queue, as far as there is room.
  size_t take(std::span<Completion> out);
  // True if the operation has ended, with `result`.
  bool step(Operation& operation, int64_t& result);
  static bool is_over_limit(const Operation& operation);

  RingWake wake_;
  Ring ring_;  // after what its requests refer to, so that it goes first
  bool attached_ = false;
  std::vector<OpenFile> files_;  // File f is files_[f - 1]
  Operation operations_[kDepthMax];
  std::vector<uint32_t> free_;  // places in operations_
  std::vector<Completion> carried_out_;
};

}  // namespace pollux
