// What can happen, each with the sentence that a trace shows and the code that it stands for.
#pragma once

#include <cstdint>
#include <string_view>

namespace goniec::model::shelf {

enum class Action : std::uint8_t {
  kNothing,
  // Broker and time.
  kDelivered,
  kAckWaitEnds,
  kScheduleFires,
  kScheduleFiresAndStays,
  kLateArrives,
  kLateNeverArrives,
  kIdsForgotten,
  kExpiryDrawsNear,
  kExpires,
  kMarkAges,
  kAuditMarks,
  // A worker.
  kCrashes,
  kLosesLease,
  kStalls,
  kLetsReturn,
  kReadsEarlierCopies,
  kReadsEarlierReleased,
  kReadsEvents,
  kReadsWaiting,
  kReadsDue,
  kReadsShelf,
  kReadsReleased,
  kReadsEventsAgain,
  kFinishesMove,
  kPeerTakes,
  kExpiresInHand,
  kSiteIsClosed,
  kPeerDefers,
  kEventStored,
  kMarkPut,
  kMarkKnown,
  kShelved,
  kShelvedAnswerLost,
  kCopyStored,
  kAcks,
  kAckLost,
  // A keeper, or who releases what is overdue.
  kKeeperCrashes,
  kKeeperStalls,
  kKeeperReads,
  kOverdueReads,
  kMinutePasses,
  kReleases,
  kReleasesAsProbe,
  kReleaseAnswerLost,
  kReleaseLost,
  kTakesOff,
  kTakeOffLost,
  kFindsEmpty,
  kRemovesMark,
  kMarkStays,
  kCount,
};

struct ActionText {
  std::string_view says;
  std::string_view code;
};
const ActionText& TextOf(Action action);

}  // namespace goniec::model::shelf
