#include "tests/model/shelf/transitions.h"

#include <algorithm>

#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {

void Expand(const Options& options, const State& state, std::vector<Successor>& out) {
  if (state.violation != Violation::kNone) return;
  Moves moves(options, state, out);
  ExpandBroker(moves);
  for (int w = 0; w < kWorkers; ++w) ExpandWorker(moves, w);
  for (int k = 0; k < options.keepers; ++k) ExpandKeeper(moves, k);
}

bool IsQuiet(const State& state) {
  const bool stored = std::any_of(state.items.begin(), state.items.end(), IsStored);
  const bool shelved = std::any_of(state.shelf.begin(), state.shelf.end(),
                                   [](const Shelved& one) { return one.on_shelf != 0; });
  const bool waiting = std::any_of(state.mails.begin(), state.mails.end(), [](const Mail& mail) {
    return std::any_of(mail.waits.begin(), mail.waits.end(), [](auto bit) { return bit != 0; });
  });
  const bool working = std::any_of(state.workers.begin(), state.workers.end(),
                                   [](const Worker& worker) { return worker.at != At::kIdle; }) ||
                       std::any_of(state.keepers.begin(), state.keepers.end(), [](const Keeper& keeper) {
                         return keeper.at == Work::kReleasing || keeper.at == Work::kTakingOff;
                       });
  return !stored && !shelved && !waiting && !working && state.late == Late::kNothing;
}

bool IsGoodEnd(const State& state) {
  return IsQuiet(state) && std::all_of(state.mails.begin(), state.mails.end(),
                                       [](const Mail& mail) { return mail.ended != 0; });
}

}  // namespace goniec::model::shelf
