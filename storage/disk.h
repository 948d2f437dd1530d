// The port to a file system: what the storage threads need of it, and no more. Reads, writes and
// syncs are begun here and end with a completion; names are changed at once, for a storage thread
// may block. A file's bytes and its name become durable apart: sync, sync_directory.
//
// One thread uses a Disk (but for wake). Implementations: uring_disk.h, and sim_disk.h, which
// tears, loses, fills up and stalls by seed. Names are relative to the server's directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

class Disk {
 public:
  // An open file; never used again after close.
  using File = uint32_t;
  static constexpr File kNoFile = 0;

  enum class Mode : uint8_t {
    kRead,
    kWrite,  // also read; an existing file, else a new one
    kNew,    // also read; empty, whatever was there
  };
  // With kDirect, bytes go past the system's cache: addresses, offsets and sizes of reads and
  // writes are multiples of kDirectAlign (the last read may find less). Where the file system
  // refuses that, the file is open as without.
  enum class Cache : uint8_t { kSystem, kDirect };
  static constexpr size_t kDirectAlign = 4096;
  static bool is_aligned(uint64_t offset, const void* bytes, size_t size) {
    return (offset | reinterpret_cast<uintptr_t>(bytes) | size) % kDirectAlign == 0;
  }

  struct Completion {
    uint64_t token = 0;  // as given to what has ended
    // Bytes read (fewer than asked for: the file ends there); of writes all, of syncs 0; or minus
    // an errno. A write that failed may have written any part of its bytes.
    int64_t result = 0;
  };

  virtual ~Disk() = default;  // nothing is under way
  Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // --- names: done on return; 0 or an errno ---
  virtual int open(std::string_view name, Mode mode, Cache cache, File& file) = 0;
  // Nothing of the file may be under way.
  virtual void close(File file) = 0;
  virtual int size(File file, uint64_t& bytes) = 0;
  virtual int truncate(File file, uint64_t bytes) = 0;
  // Takes the place of what `to` was: whoever opens that name gets the one or the other file.
  virtual int rename(std::string_view from, std::string_view to) = 0;
  virtual int remove(std::string_view name) = 0;
  // Fine if it is there.
  virtual int make_directory(std::string_view name) = 0;
  // Names in a directory ("." is the server's), without "." and "..", in no order.
  virtual int list(std::string_view directory, std::vector<std::string>& names) = 0;
  // Names that were made, changed or removed in it are durable; of a rename between two
  // directories, once that of `to` is synced.
  virtual int sync_directory(std::string_view directory) = 0;

  // --- bytes: begun here; what they point to stays until the completion ---
  virtual void read(File file, uint64_t offset, std::span<char> into, uint64_t token) = 0;
  virtual void write(File file, uint64_t offset, std::string_view bytes, uint64_t token) = 0;
  // Makes durable what was complete before this call: bytes, size and truncations. If it fails,
  // any of what was not yet durable may be lost, and a later sync that succeeds says nothing of it.
  virtual void sync(File file, uint64_t token) = 0;
  // From now on the calling thread may itself carry out this file's writes and syncs: for one that
  // has nothing else to do until they end.
  virtual void work_here(File, bool) {}
  // How many of these may be under way.
  virtual size_t depth_max() const = 0;

  // Hands over what was begun and takes completions, in any order; waits for the first one up to
  // `wait_us` (0: not at all; -1: without limit), or for wake. How many `out` has got, which is
  // not empty.
  virtual size_t poll(std::span<Completion> out, int64_t wait_us) = 0;
  // Any thread: the poll under way, or the next one, does not wait.
  virtual void wake() = 0;
};

}  // namespace pollux
