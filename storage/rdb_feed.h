// Takes an RDB file apart (rdb_file_splitter.h) and puts its keys into batches, without those whose
// time is over and those with nothing in them. The hash of the name is computed here, not on the
// owner's core. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/load_feed.h"
#include "storage/rdb_file_splitter.h"

namespace pollux {

class RdbFeed final : public LoadFeed {
 public:
  // `file`: how the log names it. Keys whose time is over at `now` are left out.
  RdbFeed(std::string file, const RdbFileSplitter::Options& format, Instant now,
          LoadBatches& batches, LoadBlock& figures);

  Step take() override;
  void finish() override;
  std::string refusal(const LoadBatches::Refused& refused) const override;

  int64_t keys_loaded() const { return keys_loaded_; }

 private:
  Step end_of_window(RdbFileSplitter::Step step);
  bool take_part(const RdbFileEvent& event);
  void take_aux(std::string_view name, std::string_view text);
  bool take_key(const RdbFileEvent& event);

  const std::string file_;
  const Instant now_;
  LoadBatches& batches_;
  LoadBlock& figures_;
  RdbFileSplitter splitter_;
  bool part_waits_ = false;  // the last part of the splitter, for a batch
  int64_t keys_empty_ = 0;
  int64_t libraries_ = 0;
  int64_t keys_loaded_ = 0;
  int64_t keys_expired_ = 0;
};

}  // namespace pollux
