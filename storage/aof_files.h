// The files of an append-only history and their life over a Disk: what is loaded at the start,
// where changes are appended, how a rewrite takes the place of what was before. What stands in them
// is for others; here it is names, the manifest, and the order of calls that survives a crash at
// any of them: a file and its name are durable before a manifest that names it is in force, and a
// file is deleted when no manifest that needs it can come back.
//
// A machine that is stepped. One operation at a time; its owner polls the disk, which others may
// use as well. One thread.
//
//   files.open();                              // at the start, with appendonly yes
//   while ((step = files.step()) != kDone) ...
//       kWaiting: poll the disk; files.ended(completion) for the one with its token
//       kFailed:  error() is a sentence for the log. If busy(), the outcome is not certain, and
//                 step() tries the failed call again; else all is as before the operation
//   ... load parts() ...
//   files.start(...);                          // then append to incr()
//
//   files.prepare_incr();                      // a rewrite: a further file, while appending goes
//   on
//   ... wait until all in incr() is durable and nothing is under way on it ...
//   files.switch_incr();                       // from here on incr() is the new file
//   ... write a base with all that the files before it have, as temp_base_path(), and sync it ...
//   files.publish_base(...);                   // those files are history, and deleted
//
// Between prepare and switch nothing but the end of the last writes stands: were the old file not
// durable, a crash could leave it cut off before a later file, and no server starts with that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/aof_manifest.h"
#include "storage/disk.h"
#include "storage/disk_script.h"

namespace pollux {

class AofFiles {
 public:
  struct Options {
    AofNames names;
    uint64_t token = 0;  // of its operations at the disk
  };
  using Step = DiskScript::Step;

  // A file to be loaded. Only the last one may be cut off at its end (aof-load-truncated).
  struct Part {
    std::string path;
    uint64_t bytes = 0;
  };
  // Where changes are appended.
  struct Incr {
    Disk::File file = Disk::kNoFile;
    uint64_t bytes = 0;  // that it had when it was opened
  };

  AofFiles(const Options& options, Disk& disk);
  ~AofFiles();  // Requires that nothing is under way.
  AofFiles(const AofFiles&) = delete;
  AofFiles& operator=(const AofFiles&) = delete;

  // --- at the start; what fails here is nothing to go on with ---

  // Reads the manifest and finds the parts. A single file of Redis up to 6 is moved into the
  // directory and becomes the base, as Redis 7 does it.
  void open();
  // After open(): in the order in which they are loaded.
  const std::vector<Part>& parts() const { return parts_; }
  // After open() and loading: cuts the last part to the bytes that could be loaded, makes durable
  // what was loaded, and opens the last incremental file, or a new one. Without parts there has to
  // be a base: an RDB file without keys, or with aof-use-rdb-preamble no an empty file.
  void start(uint64_t last_part_bytes, std::string_view empty_base, bool rdb);

  // --- appendonly yes at run time, instead of the above ---

  // Takes changes in a file apart, which counts for nothing until publish_base, for which a base
  // has to be written as in a rewrite. What an earlier history has left is then deleted.
  void start_apart();
  // appendonly no: closes the file; one apart is removed. Nothing is under way on it. If busy(),
  // only after kFailed, whose call is not tried again: a crash leaves the one manifest or the
  // other, with all its files.
  void stop();

  // --- rewrites ---

  void prepare_incr();
  void switch_incr();
  // Instead of switch_incr: the prepared file is removed.
  void give_up_incr();
  std::string temp_base_path() const { return options_.names.path(options_.names.temp_base()); }
  // If it fails and is not busy(), the base is removed, and so is a file apart: start_apart again.
  void publish_base(bool rdb);

  // --- all operations ---

  Step step();
  void ended(const Disk::Completion& completion) { script_.ended(completion); }
  bool busy() const { return stage_ != Stage::kIdle && stage_ != Stage::kPrepared; }
  // After kFailed: a sentence, and the errno (0: it is what was found that is wrong).
  const std::string& error() const { return error_; }
  int error_number() const { return error_number_; }

  // kNoFile before start and after stop.
  const Incr& incr() const { return incr_; }
  const AofManifest& manifest() const { return manifest_; }
  // Of a file that it names.
  std::string path(std::string_view name) const { return options_.names.path(name); }

 private:
  enum class Stage : uint8_t {
    kIdle,
    kLooking,     // open, start_apart: for the manifest
    kReading,     // it
    kUpgrading,   // the single file of an old server
    kStarting,    // start
    kSetting,     // start_apart: the file that counts for nothing yet
    kPreparing,   // prepare_incr
    kPrepared,    // between it and switch_incr: nothing is to be done
    kSwitching,   // switch_incr
    kPublishing,  // publish_base
    kDeleting,    // history, at the end of start and publish_base
  };
  static constexpr size_t kNever = SIZE_MAX;

  Step look();
  Step examine();
  Step find_parts();
  Step finished();
  Step failed();
  Step delete_history();
  // `remove`: no manifest that is in force can name what was made.
  void undo_incr(bool remove);
  void undo_base(bool remove);
  void end_apart();

  void begin(Stage stage);
  void add_home();
  void add_manifest(const AofManifest& manifest);
  void add_rename();
  Step done(Stage stage = Stage::kIdle);
  // A name that can't be opened; what was found.
  Step refuse(const std::string& name, int error);
  Step refuse_found(std::string sentence, int error = 0);

  int open_to_write(const std::string& name, Disk::File& file);
  int open_incr();
  std::string incr_path() const;
  bool is_there(std::string_view name) const;
  std::string manifest_path() const { return path(options_.names.manifest()); }
  std::string temp_incr_path() const { return path(options_.names.temp_incr()); }
  void close(Disk::File& file);

  const Options options_;
  Disk& disk_;
  DiskScript script_;
  Stage stage_ = Stage::kIdle;
  std::vector<std::string> found_;  // names in the directory, when it was looked at
  std::string text_;                // of the manifest
  AofManifest manifest_;            // in force
  AofManifest next_;                // will be when the operation is done
  size_t in_force_at_ = kNever;     // how many calls of the script must be done for that
  bool apart_ = false;
  std::vector<Part> parts_;
  Incr incr_;
  Disk::File prepared_ = Disk::kNoFile;
  std::string error_;
  int error_number_ = 0;
};

}  // namespace pollux
