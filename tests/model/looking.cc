// A worker that looks: each of its reads is a step.
#include "tests/model/moves.h"

namespace goniec::model {
namespace {

class Looking {
 public:
  Looking(Moves& moves, int w)
      : moves_(moves),
        name_(static_cast<std::uint8_t>(w)),
        next_(moves.from()),
        worker_(next_.workers[static_cast<std::size_t>(w)]),
        generation_(GenerationOf(worker_.item)) {}

  void Expand() {
    if (worker_.at == At::kFinishMove) return FinishMove();
    if (!worker_.connected) return Go(At::kReturn, Action::kLookFails);
    switch (worker_.at) {
      case At::kShadow:
        return LookForEarlier();
      case At::kEvents:
        return ReadEvents();
      case At::kCopiesWait:
        worker_.found = IsYoungerWaiting();
        return Go(At::kCopiesDue, Action::kReadsWaiting);
      case At::kCopiesDue:
        return ReadDue();
      case At::kEventsAgain:
        return Go(MustFinish() ? At::kFinishMove : At::kAck, Action::kReadsEventsAgain);
      default:
        return;
    }
  }

 private:
  void Go(At at, Action action) {
    worker_.at = at;
    if (at != At::kCopiesWait && at != At::kCopiesDue) {
      worker_.found = 0;
      worker_.next_announced = 0;
    }
    moves_.Add(next_, action, name_, worker_.item);
  }

  void LookForEarlier() {
    const Rule rule = generation_ == 0 ? Rule::kEarlierRecordActs : Rule::kLowestTwinActs;
    if (moves_.Has(rule) && IsSecond(worker_.item) && IsStored(next_, worker_.item - 1)) {
      return Go(At::kAck, Action::kFindsEarlier);
    }
    Go(At::kEvents, Action::kFindsNoEarlier);
  }

  void ReadEvents() {
    if (next_.ends > 0) {
      return Go(moves_.Has(Rule::kLookSkipsEnded) ? At::kAck : At::kConnect, Action::kReadsEvents);
    }
    if (next_.generation <= generation_ || !moves_.Has(Rule::kLookSkipsMoved)) {
      return Go(At::kConnect, Action::kReadsEvents);
    }
    if (!moves_.Has(Rule::kLookFinishesMove)) return Go(At::kAck, Action::kReadsEvents);
    worker_.next_announced = next_.generation == generation_ + 1;
    Go(At::kCopiesWait, Action::kReadsEvents);
  }

  [[nodiscard]] bool IsYoungerWaiting() const {
    for (int g = generation_ + 1; g <= kMaxGeneration; ++g) {
      if (next_.waiting[static_cast<std::size_t>(g - 1)]) return true;
    }
    return false;
  }

  void ReadDue() {
    bool found = worker_.found != 0;
    for (int item = FirstOf(generation_ + 1); item < kItems; ++item) found = found || IsStored(next_, item);
    // What the events say in the second reading is of no consequence then.
    if (found) return Go(At::kAck, Action::kReadsDue);
    if (moves_.Has(Rule::kLookReadsEventsAgain)) return Go(At::kEventsAgain, Action::kReadsDue);
    Go(worker_.next_announced ? At::kFinishMove : At::kAck, Action::kReadsDue);
  }

  // Only the move out of this very record is ours to finish.
  [[nodiscard]] bool MustFinish() const { return next_.ends == 0 && next_.generation == generation_ + 1; }

  void FinishMove() {
    if (!worker_.leased && moves_.Has(Rule::kCopyOnlyLeased)) return Go(At::kReturn, Action::kCopyDropped);
    if (!worker_.connected) {
      if (!moves_.MayBeLate()) return;
      next_.late = Late::kCopy;
      next_.late_about = static_cast<std::uint8_t>(generation_ + 1);
      return moves_.Add(next_, Action::kCopyStalls, name_, worker_.item);
    }
    StoreCopy(next_, generation_ + 1);
    moves_.AddFault(next_, Action::kCopyAnswerLost, name_, worker_.item);
    Go(At::kAck, Action::kFinishesMove);
  }

  Moves& moves_;
  const std::uint8_t name_;
  State next_;
  Worker& worker_;
  const int generation_;
};

}  // namespace

void ExpandLooking(Moves& moves, int w) {
  Looking(moves, w).Expand();
}

}  // namespace goniec::model
