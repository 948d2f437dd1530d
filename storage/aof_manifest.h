// The manifest of an append-only history as Redis 7 keeps it: a text file that says which files
// make it up, in which order they are loaded, and which are to be deleted. And their names.
//
//   file appendonly.aof.2.base.rdb seq 2 type b    what the data was at a rewrite: at most one
//   file appendonly.aof.1.incr.aof seq 1 type h    history: no longer needed
//   file appendonly.aof.4.incr.aof seq 4 type i    what has changed since: any number, ascending
//
// Lines that begin with # say nothing; other words in pairs (later servers have some) are skipped.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

struct AofManifest {
  struct File {
    std::string name;  // in the directory of the manifest
    int64_t seq = 0;   // from 1 on
    bool operator==(const File&) const = default;
  };
  static constexpr int64_t kSeqMax = 999'999'999'999'999'999;
  static constexpr size_t kLineBytesMax = 1024;  // with its end

  std::optional<File> base;
  std::vector<File> history;
  std::vector<File> incr;

  bool operator==(const AofManifest&) const = default;
  bool has_data() const { return base || !incr.empty(); }
};

// Nothing, with a sentence for the log, if redis-server would refuse it, or might delete or load
// something else than what was meant. `path`: how the file is named in that sentence.
std::optional<AofManifest> parse_aof_manifest(std::string_view text, std::string_view path,
                                              std::string& error);
// Of one without any file a comment: redis-server takes an empty manifest for a damaged one.
std::string format_aof_manifest(const AofManifest& manifest);

// What the files are called.
struct AofNames {
  std::string directory = "appendonlydir";  // appenddirname, in the server's directory
  std::string file = "appendonly.aof";      // appendfilename; alone, of Redis up to 6, beside it

  std::string path(std::string_view name) const { return directory + "/" + std::string(name); }

  std::string manifest() const { return file + ".manifest"; }
  // For a base in RDB form, or as commands.
  std::string base(int64_t seq, bool rdb) const;
  std::string incr(int64_t seq) const;
  // The next that no file of the manifest has.
  AofManifest::File next_base(const AofManifest& manifest, bool rdb) const;
  AofManifest::File next_incr(const AofManifest& manifest) const;
  // Might be base() or incr() of some number.
  bool is_numbered(std::string_view name) const;

  // What is being written and not yet in force. Of the same names in redis-server, but for the
  // base, which it writes beside the directory.
  std::string temp_manifest() const { return "temp-" + manifest(); }
  std::string temp_incr() const { return "temp-" + file + ".incr"; }
  std::string temp_base() const { return "temp-" + file + ".base"; }
};

}  // namespace pollux
