#include "dataplane/engine/mailbox.h"

#include <bit>

namespace pollux {

Channel::Channel(WorkerId home, WorkerId target, size_t cells, ChunkPool& target_chunks)
    : park_cell_(home, target, target_chunks),
      requests_(std::bit_ceil(cells + 1)),
      answers_(std::bit_ceil(cells + 1)) {
  park_cell_.kind = CellKind::kPark;
  cells_.reserve(cells);
  free_.reserve(cells);
  for (size_t i = 0; i < cells; ++i) {
    cells_.push_back(std::make_unique<Cell>(home, target, target_chunks));
    free_.push_back(cells_.back().get());
  }
}

Cell* Channel::take() {
  if (free_.empty()) {
    return nullptr;
  }
  Cell* cell = free_.back();
  free_.pop_back();
  return cell;
}

void Channel::give_back(Cell& cell) {
  cell.clear();
  free_.push_back(&cell);
}

void Channel::send(Cell& cell) {
  if (cell.is_request()) {
    cell.sequence = ++requests_sent_;
  }
  requests_.stage(&cell);
}

Cell* Channel::receive_answer() {
  Cell* cell = answers_.pop();
  if (cell != nullptr) {
    cell->prefetch_lines();
    requests_answered_ += cell->is_request() ? 1 : 0;
  }
  return cell;
}

Cell* Channel::receive_request() {
  Cell* cell = requests_.pop();
  if (cell != nullptr) {
    cell->prefetch_lines();
  }
  return cell;
}

void Channel::answer(Cell& cell) { answers_.stage(&cell); }

}  // namespace pollux
