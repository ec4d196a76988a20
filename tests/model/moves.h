// Inside of transitions: what the files for publisher, broker, worker and reader share.
#pragma once

#include <vector>

#include "tests/model/transitions.h"

namespace goniec::model {

class Moves {
 public:
  Moves(const Options& options, const State& from, std::vector<Successor>& out)
      : options_(options), from_(from), out_(out) {}

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const State& from() const { return from_; }
  [[nodiscard]] bool Has(Rule rule) const { return options_.rules.Has(rule); }

  void Add(const State& state, Action action, std::uint8_t worker = kNobody, std::uint8_t item = kNobody) {
    out_.push_back({state, {action, worker, item, false}});
  }
  void AddFault(State state, Action action, std::uint8_t worker = kNobody, std::uint8_t item = kNobody) {
    if (from_.faults >= options_.max_faults) return;
    ++state.faults;
    out_.push_back({state, {action, worker, item, true}});
  }
  [[nodiscard]] bool MayBeLate() const { return options_.late_messages && from_.late == Late::kNothing; }

 private:
  const Options& options_;
  const State& from_;
  std::vector<Successor>& out_;
};

void ExpandPublisher(Moves& moves);
void ExpandBroker(Moves& moves);
void ExpandWorker(Moves& moves, int worker);
void ExpandLooking(Moves& moves, int worker);
void ExpandDelivery(Moves& moves, int worker);
void ExpandSettling(Moves& moves, int worker);
void ExpandReader(Moves& moves);

// What the broker does with a publish or a sign. False: the model has no room for one more; not a state of
// it.
[[nodiscard]] bool StoreRecord(const Options& options, State& state, bool marked);
void StoreCopy(State& state, int generation);
void StoreMove(State& state, int generation, bool late_subject);
void StoreEnd(const Options& options, State& state, bool late_subject);
void Acknowledge(State& state, int item);
void GiveBack(State& state, int item);

// Something befell the worker: if the peer had taken the message from it and no event says so yet, a second
// time is excused.
void Excuse(State& state, int worker);
void BecomeIdle(State& state, int worker);
// The worker begins with what lies in its inbox.
void TakeUp(State& state, int worker);

}  // namespace goniec::model
