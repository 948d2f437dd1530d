// Plays about blocking commands (play.cc has the others).
#include <memory>

#include "tests/sim/play.h"
#include "tests/sim/queue_parts.h"

namespace pollux {

namespace {

using Mode = Consumer::Mode;

// The first of the cast may leave or be killed in the middle; what is lost with one is what was on
// its way to it: at most three pops of two elements.
constexpr size_t kLostWithOne = 6;

Consumer& enter_leaver(Stage& stage, Yard& yard, const Keys& queues) {
  ++stage.leavers;
  Consumer& consumer = stage.enter<Consumer>(stage.any_worker(), stage.rounds * 3, yard,
                                             /*counted=*/false, queues, Mode::kHurried);
  consumer.may_be_closed();
  return consumer;
}

// Producers, and those who look at queues and at the waits of patient ones.
void enter_others(Stage& stage, Yard& yard, const Keys& producing, Keys all,
                  const Keys& waited_for, const std::vector<const Consumer*>& patient) {
  for (int i = 0; i < 2; ++i) {
    const Producer& producer =
        stage.enter<Producer>(stage.any_worker(), stage.rounds * 3, yard, producing,
                              "p" + std::to_string(i));
    all.push_back(producer.own_queue());
  }
  stage.enter<Releaser>(stage.any_worker(), kUntilRetired, yard, waited_for, patient);
  stage.enter<Inspector>(stage.any_worker(), kUntilRetired, yard, all);
}

}  // namespace

// Elements are put into queues in all ways, and popped by those who wait for them: none is lost,
// none is given to two, and nobody waits while there is one. Some leave or are killed, some waits
// end by time, some by CLIENT UNBLOCK.
void set_queues(Stage& stage) {
  const auto yard = std::make_shared<Yard>();
  yard->zsets = stage.rng.below(3) == 0;
  const Keys queues = spread_keys(stage, "queue", 3);
  enter_leaver(stage, *yard, queues);
  enter_leaver(stage, *yard, queues);
  std::vector<const Consumer*> patient;
  for (int i = 0; i < 4; ++i) {
    const Mode mode = i < 2 ? Mode::kPatient : Mode::kHurried;
    const Consumer& consumer = stage.enter<Consumer>(stage.any_worker(), stage.rounds * 2, *yard,
                                                     /*counted=*/true, queues, mode);
    if (mode == Mode::kPatient) {
      patient.push_back(&consumer);
    }
  }
  enter_others(stage, *yard, queues, queues, queues, patient);
  stage.finale = [yard, lost_max = stage.leavers * kLostWithOne] {
    return yard->account(lost_max);
  };
}

// What one producer puts into one queue comes out in its order, for each who takes it out.
void set_queue_order(Stage& stage) {
  const auto yard = std::make_shared<Yard>();
  const Keys queue = spread_keys(stage, "queue", 1);
  for (int i = 0; i < 3; ++i) {
    stage.enter<Consumer>(stage.any_worker(), stage.rounds * 4, *yard, /*counted=*/true, queue,
                          Mode::kInOrder);
  }
  for (int i = 0; i < 2; ++i) {
    stage.enter<Producer>(stage.any_worker(), stage.rounds * 5, *yard, queue,
                          "p" + std::to_string(i), /*in_order=*/true);
  }
  stage.enter<Inspector>(stage.any_worker(), kUntilRetired, *yard, queue);
  stage.finale = [yard] { return yard->account(0); };
}

// Elements are moved on from list to list over the shards by those who wait for them: each is in
// one place at any moment, and the last list holds none while somebody waits for it.
void set_belts(Stage& stage) {
  const auto yard = std::make_shared<Yard>();
  const Keys belts = spread_keys(stage, "belt", 4);
  stage.leavers = 1;
  stage.enter<Conveyor>(stage.any_worker(), stage.rounds * 2, *yard, /*counted=*/false, belts[0],
                        belts[1])
      .may_be_closed();
  for (size_t i = 0; i < 4; ++i) {
    // The last one goes back to the first list or, at random, skips some.
    const size_t to = i < 3 ? i + 1 : stage.rng.below(3);
    stage.enter<Conveyor>(stage.any_worker(), stage.rounds * 2, *yard, /*counted=*/true,
                          belts[i < 3 ? i : stage.rng.below(3)], belts[to]);
  }
  std::vector<const Consumer*> patient;
  const Keys last = {belts[3]};
  for (int i = 0; i < 2; ++i) {
    patient.push_back(&stage.enter<Consumer>(stage.any_worker(), stage.rounds, *yard,
                                             /*counted=*/true, last, Mode::kPatient));
  }
  enter_others(stage, *yard, {belts[0], belts[1]}, belts, last, patient);
  stage.finale = [yard] { return yard->account(0); };
}

}  // namespace pollux
