// nats-server as the protocol meets it: a single one, which syncs what it stores but forgets, when it is
// killed, its last deliveries and the ids of what is no longer stored.
#include <algorithm>

#include "tests/model/moves.h"

namespace goniec::model {
namespace {

bool IsReferred(const State& state, int item) {
  for (const Worker& worker : state.workers) {
    if (worker.at != At::kIdle && worker.item == item) return true;
  }
  return (state.late == Late::kAck || state.late == Late::kGiveBack) && state.late_about == item;
}

// Where the next message of this content goes: behind what is stored, and not where somebody still refers to
// an earlier one. kNoItem if there is no room.
int PlaceFor(const State& state, int generation) {
  const int first = FirstOf(generation);
  if (!IsStored(state, first) && !IsStored(state, first + 1) && !IsReferred(state, first)) return first;
  if (!IsStored(state, first + 1) && !IsReferred(state, first + 1)) return first + 1;
  return kNoItem;
}

void Deliver(Moves& moves, int item, int w) {
  const State& from = moves.from();
  const Item& stored = from.items[static_cast<std::size_t>(item)];
  if (stored.place != Place::kAvailable || from.workers[static_cast<std::size_t>(w)].at != At::kIdle) return;
  State next = from;
  Item& given = next.items[static_cast<std::size_t>(item)];
  given.counted = 1;
  if (moves.Has(Rule::kPutBackAfterRestart) && stored.left_alone) {
    given.place = Place::kParked;
    return moves.Add(next, Action::kPutBack, static_cast<std::uint8_t>(w), static_cast<std::uint8_t>(item));
  }
  given.place = Place::kPending;
  Worker& worker = next.workers[static_cast<std::size_t>(w)];
  worker = {};
  worker.at = At::kInbox;
  worker.item = static_cast<std::uint8_t>(item);
  worker.after_end = from.ends > 0;
  worker.resend = stored.marked;
  worker.must_look = (GenerationOf(item) > 0 && moves.Has(Rule::kCopyLooks)) ||
                     (stored.counted && moves.Has(Rule::kRedeliveredLooks)) ||
                     (stored.marked && moves.Has(Rule::kResendLooks)) ||
                     (stored.before_start && moves.Has(Rule::kLookAfterRestart)) ||
                     (stored.before_reset && moves.Has(Rule::kLookAfterReset));
  moves.Add(next, Action::kDelivered, static_cast<std::uint8_t>(w), static_cast<std::uint8_t>(item));
}

// Whether the time of the delivery may be over, seen from those who have the item: a lease that can still be
// renewed, or that began after the delivery, is shorter than it.
bool AckWaitMayEnd(const Moves& moves, int item) {
  for (const Worker& worker : moves.from().workers) {
    if (worker.at == At::kIdle || worker.item != item) continue;
    if (worker.at == At::kInbox) return false;
    // Its signs of work do not reach those who count.
    if (worker.fooled && !moves.Has(Rule::kLeaseNeedsMajority)) continue;
    const bool silent = !worker.connected || !worker.renewing;
    if (worker.leased && (moves.Has(Rule::kLeaseShorterThanAckWait) || !silent)) return false;
  }
  return true;
}

void ExpandItem(Moves& moves, int item) {
  State next = moves.from();
  Item& stored = next.items[static_cast<std::size_t>(item)];
  switch (stored.place) {
    case Place::kAbsent:
      return;
    case Place::kAvailable:
      for (int w = 0; w < kWorkers; ++w) Deliver(moves, item, w);
      return;
    case Place::kPending:
      if (!AckWaitMayEnd(moves, item)) return;
      stored.place = Place::kAvailable;
      if (next.minute == 0 && moves.options().reader) next.minute = 1;
      return moves.Add(next, Action::kAckWaitEnds, kNobody, static_cast<std::uint8_t>(item));
    case Place::kParked:
      if (stored.left_alone) return;
      stored.place = Place::kAvailable;
      return moves.Add(next, Action::kPutBackEnds, kNobody, static_cast<std::uint8_t>(item));
  }
}

void ExpandSchedule(Moves& moves, int generation) {
  State next = moves.from();
  auto& waiting = next.waiting[static_cast<std::size_t>(generation - 1)];
  if (!waiting) return;
  const int item = PlaceFor(next, generation);
  if (item == kNoItem) return;
  next.items[static_cast<std::size_t>(item)] = {.place = Place::kAvailable};
  moves.AddFault(next, Action::kScheduleFiresAndStays, kNobody, static_cast<std::uint8_t>(item));
  waiting = 0;
  moves.Add(next, Action::kScheduleFires, kNobody, static_cast<std::uint8_t>(item));
}

// Ids are remembered for what is stored; firing strips the id.
void ForgetIds(State& state) {
  state.record_known = IsStored(state, 0) || IsStored(state, 1);
  state.copy_known = state.waiting;
}

// The connections end and are made anew; both news stop the renewing of what is in hand. What lay in an inbox
// is lost, or taken between the two.
void Reconnect(const Moves& moves, State& state, unsigned takes) {
  for (int w = 0; w < kWorkers; ++w) {
    Worker& worker = state.workers[static_cast<std::size_t>(w)];
    if (worker.at == At::kIdle) continue;
    if (worker.at == At::kInbox && (takes >> w & 1) != 0) TakeUp(state, w);
    if (worker.at == At::kInbox || worker.at == At::kInboxFrozen) {
      BecomeIdle(state, w);
    } else if (moves.Has(Rule::kLeaseEndsWithConnection)) {
      worker.renewing = 0;
    }
  }
}

// Every subset of the deliveries may be forgotten, and with one its count.
void RestartWith(Moves& moves, unsigned takes) {
  State killed = moves.from();
  Reconnect(moves, killed, takes);
  killed.late = Late::kNothing;
  killed.late_about = 0;
  ForgetIds(killed);
  std::vector<int> pending;
  for (int item = 0; item < kItems; ++item) {
    Item& stored = killed.items[static_cast<std::size_t>(item)];
    if (stored.place == Place::kAbsent) continue;
    // While it is left alone nobody takes it: another start changes nothing.
    if (!stored.before_start || moves.Has(Rule::kFreeIsPutBackAnew)) stored.left_alone = 1;
    stored.before_start = 1;
    if (stored.place != Place::kAvailable) pending.push_back(item);
  }
  for (unsigned forgotten = 0; forgotten < 1U << pending.size(); ++forgotten) {
    State next = killed;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      if ((forgotten >> i & 1) == 0) continue;
      Item& stored = next.items[static_cast<std::size_t>(pending[i])];
      stored.place = Place::kAvailable;
      stored.counted = 0;
    }
    moves.AddFault(next, Action::kServerRestarts);
  }
}

void Restart(Moves& moves) {
  if (moves.options().cluster) return;
  unsigned inboxes = 0;
  for (unsigned w = 0; w < kWorkers; ++w) {
    if (moves.from().workers[w].at == At::kInbox) inboxes |= 1U << w;
  }
  for (unsigned takes = 0; takes < 1U << kWorkers; ++takes) {
    if ((takes & ~inboxes) == 0) RestartWith(moves, takes);
  }
}

// Its time runs from the start that came first since somebody may have got it, whatever starts come later. No
// lease from before that outlives it: none can be renewed.
void Settle(Moves& moves, int item) {
  State next = moves.from();
  Item& stored = next.items[static_cast<std::size_t>(item)];
  if (stored.place == Place::kAbsent || !stored.left_alone) return;
  for (const Worker& worker : next.workers) {
    if (worker.at != At::kIdle && worker.item == item && worker.leased && !worker.renewing) return;
  }
  stored.left_alone = 0;
  moves.Add(next, Action::kSettled, kNobody, static_cast<std::uint8_t>(item));
}

// All who are connected hear of it and renew no lease that they have.
void Announce(Moves& moves, Resetting consumer) {
  State next = moves.from();
  next.resetting = consumer;
  for (Worker& worker : next.workers) {
    if (worker.at != At::kIdle && worker.connected && IsOf(consumer, worker.item)) worker.renewing = 0;
  }
  moves.AddFault(next, Action::kResetAnnounced);
}

State AfterReset(State state, Resetting consumer) {
  for (int item = 0; item < kItems; ++item) {
    Item& stored = state.items[static_cast<std::size_t>(item)];
    if (stored.place == Place::kAbsent || !IsOf(consumer, item)) continue;
    stored.place = Place::kAvailable;
    stored.counted = 0;
    stored.before_reset = 1;
  }
  state.resetting = Resetting::kNone;
  return state;
}

// Whether the time between notice and reset may be over: it is longer than a lease that nobody renews, and
// than a delivery takes to a worker that runs.
bool RestMayEnd(const State& state) {
  return std::none_of(state.workers.begin(), state.workers.end(), [&](const Worker& worker) {
    if (worker.at == At::kIdle || !IsOf(state.resetting, worker.item)) return false;
    return worker.at == At::kInbox || (worker.leased && (!worker.renewing || !worker.connected));
  });
}

void ResetConsumers(Moves& moves) {
  if (!moves.options().resets) return;
  const State& from = moves.from();
  if (from.resetting != Resetting::kNone) {
    State calm = from;
    calm.resetting = Resetting::kNone;
    moves.Add(calm, Action::kRestEnds);
    if (RestMayEnd(from)) moves.Add(AfterReset(from, from.resetting), Action::kConsumerReset);
    return;
  }
  for (const Resetting consumer : {Resetting::kReady, Resetting::kDue}) {
    if (moves.Has(Rule::kResetIsAnnounced)) {
      Announce(moves, consumer);
    } else {
      moves.AddFault(AfterReset(from, consumer), Action::kConsumerReset);
    }
  }
}

void LateArrives(Moves& moves) {
  State next = moves.from();
  const int about = next.late_about;
  next.late = Late::kNothing;
  next.late_about = 0;
  switch (moves.from().late) {
    case Late::kNothing:
      return;
    case Late::kRecord:
    case Late::kMarkedRecord:
      if (!StoreRecord(moves.options(), next, moves.from().late == Late::kMarkedRecord)) return;
      break;
    case Late::kEnd:
      StoreEnd(moves.options(), next, false);
      break;
    case Late::kMove:
      StoreMove(next, about, false);
      break;
    case Late::kCopy:
      StoreCopy(next, about);
      break;
    case Late::kAck:
      Acknowledge(next, about);
      break;
    case Late::kGiveBack:
      GiveBack(next, about);
      break;
  }
  moves.Add(next, Action::kLateArrives);
}

}  // namespace

bool StoreRecord(const Options& options, State& state, bool marked) {
  if (state.record_known && options.rules.Has(Rule::kSameMessageId)) return true;
  const int item = PlaceFor(state, 0);
  if (item == kNoItem) return false;
  state.items[static_cast<std::size_t>(item)] = {.place = Place::kAvailable, .marked = marked};
  state.record_known = 1;
  return true;
}

// A second copy under the subject would replace the first.
void StoreCopy(State& state, int generation) {
  const auto at = static_cast<std::size_t>(generation - 1);
  if (state.copy_known[at]) return;
  state.waiting[at] = 1;
  state.copy_known[at] = 1;
}

void StoreMove(State& state, int generation, bool late_subject) {
  if (state.generation < generation) state.generation = static_cast<std::uint8_t>(generation);
  (late_subject ? state.late_events : state.early_events) = 1;
}

void StoreEnd(const Options& options, State& state, bool late_subject) {
  if (!options.reader) {
    state.ends = 1;
    return;
  }
  (late_subject ? state.late_events : state.early_events) = 1;
  if (state.ends >= 2) return;
  state.end_is_late[state.ends] = late_subject;
  ++state.ends;
}

// Whoever sends it, and however late.
void Acknowledge(State& state, int item) {
  state.items[static_cast<std::size_t>(item)] = {};
}

// The server asks only whether somebody has it, not who.
void GiveBack(State& state, int item) {
  Item& stored = state.items[static_cast<std::size_t>(item)];
  if (stored.place == Place::kPending || stored.place == Place::kParked) stored.place = Place::kAvailable;
}

void ExpandBroker(Moves& moves) {
  for (int item = 0; item < kItems; ++item) ExpandItem(moves, item);
  for (int generation = 1; generation <= kMaxGeneration; ++generation) ExpandSchedule(moves, generation);
  for (int item = 0; item < kItems; ++item) Settle(moves, item);
  ResetConsumers(moves);
  LateArrives(moves);
  Restart(moves);
  State next = moves.from();
  if (moves.options().window_ends && (next.record_known || next.copy_known[0] || next.copy_known[1])) {
    next.record_known = 0;
    next.copy_known = {};
    moves.AddFault(next, Action::kWindowEnds);
  }
  next = moves.from();
  if (moves.options().reader && next.minute < 2) {
    ++next.minute;
    moves.Add(next, Action::kMinuteGoesBy);
  }
}

}  // namespace goniec::model
