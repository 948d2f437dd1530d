// The control page: what the data plane shows to whoever maps it, read-only: the control-plane
// daemon, polluxctl, and INFO itself. A plain layout without pointers. Each core's block has one
// writer, that core, and is written by relaxed stores; readers see each number whole, but not all
// of one moment. A reader checks magic and version and the process id, and then only loads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "src/base/histogram.h"
#include "src/base/types.h"

namespace pollux {

inline constexpr uint64_t kControlPageMagic = 0x003178756c6c6f50;  // "Pollux1"
// Stands for the magic until the page is complete, so that what a server that was killed in the
// middle of its start left is known for a page too.
inline constexpr uint64_t kControlPageDraft = 0x003078756c6c6f50;  // "Pollux0"
inline constexpr uint32_t kControlPageVersion = 11;
inline constexpr int kCommandRowsMax = 512;
inline constexpr int kErrorRowsMax = 64;  // different code words of errors that are counted
inline constexpr int kCoreFiguresMax = 96;  // what a core's transport counts
inline constexpr int kPortFiguresMax = 64;  // what is counted of the port that all share

// A counter with one writer and many readers. relaxed: nothing is ordered by it.
class Counter {
 public:
  void add(int64_t n) {
    v_.store(v_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(int64_t n) { v_.store(n, std::memory_order_relaxed); }
  int64_t get() const { return v_.load(std::memory_order_relaxed); }
  // For two counters that must be seen in the order they were written: whoever observes a value
  // sees what its writer published before (release, acquire).
  void publish(int64_t n) { v_.store(n, std::memory_order_release); }
  int64_t observe() const { return v_.load(std::memory_order_acquire); }

 private:
  std::atomic<int64_t> v_{0};
};
static_assert(sizeof(Counter) == 8);

struct CommandCounters {
  Counter calls;
  Counter cycles;    // TSC
  Counter rejected;  // refused before the handler ran
  Counter failed;    // the handler's reply was an error
};

// How long the runs of one command took, in TSC cycles, or what else is told, in its unit: as
// src/base/histogram.h divides it, up to 2^38 (of cycles: a minute and more), where the last bucket
// takes all that is longer.
struct LatencyHistogram {
  static constexpr size_t kBuckets = (38 - Histogram::kSubBits + 1) << Histogram::kSubBits;

  Counter counts[kBuckets];

  void record(uint64_t value) {
    const size_t bucket = Histogram::bucket_of(value);
    counts[bucket < kBuckets ? bucket : kBuckets - 1].add(1);
  }
};

struct alignas(64) CoreBlock {
  // traffic
  Counter commands;
  Counter connections_received;
  Counter connections_rejected;
  Counter connections_denied;  // of these, by allow-from
  Counter clients;  // open now
  Counter tracking_clients;  // of these: CLIENT TRACKING is on
  Counter blocked_clients;  // of these: their command waits, or CLIENT PAUSE holds them back
  Counter timed_clients;    // of these: their command waits until some moment
  Counter net_input_bytes;
  Counter net_output_bytes;
  Counter reads;   // kData events
  Counter writes;  // sends
  Counter protocol_errors;
  Counter output_limit_closes;
  Counter query_limit_closes;
  Counter timeouts;
  Counter error_replies;
  // keys
  Counter keyspace_hits;
  Counter keyspace_misses;
  Counter expired_keys;
  Counter expired_fields;  // of hashes
  Counter tick_cycles;      // TSC in slices of expiry and freeing
  Counter ticks_cut_short;  // slices that ended with more to do
  Counter evicted_keys;
  Counter evictions;     // the same, but never reset
  Counter moved_blocks;  // by compaction
  Counter changes;       // of keys, ever
  Counter save_held_bytes;       // beside the data, by the snapshot that is being taken
  Counter save_held_peak_bytes;  // the most that it was, by the last one
  Counter dead_objects;  // deleted, not yet freed
  Counter freed_objects;  // that were freed some time after their deletion
  Counter keys;
  Counter keys_with_expiry;
  Counter tracked_keys;      // of this shard, that clients have read and may cache
  Counter tracked_reads;     // the same, counted for each client
  Counter tracked_bytes;     // that remembering them takes
  Counter tracked_prefixes;  // of the whole process, as this core knows it
  // memory, bytes
  Counter data_bytes;    // the shard's exact account
  // What of these remains when the shard's background work is done, and what a command under way is
  // about to need: limits weigh this.
  Counter weighed_bytes;
  Counter mapped_bytes;  // from the system rather than the allocator: whole chunks and slabs
  Counter spare_bytes;   // of these, what is not in use
  Counter overhead_bytes;  // of these, tables and expiry
  Counter coldness;      // of the key that would be evicted next (src/data/eviction.h)
  Counter client_bytes;  // sessions and their buffers
  Counter memory_peak_bytes;  // the highest sum of data and clients since the start
  Counter clients_weight;  // of client_bytes, what can be told whose it is: limits weigh this
  Counter largest_client_bytes;  // no client that may be evicted has more
  Counter evicted_clients;
  Counter over_limit_us;        // how long maxmemory was passed
  Counter over_limit_since_us;  // Unix time; 0: it is not now
  // the loop
  Counter turns;
  Counter busy_cycles;  // TSC in turns that did something, without the call that sleeps
  Counter sleeps;
  Counter longest_turn_cpu_ns;  // thread CPU time; since CONFIG RESETSTAT
  // between cores
  Counter cells_sent;
  Counter cells_served;
  Counter lease_riders;  // requests that ran under the lease of another
  Counter leases;
  Counter lease_wait_cycles;
  Counter tickets;
  Counter ops_per_sec;  // over the last 100 ms .. 1 s
  Counter input_bytes_per_sec;
  Counter output_bytes_per_sec;
  // What its transport counts, by ControlPage::core_figure_names. Sums over the cores make sense.
  Counter figures[kCoreFiguresMax];
  CommandCounters per_command[kCommandRowsMax];  // by row number of the command table
};

// The file that is loaded at the start. Its writer is the storage thread; boot before that starts.
struct alignas(64) LoadBlock {
  Counter loading;  // 1 until all its keys are there
  Counter started_s;  // Unix time
  Counter total_bytes;
  Counter loaded_bytes;  // that were read and whose keys are on their way to the shards
  Counter saved_memory_bytes;  // what its writer used when it wrote it (AUX field used-mem)
  Counter keys_loaded;
  Counter keys_expired;  // left out: their time was over
};

// The snapshot that is being written, and what became of those before. Its writer is the storage
// thread.
struct alignas(64) SaveBlock {
  // 1 while one is being written: as an RDB file, or as the base of an append-only file.
  Counter saving;
  Counter saving_aof_base;
  // Of that one, or of the last one when none is being written.
  Counter started_s;  // Unix time
  Counter keys_total;  // 0 before the cut
  Counter keys_saved;  // that are in the file so far
  Counter written_bytes;  // so far; in the end the length of the file
  // Of RDB files only.
  Counter saves_begun;
  // The next three are of those in the background: that nobody waited for, as SAVE and SHUTDOWN do.
  Counter saves_ended;  // however they ended
  Counter last_failed;  // 1: the last one did (one given up does not count), and none is done since
  Counter last_duration_s;
  Counter last_done_s;  // when the last one that did not fail was done, Unix time; 0: none was
  Counter last_done_bytes;  // its length
};

// What may keep who appends the history, for a latency monitor.
enum class DiskEvent : int64_t {
  kWrite,              // with nothing else under way
  kWriteDuringSync,
  kWriteDuringRewrite,
  kSync,     // that replies waited for: appendfsync always
  kBacklog,  // so long writers had to wait, or were refused: the disk did not keep up
};

// The last ones that took long. One writer. Who reads while kKept more come may find two mixed.
struct DiskStalls {
  static constexpr int64_t kUsMin = 1000;
  static constexpr int64_t kKept = 64;
  struct Stall {
    Counter event;
    Counter us;
    Counter ended_s;  // Unix time
  };

  Counter count;       // ever; published behind the stall
  Stall last[kKept];   // the n-th at n % kKept

  void note(DiskEvent event, int64_t us, int64_t unix_s) {
    if (us < kUsMin) {
      return;
    }
    Stall& stall = last[count.get() % kKept];
    stall.event.set(static_cast<int64_t>(event));
    stall.us.set(us);
    stall.ended_s.set(unix_s);
    count.publish(count.get() + 1);
  }
};

// The append-only history. Its writer is the storage thread.
struct alignas(64) AofBlock {
  Counter enabled;   // 1: there is one, or one is being made
  Counter in_force;  // 1: what is appended is what a start would load
  // The files of the history, as long as they are by now; what that was at the last rewrite.
  Counter current_bytes;
  Counter base_bytes;
  Counter pending_bytes;      // in the lanes of the workers
  Counter buffered_bytes;     // taken from there and not yet written
  Counter written_ticket;     // all up to this one was handed to the system
  Counter durable_ticket;     // and is on disk
  Counter last_write_failed;  // 1: writes are to be refused
  Counter last_error;         // of that, an errno
  Counter full;               // 1: writers are to wait
  Counter fulls;              // how often that began
  Counter delayed_fsyncs;     // of these, because a sync took long
  Counter syncs;
  Counter syncs_failed;
  Counter sync_under_way;
  // rewrites
  Counter rewriting;          // 1
  Counter rewrite_scheduled;  // 1: it waits for another save
  Counter rewrite_started_s;  // of the one under way, Unix time
  Counter last_rewrite_duration_s;
  Counter last_rewrite_failed;
  Counter rewrites_begun;
  Counter rewrites_ended;    // of these, however they ended
  Counter rewrite_failures;  // since the last one that did not fail
  // In microseconds, as the storage thread saw it.
  LatencyHistogram sync_us;
  LatencyHistogram write_us;
  DiskStalls stalls;
};

// The full name of a row of the command table ("client|list"), padded with zero bytes.
struct CommandName {
  char text[32];
};

// The name of a figure, padded with zero bytes.
struct FigureName {
  char text[32];
};

// The port that all cores share, by ControlPage::port_figure_names. Its writer is the thread that
// looks after the network.
struct alignas(64) PortBlock {
  Counter figures[kPortFiguresMax];
};

struct ControlPage {
  std::atomic<uint64_t> magic;  // written last: what it stands before is complete
  uint32_t version;
  uint32_t bytes;  // of the whole mapping
  uint32_t process_id;
  uint32_t workers;
  int64_t started_ms;     // Unix time
  double tsc_per_us;      // cycles above are divided by this
  uint32_t command_rows;  // names below that are set
  uint32_t port;
  char pollux_version[16];
  // Names below that are set: none where the kernel is the network, which counts itself.
  uint32_t core_figures;
  uint32_t port_figures;
  CommandName command_names[kCommandRowsMax];
  FigureName core_figure_names[kCoreFiguresMax];
  FigureName port_figure_names[kPortFiguresMax];
  PortBlock port_block;
  LoadBlock load;
  SaveBlock save;
  AofBlock aof;
  CoreBlock cores[1];  // `workers` of them; behind the last one the histograms

  // The histograms of core 0's commands by row number, then core 1's ... They are never touched
  // before a command runs, so that a mapping holds memory only for commands that are used: its
  // maker takes zeroed pages from the kernel and constructs nothing here (a Counter of zero bytes
  // is 0).
  LatencyHistogram* latencies(int core) {
    char* begin = reinterpret_cast<char*>(this) + latencies_at(static_cast<int>(workers));
    return reinterpret_cast<LatencyHistogram*>(begin) + core * kCommandRowsMax;
  }
  const LatencyHistogram* latencies(int core) const {
    return const_cast<ControlPage*>(this)->latencies(core);
  }

  static size_t latencies_at(int workers) {
    return sizeof(ControlPage) +
           sizeof(CoreBlock) * static_cast<size_t>(workers > 0 ? workers - 1 : 0);
  }
  static size_t size_for(int workers) {
    return latencies_at(workers) +
           sizeof(LatencyHistogram) * kCommandRowsMax * static_cast<size_t>(workers);
  }
};

// The page in a mapping of `bytes` bytes, or null if there is none of this layout. Total: whatever
// the bytes say, what is returned can be read within the mapping.
inline const ControlPage* control_page_in(const void* mapping, size_t bytes) {
  if (bytes < sizeof(ControlPage)) {
    return nullptr;
  }
  const auto* page = static_cast<const ControlPage*>(mapping);
  // acquire: pairs with the writer's release of magic, its last store before the workers run.
  const bool good = page->magic.load(std::memory_order_acquire) == kControlPageMagic &&
                    page->version == kControlPageVersion && page->workers >= 1 &&
                    page->workers <= static_cast<uint32_t>(kWorkersMax) &&
                    page->command_rows <= static_cast<uint32_t>(kCommandRowsMax) &&
                    page->core_figures <= static_cast<uint32_t>(kCoreFiguresMax) &&
                    page->port_figures <= static_cast<uint32_t>(kPortFiguresMax) &&
                    ControlPage::size_for(static_cast<int>(page->workers)) <= bytes;
  return good ? page : nullptr;
}

}  // namespace pollux
