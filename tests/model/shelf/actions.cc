#include "tests/model/shelf/actions.h"

#include <array>
#include <cstddef>

namespace goniec::model::shelf {
namespace {

// In the order of the enum.
constexpr std::array<ActionText, static_cast<std::size_t>(Action::kCount)> kTexts{{
    {"the beginning", ""},
    {"gets it", "worker.cc OnDelivery"},
    {"ack_wait is over", "nats-server: redelivery"},
    {"the schedule fires", "nats-server: schedules"},
    {"the schedule fires and stays", "nats-server: schedules, killed between firing and removal"},
    {"what stood still arrives at the broker", "(the network)"},
    {"what stood still is lost", "(the network)"},
    {"the broker forgets all ids", "nats-server: duplicate_window"},
    {"it is five minutes to the mails' expiry", "conclude.cc"},
    {"the mails expire", "decide_next.cc DecideNext"},
    {"the mark is no longer fresh", "shelf_marks.h kMarkFresh"},
    {"the audit puts the mark that is missing", "audit.cc (the walk over HELD)"},
    {"is killed", "(a new one starts)"},
    {"loses its lease", "delivery.cc Leased"},
    {"is cut off with what it stores on its way", "store_move.cc StoreMove"},
    {"lets it return", "settlement.cc Close"},
    {"looks: copies that were due before", "shadow.cc ReadShadow"},
    {"looks: released records that were due before", "shadow.cc ReadShadow"},
    {"looks: reads the events", "holder.cc Look (FoldEvents)"},
    {"looks: reads the copies under wait.", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads the copies under due.", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads the shelves", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads what was released", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads the events again", "holder.cc FinishMoves (FoldEvents)"},
    {"looks: stores in WAIT what is missing", "holder.cc FinishMoves (StoreMove)"},
    {"the peer takes a mail", "record_work.cc OnResults"},
    {"a mail in hand has expired", "conclude.cc Conclude"},
    {"the site takes no mail now", "conclude.cc Conclude (REASON_SITE_CLOSED, REASON_SITE_BUSY)"},
    {"the peer answers 4xx", "conclude.cc Conclude"},
    {"stores the event", "events.cc StoreBatch"},
    {"puts the shelf's mark", "shelf_marks.cc SeeTo (KvPut)"},
    {"knows a fresh mark", "shelf_marks.cc SeeTo"},
    {"puts the record on the shelf", "store_move.cc StoreMove"},
    {"puts the record on the shelf, the answer is lost", "store_move.cc StoreMove"},
    {"stores the copy in WAIT", "store_move.cc StoreMove"},
    {"acknowledges", "settlement.cc Close"},
    {"acknowledges, which is lost", "settlement.cc Close"},
    {"is killed", "(another keeps the site)"},
    {"is cut off with what it sends on its way", "shelf.cc Release, TakeOff"},
    {"reads the shelf", "keeper.cc, shelf.cc ReadShelf"},
    {"reads what is overdue", "shelf.cc ReleaseOverdue"},
    {"finds nothing overdue and goes on to the next minute", "shelf.cc ReleaseOverdue"},
    {"publishes a record where it is due", "shelf.cc Release"},
    {"publishes a record as a probe", "shelf.cc Release (Probe)"},
    {"publishes a record where it is due, the answer is lost", "shelf.cc Release"},
    {"publishes a record, which is lost", "shelf.cc Release"},
    {"takes off what it has read", "shelf.cc TakeOff"},
    {"takes off what it has read, which is lost", "shelf.cc TakeOff"},
    {"finds the shelf empty and its mark old", "keeper.cc, shelf_marks.h Remove"},
    {"takes the mark away", "shelf_marks.cc Remove (KvDelete)"},
    {"does not take the mark away, it was renewed", "shelf_marks.cc Remove (KvDelete)"},
}};

}  // namespace

const ActionText& TextOf(Action action) {
  return kTexts[static_cast<std::size_t>(action)];
}

}  // namespace goniec::model::shelf
