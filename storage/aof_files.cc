#include "storage/aof_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

namespace {

// Some 300,000 files: beyond, it is no manifest.
constexpr size_t kManifestBytesMax = 16 << 20;

constexpr std::string_view kWhere =
    " Options dir, appenddirname and appendfilename say which files are loaded; this user must be "
    "able to read and write them, on a disk that works.";

}  // namespace

AofFiles::AofFiles(const Options& options, Disk& disk)
    : options_(options), disk_(disk), script_(disk, options.token) {}

AofFiles::~AofFiles() {
  script_.clear();
  close(prepared_);
  close(incr_.file);
}

AofFiles::Step AofFiles::step() {
  if (!busy()) {
    return Step::kDone;
  }
  if (stage_ == Stage::kLooking) {
    return look();
  }
  switch (script_.step()) {
    case Step::kAgain:
      return Step::kAgain;
    case Step::kWaiting:
      return Step::kWaiting;
    case Step::kFailed:
      return failed();
    case Step::kDone:
      break;
  }
  return finished();
}

// The script is done.
AofFiles::Step AofFiles::finished() {
  if (in_force_at_ != kNever) {
    manifest_ = next_;
  }
  switch (stage_) {
    case Stage::kReading: {
      auto manifest = parse_aof_manifest(text_, manifest_path(), error_);
      if (!manifest) {
        return refuse_found(std::move(error_));
      }
      manifest_ = std::move(*manifest);
      return examine();
    }
    case Stage::kUpgrading:
      return find_parts();
    case Stage::kStarting:
    case Stage::kSetting:
      if (const int error = open_incr(); error != 0) {
        return refuse(incr_path(), error);
      }
      return apart_ ? done() : delete_history();
    case Stage::kPreparing: {
      const std::string name = path(next_.incr.back().name);
      if (const int error = open_to_write(name, prepared_); error != 0) {
        undo_incr(true);
        return refuse(name, error);
      }
      return done(Stage::kPrepared);
    }
    case Stage::kSwitching:
      close(incr_.file);
      incr_ = {std::exchange(prepared_, Disk::kNoFile), 0};
      return done();
    case Stage::kPublishing:
      apart_ = false;
      return delete_history();
    default:
      return done();
  }
}

AofFiles::Step AofFiles::failed() {
  const bool in_force = script_.done() >= in_force_at_;
  // Of a rename that failed a network's file system does not know whether it has happened.
  const bool untouched = script_.done() + 1 < in_force_at_;
  error_number_ = script_.error();
  error_ = script_.what() + ".";
  switch (stage_) {
    case Stage::kSwitching:
    case Stage::kPublishing:
      if (in_force) {
        error_ +=
            " It is not certain which files a crash would leave in force; none is deleted, "
            "and it is tried again.";
        return Step::kFailed;
      }
      if (stage_ == Stage::kSwitching) {
        undo_incr(untouched);
      } else {
        undo_base(untouched);
      }
      break;
    case Stage::kPreparing:
      undo_incr(true);
      break;
    case Stage::kDeleting:  // what is in the manifest is tried again after the next rewrite
      manifest_ = in_force ? next_ : manifest_;
      return done();
    default:
      error_ += kWhere;
      end_apart();
      break;
  }
  stage_ = Stage::kIdle;
  return Step::kFailed;
}

// --- looking ---

void AofFiles::open() {
  POLLUX_ASSERT(stage_ == Stage::kIdle && incr_.file == Disk::kNoFile);
  apart_ = false;
  stage_ = Stage::kLooking;
}

void AofFiles::start_apart() {
  open();
  apart_ = true;
}

AofFiles::Step AofFiles::look() {
  begin(Stage::kReading);
  manifest_ = {};
  found_.clear();
  const std::string& directory = options_.names.directory;
  const int error = disk_.list(directory, found_);
  if (error != 0 && error != ENOENT) {
    return refuse(directory, error);
  }
  if (is_there(options_.names.manifest())) {
    script_.read(manifest_path(), kManifestBytesMax, text_);
    return Step::kAgain;
  }
  // A directory of ours has a manifest from the first moment on.
  for (const std::string& name : found_) {
    if (options_.names.is_numbered(name)) {
      return refuse_found(
          path(name) + " is there, but no " + manifest_path() +
          ", without which it is not known which files make up the data and in which "
          "order. Restore the manifest from a backup or write it anew (file NAME seq N "
          "type b for the base, i for each incremental file); or move the directory away "
          "to start empty.");
    }
  }
  return examine();
}

// The manifest is known.
AofFiles::Step AofFiles::examine() {
  const AofNames& names = options_.names;
  if (apart_) {
    begin(Stage::kSetting);
    add_home();
    script_.put(temp_incr_path(), "");
    return Step::kAgain;
  }
  Disk::File old = Disk::kNoFile;
  const int error = disk_.open(names.file, Disk::Mode::kRead, Disk::Cache::kSystem, old);
  if (error != 0 && error != ENOENT) {
    return refuse(names.file, error);
  }
  close(old);
  // It was moved only half: the manifest names it.
  const bool half = manifest_.base && manifest_.base->name == names.file &&
                    manifest_.incr.empty() && !is_there(names.file);
  if (error == ENOENT || names.file == names.directory || (manifest_.has_data() && !half)) {
    return find_parts();
  }
  if (is_there(names.file)) {
    return refuse_found(
        "both " + names.file + " and " + path(names.file) +
        " are there, and no manifest says which one counts. Move one of them away.");
  }
  begin(Stage::kUpgrading);
  next_.base = AofManifest::File{names.file, 1};
  script_.make_directory(names.directory);
  script_.sync_directory(".");
  add_manifest(next_);
  add_rename();
  script_.rename(names.file, path(names.file));  // durable before start() is done
  return Step::kAgain;
}

AofFiles::Step AofFiles::find_parts() {
  std::vector<AofManifest::File> files = manifest_.incr;
  if (manifest_.base) {
    files.insert(files.begin(), *manifest_.base);
  }
  parts_.clear();
  for (const AofManifest::File& file : files) {
    Part& part = parts_.emplace_back(Part{path(file.name)});
    Disk::File opened = Disk::kNoFile;
    int error = disk_.open(part.path, Disk::Mode::kRead, Disk::Cache::kSystem, opened);
    error = error != 0 ? error : disk_.size(opened, part.bytes);
    close(opened);
    if (error == ENOENT) {
      return refuse_found(
          part.path + " is missing, but " + manifest_path() +
          " names it: without it, data would be lost. Restore it from a backup; or, to "
          "start with what is left, take its line out of the manifest.");
    }
    if (error != 0) {
      return refuse(part.path, error);
    }
  }
  return done();
}

// --- operations ---

void AofFiles::start(uint64_t last_part_bytes, std::string_view empty_base, bool rdb) {
  POLLUX_ASSERT(stage_ == Stage::kIdle && incr_.file == Disk::kNoFile);
  for (const std::string& name :
       {options_.names.temp_manifest(), options_.names.temp_incr(), options_.names.temp_base()}) {
    if (is_there(name)) {
      disk_.remove(path(name));  // if it can't, it is in nobody's way
    }
  }
  begin(Stage::kStarting);
  add_home();
  for (const Part& part : parts_) {
    script_.sync_file(part.path, &part == &parts_.back() ? last_part_bytes : UINT64_MAX);
  }
  script_.sync_directory(options_.names.directory);
  if (!manifest_.has_data()) {
    next_.base = options_.names.next_base(manifest_, rdb);
    script_.put(path(next_.base->name), empty_base);
  }
  if (manifest_.incr.empty()) {
    next_.incr.push_back(options_.names.next_incr(manifest_));
    script_.put(path(next_.incr.back().name), "");
    add_manifest(next_);
    add_rename();
  }
}

void AofFiles::stop() {
  if (stage_ == Stage::kPrepared) {
    give_up_incr();
  }
  if (busy()) {
    POLLUX_ASSERT(script_.done() >= in_force_at_);
    script_.clear();
    close(prepared_);
    manifest_ = next_;
    apart_ = false;  // the file has its place
    stage_ = Stage::kIdle;
  }
  end_apart();
  close(incr_.file);
}

void AofFiles::prepare_incr() {
  POLLUX_ASSERT(stage_ == Stage::kIdle && incr_.file != Disk::kNoFile && !apart_);
  begin(Stage::kPreparing);
  next_.incr.push_back(options_.names.next_incr(manifest_));
  script_.put(path(next_.incr.back().name), "");
  add_manifest(next_);
}

void AofFiles::switch_incr() {
  POLLUX_ASSERT(stage_ == Stage::kPrepared);
  stage_ = Stage::kSwitching;
  script_.clear();
  add_rename();
}

void AofFiles::give_up_incr() {
  POLLUX_ASSERT(stage_ == Stage::kPrepared);
  undo_incr(true);
  stage_ = Stage::kIdle;
}

void AofFiles::publish_base(bool rdb) {
  POLLUX_ASSERT(stage_ == Stage::kIdle && incr_.file != Disk::kNoFile);
  begin(Stage::kPublishing);
  if (manifest_.base) {
    next_.history.push_back(*manifest_.base);
  }
  next_.base = options_.names.next_base(manifest_, rdb);
  script_.rename(temp_base_path(), path(next_.base->name));
  if (apart_) {
    next_.incr.push_back(options_.names.next_incr(manifest_));
    script_.rename(temp_incr_path(), path(next_.incr.back().name));
  }
  const auto last = next_.incr.end() - 1;
  next_.history.insert(next_.history.end(), next_.incr.begin(), last);
  next_.incr.erase(next_.incr.begin(), last);
  add_manifest(next_);
  add_rename();
}

AofFiles::Step AofFiles::delete_history() {
  if (manifest_.history.empty()) {
    return done();
  }
  begin(Stage::kDeleting);
  for (const AofManifest::File& file : manifest_.history) {
    script_.remove(path(file.name));
  }
  next_.history.clear();
  add_manifest(next_);
  add_rename();
  return Step::kAgain;
}

void AofFiles::undo_incr(bool remove) {
  close(prepared_);
  if (remove) {
    disk_.remove(path(next_.incr.back().name));
  }
}

void AofFiles::undo_base(bool remove) {
  disk_.remove(temp_base_path());
  if (remove) {
    disk_.remove(path(next_.base->name));
    if (apart_) {
      disk_.remove(path(next_.incr.back().name));
    }
  }
  end_apart();
}

void AofFiles::end_apart() {
  if (std::exchange(apart_, false)) {
    close(incr_.file);
    disk_.remove(temp_incr_path());
  }
}

// --- their parts ---

void AofFiles::begin(Stage stage) {
  stage_ = stage;
  script_.clear();
  next_ = manifest_;
  in_force_at_ = kNever;
}

// The directory, with a manifest in it: were there none, files without one could be of a history
// whose manifest was lost.
void AofFiles::add_home() {
  script_.make_directory(options_.names.directory);
  script_.sync_directory(".");
  if (!is_there(options_.names.manifest()) && !manifest_.has_data()) {
    add_manifest(manifest_);
    add_rename();
  }
}

// In a file of its own, when all that it names is durable.
void AofFiles::add_manifest(const AofManifest& manifest) {
  script_.sync_directory(options_.names.directory);
  script_.put(path(options_.names.temp_manifest()), format_aof_manifest(manifest));
}

// From now on it is in force.
void AofFiles::add_rename() {
  script_.rename(path(options_.names.temp_manifest()), manifest_path());
  in_force_at_ = script_.size();
  script_.sync_directory(options_.names.directory);
}

// --- small ---

int AofFiles::open_to_write(const std::string& name, Disk::File& file) {
  const int error = disk_.open(name, Disk::Mode::kWrite, Disk::Cache::kSystem, file);
  file = error == 0 ? file : Disk::kNoFile;
  return error;
}

int AofFiles::open_incr() {
  const int error = open_to_write(incr_path(), incr_.file);
  return error != 0 ? error : disk_.size(incr_.file, incr_.bytes);
}

std::string AofFiles::incr_path() const {
  return path(apart_ ? options_.names.temp_incr() : manifest_.incr.back().name);
}

bool AofFiles::is_there(std::string_view name) const {
  return std::find(found_.begin(), found_.end(), name) != found_.end();
}

void AofFiles::close(Disk::File& file) {
  if (file != Disk::kNoFile) {
    disk_.close(std::exchange(file, Disk::kNoFile));
  }
}

AofFiles::Step AofFiles::done(Stage stage) {
  stage_ = stage;
  return Step::kDone;
}

AofFiles::Step AofFiles::refuse(const std::string& name, int error) {
  return refuse_found(
      name + " can't be opened: " + std::strerror(error) + "." + std::string(kWhere), error);
}

AofFiles::Step AofFiles::refuse_found(std::string sentence, int error) {
  error_ = std::move(sentence);
  error_number_ = error;
  end_apart();
  stage_ = Stage::kIdle;
  return Step::kFailed;
}

}  // namespace pollux
