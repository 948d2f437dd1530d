// The storage thread of the append-only history: at the start it opens the files, loads them and
// makes the last one ready to be appended to; from then on it appends what the workers put into the
// journal (engine/aof_keeper.h), until the workers have ended. Without a history it sleeps, until
// one is turned on.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "dataplane/engine/engine.h"
#include "dataplane/server/load_thread.h"
#include "storage/aof_files.h"
#include "storage/aof_loader.h"

namespace pollux {

class AofKeeper;

class AofThread final : public LoadThread {
 public:
  // With appendonly yes in `config`, which is the one of the start, it loads.
  AofThread(const Config& config, Engine& engine, std::string& error);
  ~AofThread() override;

  // All workers have ended: what they have left in the journal is written, then the thread ends.
  void finish();

  const char* source() const override { return "append only file"; }

 private:
  bool load(std::string& error) override;
  void serve() override;
  const char* name() const override { return "aof"; }

  void begin_loader();
  void warn_of_rdb_file() const;
  // The operation that was begun on the files, to its end.
  bool run_files(std::string& error);
  std::string empty_base() const;
  bool load_again(AofKeeper& keeper, std::string& error);
  // The workers have ended.
  bool finishing() const { return finishing_.load(std::memory_order_acquire); }

  // Of the configuration at the start. It is no reader of later versions.
  const Config config_;
  Engine& engine_;
  std::unique_ptr<AofFiles> files_;
  std::unique_ptr<AofLoader> loader_;
  std::atomic<bool> finishing_{false};
};

}  // namespace pollux
