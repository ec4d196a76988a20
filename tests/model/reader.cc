// GetMessage, asked again and again: each of its reads is a step. The order is MessageFinder::Find's.
#include "tests/model/moves.h"

namespace goniec::model {
namespace {

class Asking {
 public:
  explicit Asking(Moves& moves) : moves_(moves), next_(moves.from()), reader_(next_.reader) {}

  void Expand() {
    switch (reader_.at) {
      case Reading::kIdle:
        if (next_.publisher == Publisher::kSaidYes) Go(Reading::kEarly, Action::kAsks);
        return;
      case Reading::kEarly:
        ReadSubject(false);
        return Go(reader_.end > 0 ? AfterEarlyEnd() : Reading::kReady, Action::kReadsEarlyEvents);
      case Reading::kReady:
        return ReadReady();
      case Reading::kWait:
        for (const std::uint8_t waiting : next_.waiting) reader_.known |= waiting;
        return Go(Reading::kDue, Action::kReadsWaitingCopies);
      case Reading::kDue:
        for (int item = FirstOf(1); item < kItems; ++item) {
          if (IsStored(next_, item)) reader_.known = 1;
        }
        return Go(Events(), Action::kReadsDueCopies);
      case Reading::kEarlyAgain:
        ReadSubject(false);
        return Go(reader_.end > 0 ? AfterEarlyEnd() : LateEvents(), Action::kReadsEarlyEventsAgain);
      case Reading::kLate:
        return ReadLate();
      case Reading::kEarlyLast:
        ReadSubject(false);
        return Go(Reading::kAnswer, Action::kReadsEarlyEventsLast);
      case Reading::kAnswer:
        return Answer();
    }
  }

 private:
  void Go(Reading at, Action action) {
    reader_.at = at;
    moves_.Add(next_, action);
  }
  [[nodiscard]] Reading Events() const {
    return moves_.Has(Rule::kEventsAreReadAgain) ? Reading::kEarlyAgain : Reading::kAnswer;
  }
  [[nodiscard]] Reading LateEvents() const {
    return moves_.Has(Rule::kLateEventsAreRead) ? Reading::kLate : Reading::kAnswer;
  }
  // Of two ends the first counts: one that was found stands once the other subject has been read after it.
  [[nodiscard]] Reading AfterEarlyEnd() const {
    return moves_.Has(Rule::kEndsGoByStreamOrder) ? Reading::kLate : Reading::kAnswer;
  }

  // The reading of a subject ends at the first end of the recipient.
  void ReadSubject(bool late) {
    if (late ? next_.late_events : next_.early_events) reader_.known = 1;
    for (int i = 0; i < next_.ends; ++i) {
      if ((next_.end_is_late[static_cast<std::size_t>(i)] != 0) != late) continue;
      if (reader_.end == 0 || i + 1 < reader_.end) reader_.end = static_cast<std::uint8_t>(i + 1);
      return;
    }
  }
  void ReadLate() {
    const bool known = reader_.end > 0;
    ReadSubject(true);
    const bool found = !known && reader_.end > 0;
    Go(found && moves_.Has(Rule::kEndsGoByStreamOrder) ? Reading::kEarlyLast : Reading::kAnswer,
       Action::kReadsLateEvents);
  }

  // A young record in READY is the answer: no event of it can be late.
  void ReadReady() {
    const bool in_ready = IsStored(next_, 0) || IsStored(next_, 1);
    if (in_ready) reader_.known = 1;
    const bool enough = in_ready && next_.minute == 0;
    Go(enough ? Reading::kAnswer : in_ready ? Events() : Reading::kWait, Action::kReadsReady);
  }

  void Answer() {
    State answered = next_;
    Reader& reader = answered.reader;
    if (!reader.known) {
      answered.violation = Violation::kNotFound;
    } else if (reader.shown > 0 && reader.end == 0) {
      answered.violation = Violation::kBackFromEnd;
    } else if (reader.shown > 0 && reader.end != reader.shown) {
      answered.violation = Violation::kOtherEnd;
    }
    reader = {.shown = reader.end};
    moves_.Add(answered, Action::kReaderAnswers);
  }

  Moves& moves_;
  State next_;
  Reader& reader_;
};

}  // namespace

void ExpandReader(Moves& moves) {
  if (moves.options().reader) Asking(moves).Expand();
}

}  // namespace goniec::model
