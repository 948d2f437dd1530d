#include "dataplane/engine/rates.h"

namespace pollux {

void Rates::sample(int64_t now_ms, CoreBlock& core) {
  const Point now{now_ms, core.commands.get(), core.net_input_bytes.get(),
                  core.net_output_bytes.get()};
  const Point& oldest = points_[next_ % kSamples];
  const int64_t ms = now.ms - oldest.ms;
  if (next_ >= kSamples && ms > 0) {
    core.ops_per_sec.set((now.commands - oldest.commands) * 1000 / ms);
    core.input_bytes_per_sec.set((now.input - oldest.input) * 1000 / ms);
    core.output_bytes_per_sec.set((now.output - oldest.output) * 1000 / ms);
  }
  points_[next_ % kSamples] = now;
  ++next_;
}

}  // namespace pollux
