#include "tests/model/shelf/rules.h"

#include <array>

namespace goniec::model::shelf {
namespace {

// In the order of the enum.
constexpr std::array<RuleText, kRules> kTexts{{
    {"EventBeforeShelf", "event, then the record on the shelf", "settlement.cc Settlement::FlushOnce"},
    {"ShelfBeforeAck", "the record on the shelf, then the acknowledgement",
     "settlement.cc Settlement::FlushOnce"},
    {"AllBeforeAck", "all mails of a record are settled before it is acknowledged",
     "settlement.cc Settlement::Close"},
    {"MoveIdSaysWhat", "a move's id names all that is in it", "move.cc IdOf"},
    {"NearExpiryWaits", "a mail that expires soon goes to WAIT, not on a shelf",
     "conclude.cc (five minutes before its expiry)"},
    {"ReleaseBeforeTakeOff", "published where it is due, then taken off", "shelf.cc Release, TakeOff"},
    {"TakeOffOnlyReleased", "taken off only if the release was answered", "shelf.h TakeOff"},
    {"TakeOffUpToReleased", "taken off up to what was released, not all of the shelf", "shelf.cc TakeOff"},
    {"OverdueIsReleased", "what expires comes back although its site is closed", "shelf.cc ReleaseOverdue"},
    {"ReleasedLooks", "what comes from a shelf: look", "worker.cc Take"},
    {"ShadowGoesByMail", "an earlier record covers the mails that are in it, and no others",
     "shadow.cc Uncovered"},
    {"CopyMindsReleased", "a copy from WAIT minds what has come from a shelf before it",
     "shadow.cc PlacesOf"},
    {"ReleasedMindsCopies", "a record from a shelf minds the copies of its mails that were due before it",
     "shadow.cc PlacesOf"},
    {"ReleasedMindsReleased", "a record from a shelf minds what has come from a shelf before it",
     "shadow.cc PlacesOf"},
    {"LookFinishesMove", "an announced record that is nowhere is stored, in WAIT", "holder.cc FinishMoves"},
    {"LookReadsShelf", "who looks for an announced record reads the shelves", "subjects.cc CopyFilters"},
    {"ShelfIsReadFirst", "and what has come from there after them", "subjects.cc CopyFilters"},
    {"MarkBeforeRecord", "the mark is put, then the record on the shelf",
     "store_move.cc StoreMove (see_to_mark)"},
    {"MarkIsKept", "a mark goes only when no move that relied on it can be under way",
     "shelf_marks.h kMarkFresh, kMarkKept"},
    {"FreshSinceStored", "a mark is fresh since it was put, not since it was seen", "shelf_marks.cc SeeTo"},
    {"MarkGoesByRevision", "a mark that was renewed meanwhile does not go",
     "shelf_marks.cc Remove (KvDelete)"},
    {"AuditMarks", "a shelf without a mark gets one", "audit.cc (the walk over HELD)"},
}};

}  // namespace

const RuleText& TextOf(Rule rule) {
  return kTexts[static_cast<std::size_t>(rule)];
}

}  // namespace goniec::model::shelf
