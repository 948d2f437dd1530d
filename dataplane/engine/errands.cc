#include "dataplane/engine/errands.h"

#include "dataplane/engine/tour.h"

namespace pollux {

void ErrandBox::push(Tour& tour) {
  Tour* first = first_.load(std::memory_order_relaxed);
  do {
    tour.next_back = first;
    // seq_cst: see above; it also releases what the errand wrote into the tour.
  } while (!first_.compare_exchange_weak(first, &tour, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
}

}  // namespace pollux
