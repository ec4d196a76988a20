// A worker that settles: event, copy, acknowledgement.
#include "tests/model/moves.h"

namespace goniec::model {
namespace {

class Settling {
 public:
  Settling(Moves& moves, int w)
      : moves_(moves),
        w_(w),
        next_(moves.from()),
        worker_(next_.workers[static_cast<std::size_t>(w)]),
        item_(worker_.item),
        moved_(worker_.outcome == Outcome::kMoved) {}

  void Expand() {
    switch (worker_.at) {
      case At::kStoreEvent:
        return StoreEvent();
      case At::kStoreCopy:
        return StoreCopies();
      case At::kAck:
        return Ack();
      case At::kReturn:
        return Return();
      default:
        return;
    }
  }

 private:
  void Add(const State& state, Action action) {
    moves_.Add(state, action, static_cast<std::uint8_t>(w_), item_);
  }
  void AddFault(const State& state, Action action) {
    moves_.AddFault(state, action, static_cast<std::uint8_t>(w_), item_);
  }
  [[nodiscard]] int Next() const { return GenerationOf(item_) + 1; }

  // What comes after the step that the worker is at; kIdle if that was the last.
  [[nodiscard]] At After(At at) const {
    const bool ack_first = !moves_.Has(Rule::kEventBeforeAck);
    const bool ack_early = !moves_.Has(Rule::kCopyBeforeAck);
    const bool copy_first = !moves_.Has(Rule::kEventBeforeCopy);
    switch (at) {
      case At::kStoreEvent:
        if (moved_ && !copy_first && !ack_early) return At::kStoreCopy;
        if (ack_first) return moved_ ? At::kStoreCopy : At::kIdle;
        return At::kAck;
      case At::kStoreCopy:
        if (copy_first) return At::kStoreEvent;
        return ack_first || ack_early ? At::kIdle : At::kAck;
      default:
        if (worker_.outcome == Outcome::kNone) return At::kIdle;
        if (ack_first) return At::kStoreEvent;
        return ack_early && moved_ ? At::kStoreCopy : At::kIdle;
    }
  }

  [[nodiscard]] State Gone(State state) const {
    Worker& worker = state.workers[static_cast<std::size_t>(w_)];
    const At next = After(worker.at);
    if (worker.at == At::kStoreEvent && state.taker == w_ + 1) state.taker = 0;
    if (next == At::kIdle) {
      BecomeIdle(state, w_);
      return state;
    }
    if (worker.at == At::kStoreEvent) worker.event_stored = 0;
    worker.at = next;
    return state;
  }

  [[nodiscard]] bool MustBeLeased() const {
    if (moved_) return moves_.Has(Rule::kMoveOnlyLeased);
    return worker_.outcome == Outcome::kEnded && moves_.Has(Rule::kUnleasedTellsOnlyDelivered);
  }

  // Before and after the minute all agree; about it, it depends on the worker's clock.
  void StoreEvent() {
    if (!worker_.leased && MustBeLeased()) {
      worker_.at = At::kReturn;
      worker_.outcome = Outcome::kNone;
      return Add(next_, Action::kEventDropped);
    }
    if (!worker_.connected) return Stall(moved_ ? Late::kMove : Late::kEnd, Next(), Action::kEventStalls);
    if (next_.minute <= 1) StoreEventOn(false);
    if (next_.minute >= 1) StoreEventOn(true);
    if (!moves_.Has(Rule::kRepeatUntilAnswered)) AddFault(Gone(next_), Action::kEventLost);
  }

  void StoreEventOn(bool late_subject) {
    State stored = next_;
    if (!worker_.event_stored) {
      if (moved_) {
        StoreMove(stored, Next(), late_subject);
      } else {
        const bool not_delivered = worker_.outcome == Outcome::kEnded;
        if (not_delivered && stored.ends == 0 && moves_.options().only_holder_ends) {
          if (stored.taken) stored.violation = Violation::kEndedByOther;
          stored.not_delivered = 1;
        }
        StoreEnd(moves_.options(), stored, late_subject);
      }
    }
    Add(Gone(stored), Action::kEventStored);
    if (stored.taker == w_ + 1) stored.taker = 0;
    stored.workers[static_cast<std::size_t>(w_)].event_stored = 1;
    AddFault(stored, Action::kEventAnswerLost);
  }

  void StoreCopies() {
    if (!worker_.leased && moves_.Has(Rule::kCopyOnlyLeased)) {
      worker_.at = At::kReturn;
      worker_.outcome = Outcome::kNone;
      return Add(next_, Action::kCopyDropped);
    }
    if (!worker_.connected) return Stall(Late::kCopy, Next(), Action::kCopyStalls);
    if (!moves_.Has(Rule::kRepeatUntilAnswered)) AddFault(Gone(next_), Action::kCopyLost);
    State stored = next_;
    StoreCopy(stored, Next());
    Add(Gone(stored), Action::kCopyStored);
    AddFault(stored, Action::kCopyAnswerLost);
  }

  void Ack() {
    if (worker_.connected) {
      State acked = next_;
      Acknowledge(acked, item_);
      Add(Gone(acked), Action::kAcks);
      // Of a delivery that it has forgotten.
      if (next_.items[item_].place == Place::kAvailable) Add(Gone(next_), Action::kAckIgnored);
      return AddFault(Gone(next_), Action::kAckLost);
    }
    State gone = Gone(next_);
    Add(gone, Action::kAckLost);
    if (!moves_.MayBeLate()) return;
    gone.late = Late::kAck;
    gone.late_about = item_;
    Add(gone, Action::kAckStalls);
  }

  void Return() {
    if (!moves_.Has(Rule::kReturnedIsNotAcked)) {
      worker_.at = At::kAck;
      worker_.outcome = Outcome::kNone;
      return Ack();
    }
    State gone = next_;
    BecomeIdle(gone, w_);
    if (!worker_.leased) return Add(gone, Action::kLetsReturn);
    if (worker_.connected) {
      AddFault(gone, Action::kGiveBackLost);
      GiveBack(gone, item_);
      return Add(gone, Action::kGivesBack);
    }
    if (moves_.Has(Rule::kUnansweredGivesNothingBack)) return Add(gone, Action::kLetsReturn);
    Add(gone, Action::kGiveBackLost);
    if (!moves_.MayBeLate()) return;
    gone.late = Late::kGiveBack;
    gone.late_about = item_;
    Add(gone, Action::kGiveBackStalls);
  }

  void Stall(Late late, int about, Action action) {
    if (!moves_.MayBeLate()) return;
    next_.late = late;
    next_.late_about = static_cast<std::uint8_t>(about);
    Add(next_, action);
  }

  Moves& moves_;
  const int w_;
  State next_;
  Worker& worker_;
  const std::uint8_t item_;
  const bool moved_;
};

}  // namespace

void ExpandSettling(Moves& moves, int w) {
  Settling(moves, w).Expand();
}

}  // namespace goniec::model
