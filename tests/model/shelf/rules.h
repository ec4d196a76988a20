// The parts of the rule about shelves as switches, so that each can be taken away alone. The table in
// rules.cc names the product code that implements each.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

namespace goniec::model::shelf {

enum class Rule {
  // Moving to a shelf.
  kEventBeforeShelf,
  kShelfBeforeAck,
  kAllBeforeAck,
  kMoveIdSaysWhat,
  kNearExpiryWaits,
  // Release.
  kReleaseBeforeTakeOff,
  kTakeOffOnlyReleased,
  kTakeOffUpToReleased,
  kOverdueIsReleased,
  // Looking.
  kReleasedLooks,
  kShadowGoesByMail,
  kCopyMindsReleased,
  kReleasedMindsCopies,
  kReleasedMindsReleased,
  kLookFinishesMove,
  kLookReadsShelf,
  kShelfIsReadFirst,
  // Marks.
  kMarkBeforeRecord,
  kMarkIsKept,
  kFreshSinceStored,
  kMarkGoesByRevision,
  kAuditMarks,
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

}  // namespace goniec::model::shelf
