// A disk in memory for tests, which does by seed what disks do on bad days: it ends operations in
// any order and late, tears and loses what was not synced, returns errors, fills up, stalls, and
// crashes at any call. Time is a clock that the test shares: calls of names move it on, and so does
// a poll that waits.
//
// It holds its caller to the rules of the port: what operations point to stays as it is until they
// end (what is read stands in the buffer no earlier), nothing is closed with operations under way,
// kDirect is aligned, no more than depth_max are under way, nobody waits for what can't come.
//
// One thread, wake included. Names are plain: no "./", nothing absolute.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/base/time.h"
#include "storage/disk.h"
#include "storage/sim_file.h"
#include "storage/sim_names.h"

namespace pollux {

class SimDisk final : public Disk {
 public:
  // What lies on a disk, all of it durable. Names as `directory/file`.
  struct Image {
    std::map<std::string, std::string, std::less<>> files;
    std::set<std::string, std::less<>> directories;
    bool operator==(const Image&) const = default;
  };
  // What goes wrong by chance: in one of so many calls; 0: never.
  struct Faults {
    uint32_t reads = 0;  // these fail with EIO
    uint32_t writes = 0;
    uint32_t syncs = 0;   // of files; what was not durable may never be
    uint32_t names = 0;   // all that is done on return
    uint32_t stalls = 0;  // any call: nothing ends for up to stall_us_max
    int64_t stall_us_max = 200'000;
    uint32_t fills = 0;  // a write: there is no space for up to fill_us_max
    int64_t fill_us_max = 1'000'000;
  };

  SimDisk(uint64_t seed, ManualClock& clock, const Image& image = {});
  ~SimDisk() override;

  // --- what the test decides ---
  void set_faults(const Faults& faults) { faults_ = faults; }
  // For the bytes of all files together; writes beyond write what fits and fail with ENOSPC.
  void set_space(uint64_t bytes) { space_ = bytes; }
  // Calls are numbered from 1: all but close, poll and wake.
  uint64_t calls() const { return calls_; }
  void fail_call(uint64_t number, int error) { fail_[number] = error; }
  // It fails, and so do all after it, with EIO; what was under way does, too.
  void crash_at_call(uint64_t number) { crash_at_ = number; }
  void crash();
  bool is_to_crash() const { return crash_at_ != kNoCall; }
  bool crashed() const { return crashed_; }
  // What the crash has left: another seed, another outcome.
  Image survivors(uint64_t seed) const;
  // What readers see now.
  Image seen() const;
  // What others do while a poll waits: called again and again, until it is woken or its time is
  // over. No calls of this disk. Without it the clock jumps.
  void set_others(std::function<void()> others) { others_ = std::move(others); }
  bool woken() const { return woken_; }

  // --- the port ---
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
  size_t depth_max() const override { return kDepthMax; }
  size_t poll(std::span<Completion> out, int64_t wait_us) override;
  void wake() override { woken_ = true; }

 private:
  static constexpr size_t kDepthMax = 16;
  static constexpr uint64_t kNoCall = UINT64_MAX;

  enum class Kind : uint8_t { kRead, kWrite, kSync };
  struct Handle {
    uint64_t node = 0;
    bool open = true;
    bool writable = false;
    bool aligned = false;
    uint32_t under_way = 0;
  };
  struct Operation {
    Kind kind = Kind::kSync;
    File file = kNoFile;
    uint64_t token = 0;
    uint64_t offset = 0;
    std::span<char> into;    // of a read
    std::string_view bytes;  // of a write
    std::string copy;        // of what lay in the one or the other at the begin
    uint64_t changes = 0;    // that a sync makes durable
    int error = 0;
    int64_t due_us = 0;
  };

  Handle& at(File file);
  SimFile& file_of(File file) { return files_[at(file).node]; }
  bool by_chance(uint32_t one_in) { return one_in != 0 && rng_.below(one_in) == 0; }
  // Of any call: counts it, and says whether it fails.
  int call(uint32_t fault_one_in);
  int name_call();
  void begin(Operation operation, uint32_t fault_one_in);
  size_t take(std::span<Completion> out);
  int64_t end(Operation& operation);
  int64_t end_read(Operation& operation);
  int64_t end_write(Operation& operation);
  uint64_t space_left() const;

  Rng rng_;
  ManualClock& clock_;
  Faults faults_;
  SimNames names_;
  std::map<uint64_t, SimFile> files_;  // by the number of their node; never forgotten
  uint64_t nodes_ = 0;
  std::vector<Handle> handles_;  // File f is handles_[f - 1]
  std::vector<Operation> under_way_;
  uint64_t space_ = UINT64_MAX;
  int64_t full_until_us_ = 0;
  int64_t stalled_until_us_ = 0;
  uint64_t calls_ = 0;
  std::map<uint64_t, int> fail_;  // call: error
  uint64_t crash_at_ = kNoCall;
  bool crashed_ = false;
  bool woken_ = false;
  std::function<void()> others_;
};

}  // namespace pollux
