// The parts of the holder rule as switches, so that each can be taken away alone. The table in rules.cc names
// the product code that implements each.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

namespace goniec::model {

enum class Rule {
  // Accepting.
  kYesAfterStored,
  kSameMessageId,
  kResendIsMarked,
  kNothingStale,
  // Who looks.
  kRedeliveredLooks,
  kResendLooks,
  kCopyLooks,
  kLookAfterRestart,
  kPutBackAfterRestart,
  kFreeIsPutBackAnew,
  kLookAfterReset,
  kResetIsAnnounced,
  kRestBeforeReset,
  // Looking.
  kEarlierRecordActs,
  kLowestTwinActs,
  kLookSkipsEnded,
  kLookSkipsMoved,
  kLookFinishesMove,
  kLookReadsEventsAgain,
  // The lease.
  kSignsOfWork,
  kLeaseShorterThanAckWait,
  kExpiredIsNotRenewed,
  kLeaseEndsWithConnection,
  kDotOnlyLeased,
  kMoveOnlyLeased,
  kCopyOnlyLeased,
  kDistrustAfterFreeze,
  kLeaseNeedsMajority,
  // Settling.
  kEventBeforeCopy,
  kEventBeforeAck,
  kCopyBeforeAck,
  kRepeatUntilAnswered,
  kReturnedIsNotAcked,
  // Reading.
  kEventsAreReadAgain,
  kLateEventsAreRead,
  // Taught by this model.
  kUnansweredGivesNothingBack,
  kUnleasedTellsOnlyDelivered,
  kEndsGoByStreamOrder,
  kCount,
};

inline constexpr std::size_t kRules = static_cast<std::size_t>(Rule::kCount);

struct RuleText {
  std::string_view name;
  std::string_view says;
  std::string_view code;
};
const RuleText& TextOf(Rule rule);

class Rules {
 public:
  static Rules All() { return {}; }
  [[nodiscard]] Rules Without(Rule rule) const {
    Rules others = *this;
    others.removed_.set(static_cast<std::size_t>(rule));
    return others;
  }
  [[nodiscard]] bool Has(Rule rule) const { return !removed_.test(static_cast<std::size_t>(rule)); }

 private:
  std::bitset<kRules> removed_;
};

}  // namespace goniec::model
