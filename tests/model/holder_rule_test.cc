// The holder rule, checked for all interleavings within the bounds; and each of its parts taken away.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "tests/model/search.h"

namespace goniec::model {
namespace {

std::string Text(const Report& report) {
  return Describe(report.trace) + "violation: " + std::string(Describe(report.violation)) +
         "\nstates: " + std::to_string(report.states) + "\n";
}

std::size_t FaultsIn(const Trace& trace) {
  std::size_t faults = 0;
  for (const Successor& taken : trace.steps) faults += taken.step.fault ? 1 : 0;
  return faults;
}

struct Bounds {
  std::string name;
  Options options;
};

class AllRules : public testing::TestWithParam<Bounds> {};

TEST_P(AllRules, LoseNothingDeliverNothingTwiceAndLeaveNothingStuck) {
  const Report report = Search(GetParam().options);
  std::cout << Text(report);
  EXPECT_EQ(report.violation, Violation::kNone) << Text(report);
  EXPECT_GT(report.good_ends, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    HolderRule, AllRules,
    testing::Values(
        Bounds{"WithoutFaults", {.max_faults = 0}},
        Bounds{"ThreeFaultsOneRetry", {.max_faults = 3, .generations = 1, .only_holder_ends = true}},
        Bounds{"TwoFaultsTwoRetries", {.max_faults = 2, .generations = 2, .only_holder_ends = true}},
        Bounds{"DuplicateWindowEnds",
               {.max_faults = 2, .generations = 1, .window_ends = true, .only_holder_ends = true}},
        Bounds{"ConsumersAreReset",
               {.max_faults = 2, .generations = 1, .only_holder_ends = true, .resets = true}},
        Bounds{"Cluster", {.max_faults = 3, .generations = 1, .only_holder_ends = true, .cluster = true}},
        Bounds{"SomebodyAsks", {.max_faults = 1, .generations = 1, .late_messages = false, .reader = true}}),
    [](const auto& info) { return info.param.name; });

// What a rule is for: what happens without it, and how many faults that takes.
struct Removal {
  Rule rule;
  Violation violation;
  std::size_t faults;
  Options options = {.generations = 1};
};

class RemovedRule : public testing::TestWithParam<Removal> {};

TEST_P(RemovedRule, IsMissed) {
  Options options = GetParam().options;
  options.max_faults = 2;
  options.rules = options.rules.Without(GetParam().rule);
  const RuleText& rule = TextOf(GetParam().rule);
  const Report report = SearchFewestFaults(options);
  std::cout << "without \"" << rule.says << "\" (" << rule.code << "):\n" << Text(report);
  EXPECT_EQ(report.violation, GetParam().violation) << Text(report);
  EXPECT_EQ(FaultsIn(report.trace), GetParam().faults);
}

const Options kWithReader = {.generations = 1, .late_messages = false, .reader = true};
const Options kWindowEnds = {.generations = 1, .window_ends = true};
const Options kResets = {.generations = 1, .resets = true};
const Options kCluster = {.generations = 1, .cluster = true};
const Options kOnlyHolderEnds = {.generations = 1, .only_holder_ends = true};

INSTANTIATE_TEST_SUITE_P(
    HolderRule, RemovedRule,
    testing::Values(Removal{Rule::kYesAfterStored, Violation::kLost, 1},
                    Removal{Rule::kSameMessageId, Violation::kDuplicate, 1},
                    Removal{Rule::kResendIsMarked, Violation::kDuplicate, 2},
                    Removal{Rule::kNothingStale, Violation::kStaleRecord, 1},
                    Removal{Rule::kRedeliveredLooks, Violation::kDuplicate, 1},
                    Removal{Rule::kResendLooks, Violation::kDuplicate, 2},
                    Removal{Rule::kCopyLooks, Violation::kDuplicate, 1},
                    Removal{Rule::kLookAfterRestart, Violation::kDuplicate, 1},
                    Removal{Rule::kPutBackAfterRestart, Violation::kDuplicate, 1},
                    Removal{Rule::kFreeIsPutBackAnew, Violation::kDuplicate, 2},
                    Removal{Rule::kLookAfterReset, Violation::kDuplicate, 1, kResets},
                    Removal{Rule::kResetIsAnnounced, Violation::kDuplicate, 1, kResets},
                    Removal{Rule::kRestBeforeReset, Violation::kDuplicate, 1, kResets},
                    Removal{Rule::kEarlierRecordActs, Violation::kDuplicate, 2, kWindowEnds},
                    Removal{Rule::kLowestTwinActs, Violation::kDuplicate, 1},
                    Removal{Rule::kLookSkipsEnded, Violation::kDuplicate, 1},
                    Removal{Rule::kLookSkipsMoved, Violation::kDuplicate, 1},
                    Removal{Rule::kLookFinishesMove, Violation::kLost, 1},
                    Removal{Rule::kSignsOfWork, Violation::kDuplicate, 0},
                    Removal{Rule::kLeaseShorterThanAckWait, Violation::kDuplicate, 1},
                    Removal{Rule::kExpiredIsNotRenewed, Violation::kDuplicate, 1},
                    Removal{Rule::kLeaseEndsWithConnection, Violation::kDuplicate, 1},
                    Removal{Rule::kDotOnlyLeased, Violation::kDuplicate, 1},
                    Removal{Rule::kCopyOnlyLeased, Violation::kDuplicate, 2},
                    Removal{Rule::kDistrustAfterFreeze, Violation::kDuplicate, 1},
                    Removal{Rule::kLeaseNeedsMajority, Violation::kDuplicate, 1, kCluster},
                    Removal{Rule::kEventBeforeCopy, Violation::kDuplicate, 1},
                    Removal{Rule::kEventBeforeAck, Violation::kDuplicate, 1},
                    Removal{Rule::kCopyBeforeAck, Violation::kLost, 1},
                    Removal{Rule::kRepeatUntilAnswered, Violation::kLost, 1},
                    Removal{Rule::kReturnedIsNotAcked, Violation::kLost, 0},
                    Removal{Rule::kEventsAreReadAgain, Violation::kNotFound, 0, kWithReader},
                    Removal{Rule::kLateEventsAreRead, Violation::kNotFound, 0, kWithReader},
                    Removal{Rule::kUnansweredGivesNothingBack, Violation::kDuplicate, 1},
                    Removal{Rule::kUnleasedTellsOnlyDelivered, Violation::kEndedByOther, 1, kOnlyHolderEnds},
                    Removal{Rule::kEndsGoByStreamOrder, Violation::kOtherEnd, 1, kWithReader}),
    [](const auto& info) { return std::string(TextOf(info.param.rule).name); });

// Rules that nothing depends on as long as the others hold: they save work.
class SecondLine : public testing::TestWithParam<Rule> {};

TEST_P(SecondLine, IsNotMissedAlone) {
  const Report report =
      Search({.rules = Rules::All().Without(GetParam()), .max_faults = 2, .generations = 1});
  EXPECT_EQ(report.violation, Violation::kNone) << Text(report);
}

INSTANTIATE_TEST_SUITE_P(HolderRule, SecondLine,
                         testing::Values(Rule::kLookReadsEventsAgain, Rule::kMoveOnlyLeased),
                         [](const auto& info) { return std::string(TextOf(info.param).name); });

// An event that moves, sent without a lease, harms nobody as long as no copy follows it. Without both rules
// one fault is enough for what takes two without the one for copies.
TEST(SecondLineTest, MovesAndCopiesGuardEachOther) {
  const Report report =
      SearchFewestFaults({.rules = Rules::All().Without(Rule::kMoveOnlyLeased).Without(Rule::kCopyOnlyLeased),
                          .max_faults = 2,
                          .generations = 1});
  EXPECT_EQ(report.violation, Violation::kDuplicate);
  EXPECT_EQ(FaultsIn(report.trace), 1U);
}

}  // namespace
}  // namespace goniec::model
