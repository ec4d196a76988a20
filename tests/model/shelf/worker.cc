// What befalls a worker.
#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {
namespace {

void Excuse(State& state, int w) {
  for (Mail& mail : state.mails) {
    if (mail.taker != w + 1) continue;
    mail.taker = 0;
    mail.taken = 0;
  }
}

}  // namespace

void BecomeIdle(State& state, int w) {
  for (Mail& mail : state.mails) {
    if (mail.taker == w + 1) mail.taker = 0;
  }
  state.workers[static_cast<std::size_t>(w)] = {};
}

void Kill(State& state, int w) {
  Excuse(state, w);
  BecomeIdle(state, w);
}

// What it has seen is told all the same; nothing else goes on.
void LoseLease(State& state, int w) {
  Excuse(state, w);
  Worker& worker = state.workers[static_cast<std::size_t>(w)];
  worker.leased = 0;
  worker.left = 0;
  worker.mail = 0;
  bool tells = false;
  for (Leg& leg : worker.legs) {
    if (leg != Leg::kTaken && leg != Leg::kDone) leg = Leg::kServe;
    tells = tells || leg == Leg::kTaken;
  }
  if (!tells) BecomeIdle(state, w);
}

void ExpandWorker(Moves& moves, int w) {
  const Worker& worker = moves.from().workers[static_cast<std::size_t>(w)];
  if (worker.at == At::kIdle) return;
  State killed = moves.from();
  Kill(killed, w);
  moves.Add(killed, {.action = Action::kCrashes, .worker = Name(w), .item = worker.item, .fault = true});
  if (worker.leased) {
    State lost = moves.from();
    LoseLease(lost, w);
    moves.Add(lost, {.action = Action::kLosesLease, .worker = Name(w), .item = worker.item, .fault = true});
  }
  if (worker.at == At::kServing) {
    ExpandServing(moves, w);
  } else {
    ExpandLooking(moves, w);
  }
}

}  // namespace goniec::model::shelf
