// A worker that serves the mails of a record: each goes its own way through peer, event and move, and the
// record is acknowledged once all are done. Mails that go to the shelf may go there together.
#include <algorithm>
#include <utility>

#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {
namespace {

class Serving {
 public:
  Serving(Moves& moves, int w)
      : moves_(moves),
        w_(w),
        next_(moves.from()),
        worker_(next_.workers[static_cast<std::size_t>(w)]),
        may_move_(worker_.generation < moves.options().generations) {}

  void Expand() {
    for (int m = 0; m < kMails; ++m) ExpandLeg(m);
    if (Any(Leg::kHoldCopy)) StoreOnShelf();
    if (worker_.owes_mark) SeeToMark();
    Finish();
  }

 private:
  void Add(const State& state, Action action, bool fault = false) {
    moves_.Add(state, {.action = action, .worker = Name(w_), .item = worker_.item, .fault = fault});
  }
  [[nodiscard]] bool Any(Leg leg) const {
    return std::find(worker_.legs.begin(), worker_.legs.end(), leg) != worker_.legs.end();
  }
  [[nodiscard]] static Worker& In(State& state, int w) { return state.workers[static_cast<std::size_t>(w)]; }

  void Go(int m, Leg leg, Action action) {
    State state = next_;
    In(state, w_).legs[static_cast<std::size_t>(m)] = leg;
    Add(state, action);
  }

  void ExpandLeg(int m) {
    switch (worker_.legs[static_cast<std::size_t>(m)]) {
      case Leg::kServe:
        return worker_.leased ? Serve(m) : void();
      case Leg::kTaken:
        return Tell(m);
      case Leg::kEnd:
      case Leg::kHold:
      case Leg::kDefer:
        return worker_.leased ? Tell(m) : void();
      case Leg::kDeferCopy:
        return worker_.leased ? StoreInWait(m) : void();
      case Leg::kDone:
      case Leg::kHoldCopy:
        return;
    }
  }

  void Serve(int m) {
    if (next_.hour == Hour::kExpired) return Go(m, Leg::kEnd, Action::kExpiresInHand);
    if (moves_.options().site_opens) Taken(m);
    if (!may_move_) return;
    const bool soon = next_.hour == Hour::kNear && moves_.Has(Rule::kNearExpiryWaits);
    const Leg held = moves_.Has(Rule::kEventBeforeShelf) ? Leg::kHold : Leg::kHoldCopy;
    Go(m, soon ? Leg::kDefer : held, Action::kSiteIsClosed);
    if (moves_.options().defers && !soon) Go(m, Leg::kDefer, Action::kPeerDefers);
  }

  void Taken(int m) {
    State state = next_;
    Mail& mail = state.mails[static_cast<std::size_t>(m)];
    if (mail.not_delivered) state.violation = Violation::kEndedByOther;
    if (mail.taken || (worker_.after_end & MaskOf(m)) != 0) state.violation = Violation::kDuplicate;
    mail.taken = 1;
    mail.taker = Name(w_ + 1);
    In(state, w_).legs[static_cast<std::size_t>(m)] = Leg::kTaken;
    Add(state, Action::kPeerTakes);
  }

  void Tell(int m) {
    State state = next_;
    Mail& mail = state.mails[static_cast<std::size_t>(m)];
    Leg& leg = In(state, w_).legs[static_cast<std::size_t>(m)];
    const int generation = worker_.generation + 1;
    if (leg == Leg::kTaken || leg == Leg::kEnd) {
      if (leg == Leg::kEnd && !mail.ended) {
        if (mail.taken) state.violation = Violation::kEndedByOther;
        mail.not_delivered = 1;
      }
      if (mail.taker == w_ + 1) mail.taker = 0;
      mail.ended = 1;
      leg = Leg::kDone;
    } else {
      if (mail.generation < generation) mail.generation = Name(generation);
      if (leg == Leg::kDefer) {
        leg = Leg::kDeferCopy;
      } else {
        leg = moves_.Has(Rule::kEventBeforeShelf) ? Leg::kHoldCopy : Leg::kDone;
      }
    }
    Add(state, Action::kEventStored);
  }

  void StoreInWait(int m) {
    const int generation = worker_.generation + 1;
    Stall(Late::kCopy, MaskOf(m));
    State state = next_;
    StoreCopy(state, m, generation);
    In(state, w_).legs[static_cast<std::size_t>(m)] = Leg::kDone;
    Add(state, Action::kCopyStored);
  }

  void SeeToMark() {
    State state = next_;
    Worker& worker = In(state, w_);
    if (state.mark_fresh) {
      worker.marked = Marked::kFresh;
      worker.owes_mark = 0;
      return Add(state, Action::kMarkKnown);
    }
    if (state.mark && !moves_.Has(Rule::kFreshSinceStored)) {
      State seen = state;
      In(seen, w_).marked = Marked::kSeen;
      In(seen, w_).owes_mark = 0;
      Add(seen, Action::kMarkKnown);
    }
    PutMark(state);
    worker.marked = Marked::kFresh;
    worker.owes_mark = 0;
    Add(state, Action::kMarkPut);
  }

  // One of them, or all that go there in one record.
  void StoreOnShelf() {
    if (!worker_.leased) return;
    const bool marks = moves_.options().marks;
    if (marks && moves_.Has(Rule::kMarkBeforeRecord) && worker_.marked == Marked::kNo) return SeeToMark();
    for (std::uint8_t mails = 1; mails <= kBoth; ++mails) {
      State state = next_;
      Worker& worker = In(state, w_);
      bool all = true;
      for (int m = 0; m < kMails; ++m) {
        if ((mails & MaskOf(m)) == 0) continue;
        Leg& leg = worker.legs[static_cast<std::size_t>(m)];
        all = all && leg == Leg::kHoldCopy;
        leg = moves_.Has(Rule::kEventBeforeShelf) ? Leg::kDone : Leg::kHold;
      }
      if (!all) continue;
      Stall(Late::kShelved, mails);
      if (!PutOnShelf(moves_.options(), state, mails, worker_.generation + 1)) continue;
      State unanswered = state;
      In(unanswered, w_).legs = worker_.legs;
      Add(unanswered, Action::kShelvedAnswerLost, true);
      worker.owes_mark = marks && !moves_.Has(Rule::kMarkBeforeRecord) && worker.marked == Marked::kNo;
      if (!Has(worker, Leg::kHoldCopy)) worker.marked = Marked::kNo;
      Add(state, Action::kShelved);
    }
  }
  [[nodiscard]] static bool Has(const Worker& worker, Leg leg) {
    return std::find(worker.legs.begin(), worker.legs.end(), leg) != worker.legs.end();
  }

  void Stall(Late late, std::uint8_t mails) {
    if (!moves_.MayBeLate()) return;
    State state = next_;
    state.late = late;
    state.late_mails = mails;
    state.late_generation = Name(worker_.generation + 1);
    LoseLease(state, w_);
    Add(state, Action::kStalls, true);
  }

  void Finish() {
    const bool all = std::all_of(worker_.legs.begin(), worker_.legs.end(), [&](Leg leg) {
      return leg == Leg::kDone || (leg == Leg::kHoldCopy && !moves_.Has(Rule::kShelfBeforeAck));
    });
    const bool some = Any(Leg::kDone) && worker_.item == 0;
    const bool enough = all || (some && !moves_.Has(Rule::kAllBeforeAck));
    if (enough && !worker_.owes_mark) return Ack(all && Any(Leg::kHoldCopy));
    if (worker_.leased || Any(Leg::kTaken)) return;
    BecomeIdle(next_, w_);
    Add(next_, Action::kLetsReturn);
  }

  void Ack(bool goes_on) {
    if (goes_on && next_.items[worker_.item].gone) return;
    State acked = next_;
    Acknowledge(acked, worker_.item);
    if (!goes_on) BecomeIdle(acked, w_);
    Add(acked, Action::kAcks);
    if (goes_on) return;
    State lost = next_;
    BecomeIdle(lost, w_);
    Add(lost, Action::kAckLost, true);
  }

  Moves& moves_;
  const int w_;
  State next_;
  Worker& worker_;
  const bool may_move_;
};

}  // namespace

void ExpandServing(Moves& moves, int w) {
  Serving(moves, w).Expand();
}

}  // namespace goniec::model::shelf
