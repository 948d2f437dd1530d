#include "perf/load/tally.h"

namespace pollux {

void Tally::merge(const Tally& other) {
  kinds.resize(std::max(kinds.size(), other.kinds.size()));
  for (size_t i = 0; i < other.kinds.size(); ++i) {
    kinds[i].latency.merge(other.kinds[i].latency);
    kinds[i].errors += other.kinds[i].errors;
    kinds[i].nulls += other.kinds[i].nulls;
  }
  late.merge(other.late);
  service.merge(other.service);
  unanswered.merge(other.unanswered);
  unsent.merge(other.unsent);
  lost += other.lost;
  answered_in_window += other.answered_in_window;
  answered += other.answered;
  busy_ns += other.busy_ns;
  looked_ns += other.looked_ns;
  bytes_out += other.bytes_out;
  bytes_in += other.bytes_in;
  pushes += other.pushes;
  ends += other.ends;
  begin_ns = begin_ns == 0 ? other.begin_ns : std::min(begin_ns, other.begin_ns);
  end_ns = std::max(end_ns, other.end_ns);
  for (auto text : {&Tally::first_error, &Tally::first_end, &Tally::fatal}) {
    if ((this->*text).empty()) {
      this->*text = other.*text;
    }
  }
}

}  // namespace pollux
