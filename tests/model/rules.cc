#include "tests/model/rules.h"

#include <array>

namespace goniec::model {
namespace {

// In the order of the enum.
constexpr std::array<RuleText, kRules> kTexts{{
    {"YesAfterStored", "250 only after the broker's acknowledgement",
     "publisher.cc GroupCommitPublisher::OnResult"},
    {"SameMessageId", "a resend has the id of the first sending", "publisher.cc GroupCommitPublisher::Form"},
    {"ResendIsMarked", "a resend says so in a header", "publisher.cc GroupCommitPublisher::OnResult"},
    {"NothingStale", "a record of 30 s is not sent, not even the first time",
     "publisher.cc GroupCommitPublisher::Send, TooOld"},
    {"RedeliveredLooks", "a delivery count above 1: look", "worker.cc Take"},
    {"ResendLooks", "a resend: look", "worker.cc Take"},
    {"CopyLooks", "a copy: look", "worker.cc Take"},
    {"LookAfterRestart", "a record from before the server's start: look", "restart_guard.h MustLook"},
    {"PutBackAfterRestart", "such a record is left alone until nobody can hold it",
     "restart_guard.cc PutBackFor"},
    {"FreeIsPutBackAnew", "what was free again when the server restarts is left alone anew",
     "restart_guard.cc FreeFrom"},
    {"LookAfterReset", "a record from before its consumer's reset: look", "source_rest.h MustLook"},
    {"ResetIsAnnounced", "a consumer's reset is announced, and who has its records lets them go",
     "watchdog.cc Announce, rest.cc OnResetNotice"},
    {"RestBeforeReset", "between the notice and the reset none of its records is taken",
     "rest.cc OnResetNotice, Admits"},
    {"EarlierRecordActs", "a resend is acknowledged unseen while READY has an earlier one",
     "shadow.cc ReadShadow, message_finder.cc ReadEarlier"},
    {"LowestTwinActs", "of copies of one generation the lowest sequence acts", "shadow.cc ReadShadow"},
    {"LookSkipsEnded", "who has ended is skipped", "holder.cc Look"},
    {"LookSkipsMoved", "who has a younger record is skipped", "holder.cc Look"},
    {"LookFinishesMove", "an announced copy that is nowhere is published", "holder.cc FinishMoves"},
    {"LookReadsEventsAgain", "the events once more before it is published", "holder.cc FinishMoves"},
    {"SignsOfWork", "+WPI while a record is in hand", "delivery.cc Delivery::KeepIfDue"},
    {"LeaseShorterThanAckWait", "a lease is two thirds of ack_wait from an answered sign",
     "delivery.cc Delivery::Leased"},
    {"ExpiredIsNotRenewed", "an expired lease stays expired", "delivery.cc Delivery::KeepIfDue"},
    {"LeaseEndsWithConnection", "no renewal beyond the connection of the delivery",
     "rest.cc OnStateChange, delivery.h StopRenewing"},
    {"DotOnlyLeased", "a final dot only under a lease", "record_work.cc DispatchLeg (may_finish)"},
    {"MoveOnlyLeased", "an event that moves only under a lease", "events.cc StoreBatch (leased)"},
    {"CopyOnlyLeased", "a copy only under a lease", "store_move.cc StoreMove (may_move)"},
    {"DistrustAfterFreeze", "what lay in a frozen process is not taken", "puller.cc Distrust"},
    {"LeaseNeedsMajority", "in a cluster a lease stands on a write that a majority has confirmed",
     "delivery.h LeaseProof"},
    {"EventBeforeCopy", "event, then copy", "settlement.cc Settlement::FlushOnce"},
    {"EventBeforeAck", "event, then acknowledgement", "settlement.cc Settlement::FlushOnce"},
    {"CopyBeforeAck", "copy, then acknowledgement", "settlement.cc Settlement::FlushOnce"},
    {"RepeatUntilAnswered", "events and copies are repeated until they are answered",
     "events.cc StoreBatch, store_move.cc StoreMove"},
    {"ReturnedIsNotAcked", "what was not settled is not acknowledged", "settlement.cc Settlement::Close"},
    {"EventsAreReadAgain", "a reader reads the events once more at the end",
     "message_finder.cc MessageFinder::Find"},
    {"LateEventsAreRead", "a reader reads the late events too", "message_finder.cc MessageFinder::Find"},
    {"UnansweredGivesNothingBack", "a worker that gets no answer lets the record return by itself",
     "delivery.cc Delivery::GiveBack"},
    {"UnleasedTellsOnlyDelivered", "without a lease only `delivered` is told, no other end",
     "events.cc NeedsLease"},
    {"EndsGoByStreamOrder", "of two ends on the two subjects the lower sequence is shown",
     "message_finder.cc EventReader::ReadEarlierEnds"},
}};

}  // namespace

const RuleText& TextOf(Rule rule) {
  return kTexts[static_cast<std::size_t>(rule)];
}

}  // namespace goniec::model
