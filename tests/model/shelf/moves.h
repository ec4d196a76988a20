// Inside of transitions: what the files for broker, worker and keeper share.
#pragma once

#include <vector>

#include "tests/model/shelf/transitions.h"

namespace goniec::model::shelf {

class Moves {
 public:
  Moves(const Options& options, const State& from, std::vector<Successor>& out)
      : options_(options), from_(from), out_(out) {}

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const State& from() const { return from_; }
  [[nodiscard]] bool Has(Rule rule) const { return options_.rules.Has(rule); }

  void Add(State state, Step step) {
    if (step.fault) {
      if (from_.faults >= options_.max_faults) return;
      ++state.faults;
    }
    Tidy(state);
    out_.push_back({state, step});
  }
  [[nodiscard]] bool MayFail() const { return from_.faults < options_.max_faults; }
  [[nodiscard]] bool MayBeLate() const { return options_.late_messages && from_.late == Late::kNothing; }

 private:
  // Forgets what was taken off the shelf, once nobody has its bytes or may store it again.
  void Tidy(State& state) const;

  const Options& options_;
  const State& from_;
  std::vector<Successor>& out_;
};

void ExpandBroker(Moves& moves);
void ExpandWorker(Moves& moves, int worker);
void ExpandLooking(Moves& moves, int worker);
void ExpandServing(Moves& moves, int worker);
void ExpandKeeper(Moves& moves, int keeper);

// What the broker does with a publish. False: the model has no room for one more; not a state of it.
[[nodiscard]] bool PutOnShelf(const Options& options, State& state, std::uint8_t mails, int generation);
[[nodiscard]] bool Release(State& state, int position, bool as_probe);
void TakeOff(State& state, int up_to);
void StoreCopy(State& state, int mail, int generation);
void Acknowledge(State& state, int item);
void PutMark(State& state);

// The worker's lease is over, or (killed) all of it: what the peer took from it and no event tells of yet may
// be taken once more.
void LoseLease(State& state, int worker);
void Kill(State& state, int worker);
void BecomeIdle(State& state, int worker);

inline std::uint8_t Name(int value) {
  return static_cast<std::uint8_t>(value);
}

}  // namespace goniec::model::shelf
