#include "tests/model/transitions.h"

#include <algorithm>

#include "tests/model/moves.h"

namespace goniec::model {

void Expand(const Options& options, const State& state, std::vector<Successor>& out) {
  if (state.violation != Violation::kNone) return;
  Moves moves(options, state, out);
  ExpandPublisher(moves);
  ExpandBroker(moves);
  for (int w = 0; w < kWorkers; ++w) ExpandWorker(moves, w);
  ExpandReader(moves);
}

bool IsQuiet(const State& state) {
  for (int item = 0; item < kItems; ++item) {
    if (IsStored(state, item)) return false;
  }
  const bool waiting =
      std::any_of(state.waiting.begin(), state.waiting.end(), [](auto bit) { return bit != 0; });
  const bool working = std::any_of(state.workers.begin(), state.workers.end(),
                                   [](const Worker& worker) { return worker.at != At::kIdle; });
  const bool published = state.publisher == Publisher::kSaidYes || state.publisher == Publisher::kGaveUp;
  return published && !waiting && !working && state.late == Late::kNothing;
}

bool IsGoodEnd(const State& state) {
  return IsQuiet(state) && (state.ends > 0 || state.publisher == Publisher::kGaveUp);
}

}  // namespace goniec::model
