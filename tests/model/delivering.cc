// A worker and its peer: the connection, the final dot, the reply. None of it needs the broker.
#include <utility>

#include "tests/model/moves.h"

namespace goniec::model {
namespace {

class Delivering {
 public:
  Delivering(Moves& moves, int w)
      : moves_(moves),
        w_(w),
        next_(moves.from()),
        worker_(next_.workers[static_cast<std::size_t>(w)]),
        may_move_(GenerationOf(worker_.item) < moves.options().generations) {}

  void Expand() {
    switch (worker_.at) {
      case At::kConnect:
        Go(At::kReturn, Action::kHandsBack);
        Refused();
        return Go(At::kBeforeDot, Action::kConnects);
      case At::kBeforeDot:
        if (worker_.leased || !moves_.Has(Rule::kDotOnlyLeased)) return Go(At::kDotSent, Action::kStartsDot);
        return Go(At::kReturn, Action::kForfeits);
      case At::kDotSent:
        Refused();
        return Taken();
      case At::kTaken:
        return Replied();
      default:
        return;
    }
  }

 private:
  void Go(At at, Action action) {
    const Worker before = worker_;
    worker_.at = at;
    moves_.Add(next_, action, static_cast<std::uint8_t>(w_), worker_.item);
    worker_ = before;
  }

  [[nodiscard]] At FirstToSettle(Outcome outcome) const {
    if (!moves_.Has(Rule::kEventBeforeAck)) return At::kAck;
    return outcome == Outcome::kMoved && !moves_.Has(Rule::kEventBeforeCopy) ? At::kStoreCopy
                                                                             : At::kStoreEvent;
  }

  void Settle(Outcome outcome, Action action) {
    const std::uint8_t excused = std::exchange(worker_.excused, 0);
    worker_.outcome = outcome;
    Go(FirstToSettle(outcome), action);
    worker_.outcome = Outcome::kNone;
    worker_.excused = excused;
  }

  // The last attempt's temporary failure is an end: expired.
  void Refused() {
    Settle(Outcome::kEnded, Action::kPeerRefuses);
    if (may_move_) Settle(Outcome::kMoved, Action::kPeerDefers);
  }

  void Taken() {
    if (!worker_.excused && next_.not_delivered) next_.violation = Violation::kEndedByOther;
    if ((next_.taken && !worker_.excused) || worker_.after_end) next_.violation = Violation::kDuplicate;
    if (!worker_.excused) {
      next_.taken = 1;
      next_.taker = static_cast<std::uint8_t>(w_ + 1);
    }
    worker_.excused = 0;
    Go(At::kTaken, Action::kPeerTakes);
  }

  void Replied() {
    Settle(Outcome::kDelivered, Action::kReply);
    Excuse(next_, w_);
    worker_.outcome = may_move_ ? Outcome::kMoved : Outcome::kEnded;
    worker_.at = FirstToSettle(worker_.outcome);
    moves_.AddFault(next_, Action::kReplyLost, static_cast<std::uint8_t>(w_), worker_.item);
  }

  Moves& moves_;
  const int w_;
  State next_;
  Worker& worker_;
  const bool may_move_;
};

}  // namespace

void ExpandDelivery(Moves& moves, int w) {
  Delivering(moves, w).Expand();
}

}  // namespace goniec::model
