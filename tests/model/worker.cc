// A worker: what befalls it, and what it does with a delivery until it acts.
#include "tests/model/moves.h"

namespace goniec::model {
namespace {

std::uint8_t Name(int w) {
  return static_cast<std::uint8_t>(w);
}
Worker& Of(State& state, int w) {
  return state.workers[static_cast<std::size_t>(w)];
}

void BeFrozen(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  if (worker.at == At::kInbox) {
    worker.at = At::kInboxFrozen;
    return moves.AddFault(next, Action::kFreezes, Name(w), worker.item);
  }
  // While a sign of work is answered in time a lease ends only with the process's own time.
  if (!worker.leased || !worker.connected || !worker.renewing) return;
  worker.leased = 0;
  Excuse(next, w);
  moves.AddFault(next, Action::kFreezes, Name(w), worker.item);
}

void LoseLease(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  if (!worker.leased) return;
  const bool answered = worker.connected || (worker.fooled && !moves.Has(Rule::kLeaseNeedsMajority));
  const bool silent = !answered || !worker.renewing;
  if (!silent && moves.Has(Rule::kSignsOfWork)) return;
  worker.leased = 0;
  if (silent) Excuse(next, w);
  moves.Add(next, Action::kLeaseRunsOut, Name(w), worker.item);
}

// What is in the inbox is lost with the connection, or taken just behind the news.
void LoseConnection(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  const std::uint8_t item = worker.item;
  if (worker.at == At::kInbox || worker.at == At::kInboxFrozen) {
    State lost = next;
    BecomeIdle(lost, w);
    moves.AddFault(lost, Action::kCutOff, Name(w), item);
    if (worker.at == At::kInboxFrozen) return;
    TakeUp(next, w);
  }
  worker.connected = 0;
  moves.AddFault(next, Action::kCutOff, Name(w), item);
}

// What was sent before is with the worker: the leader sends nothing that a majority does not know of.
void LoseLeader(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  if (!moves.options().cluster || worker.at == At::kInboxFrozen) return;
  if (worker.at == At::kInbox) TakeUp(next, w);
  worker.connected = 0;
  worker.fooled = 1;
  moves.AddFault(next, Action::kLeaderCutOff, Name(w), worker.item);
}

void ComeBack(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  worker.connected = 1;
  worker.fooled = 0;
  if (moves.Has(Rule::kLeaseEndsWithConnection)) worker.renewing = 0;
  if (!moves.Has(Rule::kExpiredIsNotRenewed)) worker.leased = 1;
  moves.Add(next, Action::kBack, Name(w), worker.item);
}

void Take(Moves& moves, int w) {
  State next = moves.from();
  Worker& worker = Of(next, w);
  const std::uint8_t item = worker.item;
  if (worker.at == At::kInboxFrozen && moves.Has(Rule::kDistrustAfterFreeze)) {
    BecomeIdle(next, w);
    return moves.Add(next, Action::kDropsSuspect, Name(w), item);
  }
  if (IsOf(next.resetting, item) && moves.Has(Rule::kRestBeforeReset)) {
    BecomeIdle(next, w);
    return moves.Add(next, Action::kDropsResting, Name(w), item);
  }
  TakeUp(next, w);
  moves.Add(next, Action::kTakes, Name(w), item);
}

}  // namespace

void Excuse(State& state, int worker) {
  Worker& excused = Of(state, worker);
  if (excused.at == At::kDotSent) excused.excused = 1;
  if (state.taker != worker + 1) return;
  state.taker = 0;
  state.taken = 0;
}

void TakeUp(State& state, int w) {
  Worker& worker = Of(state, w);
  const bool has_shadow = GenerationOf(worker.item) > 0 || worker.resend;
  worker.at = !worker.must_look ? At::kConnect : has_shadow ? At::kShadow : At::kEvents;
  worker.must_look = 0;
  worker.resend = 0;
  worker.leased = 1;
  worker.renewing = 1;
}

void BecomeIdle(State& state, int worker) {
  if (state.taker == worker + 1) state.taker = 0;
  state.workers[static_cast<std::size_t>(worker)] = {};
}

void ExpandWorker(Moves& moves, int w) {
  const Worker& worker = moves.from().workers[static_cast<std::size_t>(w)];
  if (worker.at == At::kIdle) return;
  State killed = moves.from();
  Excuse(killed, w);
  BecomeIdle(killed, w);
  moves.AddFault(killed, Action::kCrashes, Name(w), worker.item);
  if (worker.connected) {
    LoseConnection(moves, w);
    LoseLeader(moves, w);
  } else {
    ComeBack(moves, w);
  }
  BeFrozen(moves, w);
  LoseLease(moves, w);
  switch (worker.at) {
    case At::kIdle:
      return;
    case At::kInbox:
    case At::kInboxFrozen:
      return Take(moves, w);
    case At::kShadow:
    case At::kEvents:
    case At::kCopiesWait:
    case At::kCopiesDue:
    case At::kEventsAgain:
    case At::kFinishMove:
      return ExpandLooking(moves, w);
    case At::kConnect:
    case At::kBeforeDot:
    case At::kDotSent:
    case At::kTaken:
      return ExpandDelivery(moves, w);
    case At::kStoreEvent:
    case At::kStoreCopy:
    case At::kAck:
    case At::kReturn:
      return ExpandSettling(moves, w);
  }
}

}  // namespace goniec::model
