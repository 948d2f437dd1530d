// The two rings between a pair of workers, and the cells that travel them. Channel(i, j) carries
// requests of worker i to worker j and their answers back; i owns its cells. There are as many
// cells as a ring holds, so a push can't fail: a session that finds no free cell waits instead.
//
// home: the thread of worker i. target: the thread of worker j. Staged items are seen by the other
// side after publish, once a turn.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/engine/cell.h"
#include "src/base/ring.h"

namespace pollux {

class Channel {
 public:
  // `cells` + 1 must be at most the ring's capacity; the extra one is the park request, which a
  // lease must always be able to send.
  Channel(WorkerId home, WorkerId target, size_t cells, ChunkPool& target_chunks);

  WorkerId home() const { return park_cell_.home; }
  WorkerId target() const { return park_cell_.target; }

  // --- home ---
  // A free cell, or null.
  Cell* take();
  void give_back(Cell& cell);
  Cell& park_cell() { return park_cell_; }
  void send(Cell& cell);
  void publish_requests() { requests_.publish(); }
  bool requests_staged() const { return requests_.has_staged(); }
  // The next answered cell, or null.
  Cell* receive_answer();
  bool answers_empty() const { return answers_.empty(); }
  // Requests of clients sent, and those of them that are answered. They are run and answered in
  // order.
  uint64_t requests_sent() const { return requests_sent_; }
  uint64_t requests_answered() const { return requests_answered_; }
  size_t cells_out() const { return cells_.size() - free_.size(); }

  // --- target ---
  Cell* receive_request();
  bool requests_empty() const { return requests_.empty(); }
  void answer(Cell& cell);
  // The request that runs now, or ran last. To be read by whoever holds the shard.
  void begin_serving(const Cell& cell) { served_ = cell.sequence; }
  uint64_t served() const { return served_; }
  void publish_answers() { answers_.publish(); }
  bool answers_staged() const { return answers_.has_staged(); }

 private:
  std::vector<std::unique_ptr<Cell>> cells_;
  std::vector<Cell*> free_;  // a stack: the cell used last is the one in the cache
  uint64_t requests_sent_ = 0;
  uint64_t requests_answered_ = 0;
  uint64_t served_ = 0;  // target
  Cell park_cell_;
  PointerRing<Cell> requests_;
  PointerRing<Cell> answers_;
};

}  // namespace pollux
