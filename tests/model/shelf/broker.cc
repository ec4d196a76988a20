// nats-server as shelves meet it, and the time that goes by.
#include <algorithm>
#include <utility>

#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {
namespace {

// False if there is no room.
bool AppendDue(State& state, Item item) {
  for (int i = 1; i < kItems; ++i) {
    Item& place = state.items[static_cast<std::size_t>(i)];
    if (place.mails != 0) continue;
    place = item;
    return true;
  }
  return false;
}

void Deliver(Moves& moves, int item, int w) {
  State next = moves.from();
  Item& stored = next.items[static_cast<std::size_t>(item)];
  Worker& worker = next.workers[static_cast<std::size_t>(w)];
  if (!IsStored(stored) || stored.pending || worker.at != At::kIdle) return;
  const bool must_look =
      stored.counted || (item > 0 && (!stored.released || moves.Has(Rule::kReleasedLooks)));
  stored.pending = 1;
  stored.counted = 1;
  worker = {.at = !must_look ? At::kServing
                  : item > 0 ? At::kShadowCopies
                             : At::kEvents,
            .item = Name(item),
            .generation = stored.generation,
            .leased = 1};
  for (int m = 0; m < kMails; ++m) {
    if ((stored.mails & MaskOf(m)) == 0) continue;
    if (next.mails[static_cast<std::size_t>(m)].ended) worker.after_end |= MaskOf(m);
    if (must_look) {
      worker.left |= MaskOf(m);
    } else {
      worker.legs[static_cast<std::size_t>(m)] = Leg::kServe;
    }
  }
  moves.Add(next, {.action = Action::kDelivered, .worker = Name(w), .item = Name(item)});
}

void ExpandItem(Moves& moves, int item) {
  State next = moves.from();
  Item& stored = next.items[static_cast<std::size_t>(item)];
  if (!IsStored(stored)) return;
  if (!stored.pending) {
    // All workers that are idle are alike.
    for (int w = 0; w < kWorkers; ++w) {
      if (next.workers[static_cast<std::size_t>(w)].at == At::kIdle) return Deliver(moves, item, w);
    }
    return;
  }
  for (const Worker& worker : next.workers) {
    if (worker.at != At::kIdle && worker.item == item && worker.leased) return;
  }
  stored.pending = 0;
  moves.Add(next, {.action = Action::kAckWaitEnds, .item = Name(item)});
}

void ExpandSchedule(Moves& moves, int m, int generation) {
  State next = moves.from();
  auto& waits = next.mails[static_cast<std::size_t>(m)].waits[static_cast<std::size_t>(generation - 1)];
  if (!waits) return;
  if (!AppendDue(next, {.mails = MaskOf(m), .generation = Name(generation)})) return;
  moves.Add(next, {.action = Action::kScheduleFiresAndStays, .fault = true});
  waits = 0;
  moves.Add(next, {.action = Action::kScheduleFires});
}

void LateArrives(Moves& moves) {
  State next = moves.from();
  if (next.late == Late::kNothing) return;
  const int about = std::exchange(next.late_mails, 0);
  const int generation = std::exchange(next.late_generation, 0);
  const Late late = std::exchange(next.late, Late::kNothing);
  moves.Add(next, {.action = Action::kLateNeverArrives});
  switch (late) {
    case Late::kNothing:
      return;
    case Late::kShelved:
      if (!PutOnShelf(moves.options(), next, Name(about), generation)) return;
      break;
    case Late::kCopy:
      StoreCopy(next, about == MaskOf(0) ? 0 : 1, generation);
      break;
    case Late::kRelease:
      if (!Release(next, about, false)) return;
      break;
    case Late::kTakeOff:
      TakeOff(next, about);
      break;
  }
  moves.Add(next, {.action = Action::kLateArrives});
}

void ForgetIds(Moves& moves) {
  State next = moves.from();
  for (Mail& mail : next.mails) mail.known = {};
  for (Shelved& shelved : next.shelf) shelved.known = shelved.released_known = 0;
  moves.Add(next, {.action = Action::kIdsForgotten, .fault = true});
}

// A move that has begun is over, one way or the other, long before five minutes have passed.
bool IsMovingToShelf(const State& state) {
  if (state.late == Late::kShelved) return true;
  return std::any_of(state.workers.begin(), state.workers.end(), [](const Worker& worker) {
    return std::any_of(worker.legs.begin(), worker.legs.end(),
                       [](Leg leg) { return leg == Leg::kHold || leg == Leg::kHoldCopy; });
  });
}

void TimePasses(Moves& moves) {
  State next = moves.from();
  if (!moves.options().expires) return;
  if (next.hour == Hour::kEarly) {
    next.hour = Hour::kNear;
    moves.Add(next, {.action = Action::kExpiryDrawsNear});
  } else if (next.hour == Hour::kNear && !(moves.Has(Rule::kNearExpiryWaits) && IsMovingToShelf(next))) {
    next.hour = Hour::kExpired;
    moves.Add(next, {.action = Action::kExpires});
  }
}

void ExpandMark(Moves& moves) {
  if (!moves.options().marks) return;
  State next = moves.from();
  if (next.mark_fresh) {
    next.mark_fresh = 0;
    moves.Add(next, {.action = Action::kMarkAges});
  }
  next = moves.from();
  const bool used = std::any_of(next.shelf.begin(), next.shelf.end(),
                                [](const Shelved& shelved) { return shelved.on_shelf != 0; });
  if (!used || next.mark || !moves.Has(Rule::kAuditMarks)) return;
  PutMark(next);
  moves.Add(next, {.action = Action::kAuditMarks});
}

void RemoveItem(State& state, int item) {
  state.items[static_cast<std::size_t>(item)] = {};
  if (item == 0) return;
  std::rotate(state.items.begin() + item, state.items.begin() + item + 1, state.items.end());
  for (Worker& worker : state.workers) {
    if (worker.at != At::kIdle && worker.item > item) --worker.item;
  }
}

// Positions beyond `position` move up by one.
void RemoveFromList(State& state, int position) {
  for (int i = position; i + 1 < kShelf; ++i) {
    state.shelf[static_cast<std::size_t>(i)] = state.shelf[static_cast<std::size_t>(i + 1)];
  }
  state.shelf[kShelf - 1] = {};
  const unsigned below = (1U << position) - 1;
  for (Keeper& keeper : state.keepers) {
    keeper.to_release =
        Name(static_cast<int>((keeper.to_release & below) | (keeper.to_release >> 1 & ~below)));
    if (keeper.up_to > position) --keeper.up_to;
  }
  if (state.late == Late::kRelease && state.late_mails > position) --state.late_mails;
  if (state.late == Late::kTakeOff && state.late_mails > position) --state.late_mails;
}

bool HasYetToShelve(const Worker& worker, const Shelved& shelved, bool all) {
  if (worker.generation + 1 != shelved.generation) return false;
  for (int m = 0; m < kMails; ++m) {
    if ((shelved.mails & MaskOf(m)) == 0) continue;
    const bool yet = worker.legs[static_cast<std::size_t>(m)] == Leg::kHoldCopy;
    if (yet != all) return yet;
  }
  return all;
}

// Whether its id still matters: somebody may put the same there once more.
bool MayBeStoredAgain(const State& state, const Shelved& shelved, bool id_says_what) {
  if (!shelved.known) return false;
  if (state.late == Late::kShelved && state.late_generation == shelved.generation) return true;
  const Shelved any{.mails = kBoth, .generation = shelved.generation};
  return std::any_of(state.workers.begin(), state.workers.end(), [&](const Worker& worker) {
    return id_says_what ? HasYetToShelve(worker, shelved, true) : HasYetToShelve(worker, any, false);
  });
}

}  // namespace

void Moves::Tidy(State& state) const {
  for (int i = kItems - 1; i >= 0; --i) {
    const bool in_hand = std::any_of(state.workers.begin(), state.workers.end(), [&](const Worker& worker) {
      return worker.at != At::kIdle && worker.item == i;
    });
    if (state.items[static_cast<std::size_t>(i)].gone && !in_hand) RemoveItem(state, i);
  }
  for (int i = kShelf - 1; i >= 0; --i) {
    const Shelved& shelved = state.shelf[static_cast<std::size_t>(i)];
    if (shelved.mails == 0 || shelved.on_shelf ||
        MayBeStoredAgain(state, shelved, Has(Rule::kMoveIdSaysWhat)))
      continue;
    const bool in_hand = std::any_of(state.keepers.begin(), state.keepers.end(),
                                     [&](const Keeper& keeper) { return (keeper.to_release >> i & 1) != 0; });
    if (in_hand || (state.late == Late::kRelease && state.late_mails == i)) continue;
    RemoveFromList(state, i);
  }
}

bool PutOnShelf(const Options& options, State& state, std::uint8_t mails, int generation) {
  for (const Shelved& shelved : state.shelf) {
    const bool same_id = shelved.generation == generation &&
                         (shelved.mails == mails || !options.rules.Has(Rule::kMoveIdSaysWhat));
    if (shelved.mails != 0 && shelved.known && same_id) return true;
  }
  for (Shelved& shelved : state.shelf) {
    if (shelved.mails != 0) continue;
    shelved = {.mails = mails, .generation = Name(generation), .on_shelf = 1, .known = 1};
    return true;
  }
  return false;
}

bool Release(State& state, int position, bool as_probe) {
  Shelved& shelved = state.shelf[static_cast<std::size_t>(position)];
  if (!as_probe && shelved.released_known) return true;
  if (!as_probe) shelved.released_known = 1;
  return AppendDue(state, {.mails = shelved.mails, .generation = shelved.generation, .released = 1});
}

void TakeOff(State& state, int up_to) {
  for (int i = 0; i < up_to; ++i) state.shelf[static_cast<std::size_t>(i)].on_shelf = 0;
}

// A second copy under the subject would replace the first.
void StoreCopy(State& state, int mail, int generation) {
  Mail& of = state.mails[static_cast<std::size_t>(mail)];
  const auto at = static_cast<std::size_t>(generation - 1);
  if (of.known[at]) return;
  of.waits[at] = 1;
  of.known[at] = 1;
}

// Its place in the order stays as long as somebody else has it in hand.
void Acknowledge(State& state, int item) {
  Item& gone = state.items[static_cast<std::size_t>(item)];
  gone = {.mails = gone.mails, .generation = gone.generation, .released = gone.released, .gone = 1};
}

void PutMark(State& state) {
  state.mark = 1;
  state.mark_fresh = 1;
  for (Keeper& keeper : state.keepers) keeper.current = 0;
}

void ExpandBroker(Moves& moves) {
  for (int item = 0; item < kItems; ++item) ExpandItem(moves, item);
  for (int m = 0; m < kMails; ++m) {
    for (int generation = 1; generation <= kMaxGeneration; ++generation) ExpandSchedule(moves, m, generation);
  }
  LateArrives(moves);
  ForgetIds(moves);
  TimePasses(moves);
  ExpandMark(moves);
}

}  // namespace goniec::model::shelf
