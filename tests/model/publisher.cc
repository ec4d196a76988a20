// The publisher of one record, from its forming to the sender's answer.
#include "tests/model/moves.h"

namespace goniec::model {
namespace {

void Send(Moves& moves, bool first) {
  const bool stale = moves.from().publisher == Publisher::kFrozenForming ||
                     moves.from().publisher == Publisher::kFrozenUnanswered;
  const bool marked = !first && moves.Has(Rule::kResendIsMarked);
  const Publisher unanswered =
      moves.Has(Rule::kYesAfterStored) ? Publisher::kUnanswered : Publisher::kSaidYes;

  State stored = moves.from();
  const bool known = stored.record_known != 0;
  if (StoreRecord(moves.options(), stored, marked)) {
    // The sender has long sent the mail anew.
    if (stale && !known) stored.violation = Violation::kStaleRecord;
    State answered = stored;
    answered.publisher = Publisher::kSaidYes;
    moves.Add(answered, Action::kRecordAnswered);
    stored.publisher = unanswered;
    moves.AddFault(stored, Action::kRecordAnswerLost);
  }
  State lost = moves.from();
  lost.publisher = unanswered;
  moves.AddFault(lost, Action::kRecordLost);
  if (moves.MayBeLate() && !(first && moves.options().window_ends)) {
    lost.late = marked ? Late::kMarkedRecord : Late::kRecord;
    moves.AddFault(lost, Action::kRecordStalls);
  }
}

}  // namespace

void ExpandPublisher(Moves& moves) {
  State next = moves.from();
  switch (next.publisher) {
    case Publisher::kForming:
      Send(moves, true);
      next.publisher = Publisher::kFrozenForming;
      return moves.AddFault(next, Action::kPublisherFreezes);
    case Publisher::kUnanswered:
      Send(moves, false);
      next.publisher = Publisher::kGaveUp;
      moves.Add(next, Action::kPublisherGivesUp);
      next.publisher = Publisher::kFrozenUnanswered;
      return moves.AddFault(next, Action::kPublisherFreezes);
    case Publisher::kFrozenForming:
    case Publisher::kFrozenUnanswered:
      if (!moves.Has(Rule::kNothingStale)) Send(moves, next.publisher == Publisher::kFrozenForming);
      next.publisher = Publisher::kGaveUp;
      return moves.Add(next, Action::kStaleRecordDropped);
    case Publisher::kSaidYes:
    case Publisher::kGaveUp:
      return;
  }
}

}  // namespace goniec::model
