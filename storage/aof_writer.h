// Appends the one history to its files: takes what the workers put into the journal, in ticket
// order, writes it, syncs it, says what is durable, and has it rewritten. A machine that is
// stepped: no thread and no clock of its own. One thread; the disk is its own.
//
//   files.start() done;  writer.start();   // or, at run time, start_apart()
//   while (running) writer.step(now, wait_us);
//   writer.finish(); while (!writer.is_off()) writer.step(now, wait_us);
//
// What is in a file is what the lanes of the journal hold, and before it, where they are needed,
// SELECT and #TS: lines: never within a command or a transaction.
//
// A rewrite: a further file is made, a base is ordered, and the cut of its snapshot comes through
// the journal. All before it is written to the old file and synced, then the further file takes its
// place; all behind it goes there. When the base is done, it and that file are the history.
//
// Out of force: when the history is turned on at run time, or a sync has failed, which leaves
// nobody knowing what of the file is durable. What was taken is in a snapshot that is yet to come,
// so it is thrown away until the cut, and from there goes to a file apart, which with the base
// becomes the history. Nothing is told durable until then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/aof_base_maker.h"
#include "storage/aof_files.h"
#include "storage/aof_growth.h"
#include "storage/aof_tail.h"
#include "storage/disk.h"
#include "storage/fsync.h"
#include "storage/journal.h"
#include "storage/journal_reader.h"

namespace pollux {

class AofWriter {
 public:
  // May change at any time.
  struct Options {
    Fsync fsync = Fsync::kEverysec;
    bool timestamps = false;  // aof-timestamp-enabled
    // auto-aof-rewrite-percentage, 0: never; auto-aof-rewrite-min-size
    uint32_t rewrite_percentage = 100;
    uint64_t rewrite_bytes_min = 64 << 20;
    // kAlways: how long, after a sync, the next one may wait for the clients that the last one has
    // released, which would else miss it; at most as long as the last one took. 0: not.
    int64_t gather_us_max = 0;
    uint64_t backlog_bytes_max = 64 << 20;  // Journal::bytes_max, with what is buffered here
  };
  struct Setup {
    // Of its operations: this one and the next; all others at the disk are those of `files`.
    uint64_t token = 1;
    size_t buffer_bytes = 1 << 20;     // each of two; at least 2 * JournalLane::kBlockBytes
    std::function<void()> on_durable;  // Journal::durable has grown
    std::function<void()> on_room;     // Journal::is_full is no more
  };
  enum class Rewrite : uint8_t {
    kBegun,
    kScheduled,  // its base was refused already, and is ordered again
    kUnderWay,   // already
    kOff,        // there is no history
  };
  // What became of the rewrite that was begun last.
  enum class Beginning : uint8_t {
    kUnderWay,   // its file is being made, or its base is about to be ordered
    kStarted,    // the base was ordered
    kScheduled,  // its base was refused, and is ordered again
    kFailed,
  };

  // Wakes the disk when the journal asks for it. `figures` is written here alone.
  AofWriter(const Setup& setup, Journal& journal, Disk& disk, AofFiles& files, AofBaseMaker& base,
            AofBlock& figures);
  ~AofWriter() = default;  // Requires is_off().
  AofWriter(const AofWriter&) = delete;
  AofWriter& operator=(const AofWriter&) = delete;

  void set_options(const Options& options);

  // --- its life: each from where is_off(), or to there ---
  // The history goes on behind what was loaded: `files` were started. Before the first step that
  // finds anything in the journal.
  void start();
  // appendonly yes at run time: when the next base is done, there is a history. The workers put
  // their changes into the journal. `owed`: there was one, which broke off, and who waits for
  // durable() was promised it: as behind a sync that has failed, nobody is released, and writes are
  // refused, until the new one is in force.
  void start_apart(bool owed = false);
  // Whether start_apart would come to anything: the first files are made, and removed. From
  // is_off() to there; then can_start() knows. What is in the way is told in the log.
  void try_out();
  bool can_start() const { return can_start_; }
  // appendonly no: what is there is written and synced. If that can't be done at the first try, or
  // the history is out of force, it is left as it is.
  void stop();
  // The end of the server, whose workers have ended: as stop, whatever the policy, but writes that
  // fail are tried again for so long.
  static constexpr int64_t kFinishUsMax = 10'000'000;
  void finish();
  // As things are: only what is under way ends. What that may lose is told in the log.
  void abandon();
  bool is_off() const { return life_ == Life::kOff && !trying_; }
  bool in_force() const { return life_ == Life::kInForce; }
  // Whether durable() is owed to anybody: not between start_apart and the first time in force. Out
  // of force with a history in doubt it is, and everybody waits.
  bool promises() const { return in_force() || in_doubt_; }

  Rewrite request_rewrite();
  Beginning beginning() const;
  // The data is another one than the history tells of, from that ticket on: a rewrite whose cut is
  // behind it is begun until one succeeds, and until then the history counts as out of force to who
  // looks at the figures. Nothing if there is none, or is none any more: the next is one of the
  // data as it is.
  void request_anew(Ticket after);
  bool owes_anew() const { return anew_; }
  // From is_off() to there: the data as a history of its own, to which nobody appends. It takes the
  // place of what there was; if it fails, that stays.
  void rewrite_alone();
  bool rewrites_alone() const { return alone_; }

  // A piece of work, at most as long as a buffer takes to fill, or a change of names. If there is
  // none now, it waits up to `wait_us` (as Disk::poll).
  void step(Instant now, int64_t wait_us);

 private:
  enum class Life : uint8_t {
    kOff,
    kInForce,
    kRenewing,  // out of force, and there is no file apart yet
    kApart,     // out of force; since start_apart of the files
  };
  enum class Stage : uint8_t {  // of a rewrite
    kNone,
    kBeginning,   // the further file, or the one apart, is made
    kOrdering,    // the base is to be ordered
    kCutting,     // was ordered
    kSwitching,   // at the cut
    kBase,        // behind the cut
    kPublishing,  // the base is done
    kGivingUp,    // waits for the end of the base
  };
  enum class Ending : uint8_t { kNo, kFinish, kStop, kAbandon };  // the later, the sooner

  // --- the way of the bytes ---
  void take_completions();
  bool take();
  bool takes_no_more() const;
  bool may_take() const;
  bool throws_away() const;
  void append(const JournalPart& part);
  bool may_write() const;
  bool write();
  bool sync();
  bool wants_sync() const;
  int64_t gather_us() const;
  uint64_t missing_bytes() const;
  void write_ended();
  void sync_ended();
  void open_tail(Ticket ticket);
  void tell_durable();
  void tell();
  void tell_full();

  // --- rewrites, and the life of the files ---
  bool files_step();
  void files_done();
  void files_failed();
  bool rewrite_step();
  void begin_rewrite();
  void order_base();
  bool is_awaited_cut(const JournalPart& part) const;
  void at_cut(Ticket ticket);
  void base_is_done();
  void give_up_rewrite(bool failed);
  void end_rewrite(bool done);
  bool may_begin_rewrite() const;
  bool anew_step();
  bool growth_step();
  bool renew_step();
  bool may_begin_apart() const;
  void begin_apart();
  bool leave_file_at_its_limit();
  void renew();
  bool delay_allows();
  void end(Ending how);
  bool end_step();
  void close();
  // 0, or an errno.
  int measure(const std::string& name, uint64_t& bytes);

  // --- time and sleep ---
  // So long after that moment, or the clock was set back.
  bool is_over(Instant since, int64_t us) const { return now_.us - since.us >= us || now_ < since; }
  int64_t wait_us_max(int64_t wait_us) const;
  Journal::Sleep sleep_kind() const;
  void sleep(int64_t wait_us);

  const Setup setup_;
  Journal& journal_;
  JournalReader reader_;
  Disk& disk_;
  AofFiles& files_;
  AofBaseMaker& base_;
  AofBlock& figures_;
  Options options_;
  Instant now_;
  Life life_ = Life::kOff;
  Ending ending_ = Ending::kNo;
  bool alone_ = false;  // kApart, without a file: until the base is done
  bool trying_ = false;
  bool can_start_ = false;
  Ticket end_ticket_;  // stop, finish: all up to this one is to be taken
  Instant end_begun_;

  AofTail tail_;
  bool in_entry_ = false;     // the last part that was taken was not the last of its entry
  int64_t file_db_ = -1;      // that the tail is at; -1: not known
  int64_t stamp_s_ = 0;       // of the last #TS:
  uint64_t other_bytes_ = 0;  // of the history, in files other than the tail's
  bool write_fails_ = false;
  Instant write_failed_at_;
  // Nobody knows what of the history is durable, though durable() is owed: it is out of force.
  bool in_doubt_ = false;
  uint64_t gather_bytes_ = 0;  // worth a sync at once
  bool blocked_ = false;       // there is a part that can't be taken now
  Instant full_since_;
  Instant took_at_;            // something, last
  bool woken_ = false;         // by a worker

  Stage stage_ = Stage::kNone;
  bool files_busy_ = false;    // an operation of files_ is under way, or is to be tried again
  bool files_failed_ = false;  // its last call, that is to be tried again
  bool files_told_ = false;    // in the log
  Instant files_failed_at_;
  bool prepared_ = false;  // files_ has a further file
  bool ordered_ = false;   // the base; its file is to be removed or published
  bool refused_ = false;   // it was: AofBaseMaker::order
  Instant refused_at_;
  bool give_up_ = false;         // the rewrite, when files_ are not busy
  bool rewrite_failed_ = false;  // that is why it is given up
  Ticket ordered_after_;         // a cut up to this one is that of another snapshot
  Ticket cut_;
  Instant rewrite_begun_;  // when the base was ordered
  uint64_t temp_base_bytes_ = 0;
  uint64_t base_bytes_ = 0;  // of the history, after the last rewrite
  int64_t failures_ = 0;     // of rewrites, in a row
  AofRewriteDelay delay_;
  Instant renew_failed_at_;
  bool anew_ = false;  // see request_anew
  Ticket anew_after_;

  std::array<Disk::Completion, 4> completions_;
  size_t completed_ = 0;  // of these, by the last poll
};

}  // namespace pollux
