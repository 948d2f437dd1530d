// Keeps the append-only history of a running engine: the writer of its files (storage/
// aof_writer.h), told by the configuration what is wanted (aof_desk.h), with snapshots of the
// engine as bases (save_desk.h). A machine that is stepped, by the thread of the history or by a
// test; behind the load of what there was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/save_desk.h"
#include "src/base/time.h"
#include "storage/aof_base_maker.h"
#include "storage/aof_files.h"
#include "storage/aof_writer.h"
#include "storage/disk.h"

namespace pollux {

class AofKeeper {
 public:
  struct Setup {
    uint64_t token = 1;  // as AofWriter::Setup
    size_t buffer_bytes = AofWriter::Setup{}.buffer_bytes;
    int64_t gather_us_max = 0;  // as AofWriter::Options
    bool loaded = false;        // `files` were started: the history goes on
  };
  // `engine` appends and saves (EngineParts). Nothing is owned.
  AofKeeper(const Setup& setup, Engine& engine, Clock& clock, Disk& disk, AofFiles& files);
  ~AofKeeper() = default;  // Requires that step has said that it is over.
  AofKeeper(const AofKeeper&) = delete;
  AofKeeper& operator=(const AofKeeper&) = delete;

  // A piece of work, as AofWriter::step. `finishing`: all workers have ended; what they have left
  // in the journal is written. False: it is over.
  bool step(bool finishing, int64_t wait_us);
  // As things are: nothing more is taken from the journal, and what is under way ends.
  void abandon();

  // --- DEBUG LOADAOF, while the data stands still: close; steps, until it is not closing ---
  // All that was changed is to be written and synced, and the history closed.
  void close();
  bool is_closing() const { return closing_; }
  // The files have all. If they have not, the history is made anew by the next steps; if they have,
  // it stays closed until
  bool is_closed() const { return closed_; }
  // they are loaded and started again.
  void start();

 private:
  // The base of a rewrite is a snapshot, as any other.
  class BaseMaker final : public AofBaseMaker {
   public:
    BaseMaker(Engine& engine, Clock& clock)
        : engine_(engine), desk_(*engine.save_desk()), clock_(clock) {}
    bool order(const std::string& temporary) override;
    State state() const override;
    void give_up() override;
    bool is_rdb() const override { return true; }
    SaveDesk::Order form;  // what all orders have in common

   private:
    Engine& engine_;
    SaveDesk& desk_;
    Clock& clock_;
    uint64_t number_ = 0;
  };

  void take_wishes();
  void take_trial();
  void take_anew();
  void take_rewrite();
  void watch_rewrite();
  void tell_rewrite(AofDesk::Rewrite outcome);
  void rest_syncs();
  void set_options();
  void tell_promises();

  const int64_t gather_us_max_;
  Engine& engine_;
  Clock& clock_;
  BaseMaker base_;
  AofWriter writer_;
  AofWriter::Options options_;  // as the configuration has them
  bool syncs_rest_ = false;     // no-appendfsync-on-rewrite
  bool resting_ = false;        // they do
  bool wanted_;                 // there is to be a history
  bool ending_ = false;
  bool closing_ = false;
  bool closed_ = false;
  uint64_t trial_ = 0;  // that is under way
  uint64_t rewrite_ = 0;         // that was asked for, and whose outcome is to be told
  bool rewrite_begins_ = false;  // the writer was told
  std::optional<Ticket> anew_;   // AofDesk::anew, that the writer was told of
  Ticket all_;  // closing: up to this one
};

}  // namespace pollux
