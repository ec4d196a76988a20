// A worker that looks: each of its reads is a step. First what is due before its record, then mail by mail
// the events and, if they name a younger record, where that one is.
#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {
namespace {

class Looking {
 public:
  Looking(Moves& moves, int w)
      : moves_(moves), w_(w), next_(moves.from()), worker_(next_.workers[static_cast<std::size_t>(w)]) {}

  void Expand() {
    if (!worker_.leased) return Return();
    switch (worker_.at) {
      case At::kShadowCopies:
        ReadShadow(false);
        return Go(At::kShadowReleased, Action::kReadsEarlierCopies);
      case At::kShadowReleased:
        ReadShadow(true);
        return Go(worker_.left != 0 ? At::kEvents : At::kServing, Action::kReadsEarlierReleased);
      case At::kEvents:
        for (int m = 0; m < kMails; ++m) {
          if ((worker_.left & MaskOf(m)) != 0) ReadEvents(m);
        }
        return;
      case At::kWait:
        return Read(Action::kReadsWaiting, IsWaiting(), At::kDueCopies);
      case At::kDueCopies:
        return Read(Action::kReadsDue, IsDue(false), ShelfFirst() ? AtShelf() : At::kReleased);
      case At::kHeld:
        return Read(Action::kReadsShelf, IsOnShelf(), ShelfFirst() ? At::kReleased : At::kEventsAgain);
      case At::kReleased:
        return Read(Action::kReadsReleased, IsDue(true), ShelfFirst() ? At::kEventsAgain : AtShelf());
      case At::kEventsAgain:
        if (!MustFinish()) return Decide(Leg::kDone, Action::kReadsEventsAgain);
        return Go(At::kFinishMove, Action::kReadsEventsAgain);
      case At::kFinishMove:
        return FinishMove();
      default:
        return;
    }
  }

 private:
  void Add(const State& state, Action action, bool fault = false) {
    moves_.Add(state, {.action = action, .worker = Name(w_), .item = worker_.item, .fault = fault});
  }
  void Go(At at, Action action) {
    worker_.at = at;
    Add(next_, action);
  }
  void Return() {
    BecomeIdle(next_, w_);
    Add(next_, Action::kLetsReturn);
  }
  // What becomes of the mail that it looks at.
  void Decide(Leg leg, Action action) {
    worker_.legs[worker_.mail] = leg;
    worker_.left = Name(worker_.left & ~MaskOf(worker_.mail));
    worker_.mail = 0;
    Go(worker_.left != 0 ? At::kEvents : At::kServing, action);
  }
  void Read(Action action, bool found, At otherwise) {
    // What the events say in the second reading is of no consequence then.
    if (found) return Decide(Leg::kDone, action);
    Go(otherwise, action);
  }

  [[nodiscard]] bool ShelfFirst() const { return moves_.Has(Rule::kShelfIsReadFirst); }
  [[nodiscard]] At AtShelf() const {
    if (moves_.Has(Rule::kLookReadsShelf)) return At::kHeld;
    return ShelfFirst() ? At::kReleased : At::kEventsAgain;
  }

  [[nodiscard]] bool Minds(bool released) const {
    const bool own = next_.items[worker_.item].released != 0;
    if (!own && !released) return true;
    if (!own) return moves_.Has(Rule::kCopyMindsReleased);
    return moves_.Has(released ? Rule::kReleasedMindsReleased : Rule::kReleasedMindsCopies);
  }
  void ReadShadow(bool released) {
    if (!Minds(released)) return;
    for (int i = 1; i < worker_.item; ++i) {
      const Item& earlier = next_.items[static_cast<std::size_t>(i)];
      if (!IsStored(earlier) || earlier.released != (released ? 1 : 0) ||
          earlier.generation != worker_.generation)
        continue;
      if ((earlier.mails & worker_.left) == 0) continue;
      worker_.left = moves_.Has(Rule::kShadowGoesByMail) ? Name(worker_.left & ~earlier.mails) : Name(0);
    }
  }

  void ReadEvents(int m) {
    const State before = next_;
    const Mail& mail = next_.mails[static_cast<std::size_t>(m)];
    worker_.mail = Name(m);
    if (mail.ended) {
      Decide(Leg::kDone, Action::kReadsEvents);
    } else if (mail.generation <= worker_.generation) {
      Decide(Leg::kServe, Action::kReadsEvents);
    } else if (!moves_.Has(Rule::kLookFinishesMove)) {
      Decide(Leg::kDone, Action::kReadsEvents);
    } else {
      Go(At::kWait, Action::kReadsEvents);
    }
    next_ = before;
  }

  [[nodiscard]] bool IsWaiting() const {
    for (int g = worker_.generation + 1; g <= kMaxGeneration; ++g) {
      if (next_.mails[worker_.mail].waits[static_cast<std::size_t>(g - 1)]) return true;
    }
    return false;
  }
  [[nodiscard]] bool IsDue(bool released) const {
    for (int i = 1; i < kItems; ++i) {
      const Item& item = next_.items[static_cast<std::size_t>(i)];
      if (!IsStored(item) || item.released != (released ? 1 : 0) || item.generation <= worker_.generation)
        continue;
      if ((item.mails & MaskOf(worker_.mail)) != 0) return true;
    }
    return false;
  }
  [[nodiscard]] bool IsOnShelf() const {
    for (const Shelved& shelved : next_.shelf) {
      if (!shelved.on_shelf || shelved.generation <= worker_.generation) continue;
      if ((shelved.mails & MaskOf(worker_.mail)) != 0) return true;
    }
    return false;
  }

  // Only the move out of this very record is ours to finish.
  [[nodiscard]] bool MustFinish() const {
    const Mail& mail = next_.mails[worker_.mail];
    return !mail.ended && mail.generation == worker_.generation + 1;
  }

  void FinishMove() {
    const int generation = worker_.generation + 1;
    if (moves_.MayBeLate()) {
      State late = next_;
      late.late = Late::kCopy;
      late.late_mails = MaskOf(worker_.mail);
      late.late_generation = Name(generation);
      LoseLease(late, w_);
      Add(late, Action::kStalls, true);
    }
    StoreCopy(next_, worker_.mail, generation);
    Decide(Leg::kDone, Action::kFinishesMove);
  }

  Moves& moves_;
  const int w_;
  State next_;
  Worker& worker_;
};

}  // namespace

void ExpandLooking(Moves& moves, int w) {
  Looking(moves, w).Expand();
}

}  // namespace goniec::model::shelf
