// What can happen, each with the sentence that a trace shows and the code that it stands for.
#pragma once

#include <cstdint>
#include <string_view>

namespace goniec::model {

enum class Action : std::uint8_t {
  kNothing,
  // Publisher.
  kRecordAnswered,
  kRecordAnswerLost,
  kRecordLost,
  kRecordStalls,
  kPublisherGivesUp,
  kPublisherFreezes,
  kStaleRecordDropped,
  // Broker.
  kDelivered,
  kPutBack,
  kPutBackEnds,
  kAckWaitEnds,
  kServerRestarts,
  kSettled,
  kResetAnnounced,
  kConsumerReset,
  kRestEnds,
  kScheduleFires,
  kScheduleFiresAndStays,
  kLateArrives,
  kWindowEnds,
  kMinuteGoesBy,
  // A worker and the outer world.
  kCrashes,
  kCutOff,
  kLeaderCutOff,
  kBack,
  kLeaseRunsOut,
  kFreezes,
  // A worker and its item.
  kTakes,
  kDropsSuspect,
  kDropsResting,
  kFindsNoEarlier,
  kFindsEarlier,
  kReadsEvents,
  kReadsWaiting,
  kReadsDue,
  kReadsEventsAgain,
  kFinishesMove,
  kLookFails,
  kConnects,
  kHandsBack,
  kStartsDot,
  kForfeits,
  kPeerTakes,
  kPeerRefuses,
  kPeerDefers,
  kReply,
  kReplyLost,
  kEventStored,
  kEventAnswerLost,
  kEventLost,
  kEventStalls,
  kEventDropped,
  kCopyStored,
  kCopyAnswerLost,
  kCopyLost,
  kCopyStalls,
  kCopyDropped,
  kAcks,
  kAckLost,
  kAckIgnored,
  kAckStalls,
  kGivesBack,
  kGiveBackLost,
  kGiveBackStalls,
  kLetsReturn,
  // Reader.
  kAsks,
  kReadsEarlyEvents,
  kReadsReady,
  kReadsWaitingCopies,
  kReadsDueCopies,
  kReadsEarlyEventsAgain,
  kReadsLateEvents,
  kReadsEarlyEventsLast,
  kReaderAnswers,
  kCount,
};

struct ActionText {
  std::string_view says;
  std::string_view code;
};
const ActionText& TextOf(Action action);

inline constexpr std::uint8_t kNobody = 0xff;

struct Step {
  Action action = Action::kNothing;
  std::uint8_t worker = kNobody;
  std::uint8_t item = kNobody;  // or, for copies, the generation's first item
  bool fault = false;
};

}  // namespace goniec::model
