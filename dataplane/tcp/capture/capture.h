// Frames of chosen peers, copied as they come and go, for a file that tcpdump and Wireshark read:
// of a NIC that the kernel does not see nobody else can make one.
//
//   Capture capture(workers, clock);
//   CapturedDevice device(capture, worker, queue);   // what stands on `queue` uses this instead
//   device.choose(peers);                            // its worker, at any time
//
// A worker copies and goes on; one thread takes the copies and writes them. What that one has not
// taken yet is bounded: what is beyond is not in the file, and counted.
//
// Frames are seen as the device has them: one that the device cuts into segments is one frame
// here, and checksums that the device makes are not made yet.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/interface/interface.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/moment.h"
#include "src/base/way.h"

namespace pollux::tcp {

struct CapturedFrame {
  // More of a frame is not copied: a whole one of an MTU of 1500 fits.
  static constexpr size_t kBytesMax = 1536;

  CapturedFrame() {}  // leaves all as it is: memory of what was never used is never touched

  Bytes captured() const { return {bytes.data(), std::min<size_t>(size, kBytesMax)}; }

  int64_t at_ns;
  uint32_t size;  // of the whole frame
  uint16_t worker;
  bool sent;
  std::array<uint8_t, kBytesMax> bytes;
};

class Capture {
 public:
  // Under way from each worker to the thread that writes. Looked at every 5 ms they are 800,000 a
  // second; before the first look, which may be 250 ms late, 16,000.
  static constexpr size_t kFrames = 4096;

  // `now`: of any worker.
  Capture(uint16_t workers, std::function<Moment()> now);

  uint16_t workers() const { return static_cast<uint16_t>(ways_.size()); }

  // --- the thread that writes ---
  // Whether any worker has peers to look for.
  bool is_wanted() const { return choosers_.load(std::memory_order_acquire) != 0; }
  // False: nobody writes what would come, so workers copy nothing, and nothing counts as lost. True
  // at the begin.
  void set_open(bool open) { open_.store(open, std::memory_order_relaxed); }
  // The oldest that was copied by `until`; null: there is none. done() with each. Of all workers
  // they come in the order of their times, if `until` is so long ago that who copied by then has
  // handed it over.
  const CapturedFrame* next(Moment until);
  void done();
  // Chosen, and not copied, since the begin of the process.
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  friend class CapturedDevice;
  const std::function<Moment()> now_;
  Ways<CapturedFrame> ways_;            // by worker
  std::vector<CapturedFrame*> oldest_;  // of each worker, of who writes; null: not known
  std::optional<size_t> taken_;         // whose it is
  std::atomic<int> choosers_{0};        // workers
  // Relaxed: nothing is ordered by it, and a few frames more or less do not matter.
  std::atomic<bool> open_{true};
  std::atomic<uint64_t> lost_{0};
};

class CapturedDevice final : public Device {
 public:
  // Both outlive it.
  CapturedDevice(Capture& capture, uint16_t worker, Device& queue);
  ~CapturedDevice() override { choose({}); }

  // Frames from and to these are copied from now on, ARP included. Empty: none.
  void choose(std::vector<LinkPrefix> peers);

  const DeviceCaps& caps() const override { return queue_.caps(); }
  size_t receive(std::span<RxFrame> frames) override;
  void release(std::span<const RxFrame> frames) override { queue_.release(frames); }
  size_t allocate(std::span<TxHead> heads, TxUse use) override {
    return queue_.allocate(heads, use);
  }
  void drop(std::span<const TxHead> heads) override { queue_.drop(heads); }
  size_t send(std::span<const TxFrame> frames) override;
  size_t reap(std::span<uint64_t> tokens, bool eager) override {
    return queue_.reap(tokens, eager);
  }

 private:
  bool is_idle() const { return peers_.empty() || !capture_.open_.load(std::memory_order_relaxed); }
  bool is_chosen(Bytes frame, bool sent) const;
  // Null: it is not to be had.
  CapturedFrame* begin_copy(bool sent, size_t size, Moment now);
  void copy_received(Bytes frame, Moment now);
  // Null: it is not chosen, or not to be had.
  CapturedFrame* copy_sent(const TxFrame& frame, Moment now);

  Capture& capture_;
  Way<CapturedFrame>& way_;
  const uint16_t worker_;
  Device& queue_;
  std::vector<LinkPrefix> peers_;
};

}  // namespace pollux::tcp
