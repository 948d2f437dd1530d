// The storage thread of the append-only history: at the start it opens the files, loads them and
// makes the last one ready to be appended to. Appending will be its work from then on.
#pragma once

#include <memory>
#include <string>

#include "dataplane/server/load_thread.h"
#include "storage/aof_files.h"
#include "storage/aof_loader.h"

namespace pollux {

class AofThread final : public LoadThread {
 public:
  AofThread(const Config& config, LoadDesk& desk, LoadBlock& figures, std::string& error);
  ~AofThread() override;

  const char* source() const override { return "append only file"; }

 private:
  bool load(std::string& error) override;
  void serve() override;

  void begin_loader();
  void warn_of_rdb_file() const;
  // The operation that was begun on the files, to its end.
  bool run_files(std::string& error);
  std::string empty_base() const;

  // Of the configuration at the start. It is no reader of later versions.
  const Config config_;
  std::unique_ptr<AofFiles> files_;
  std::unique_ptr<AofLoader> loader_;
};

}  // namespace pollux
