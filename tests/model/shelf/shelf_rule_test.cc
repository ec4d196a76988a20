// The rule about shelves, checked for all interleavings within the bounds; and each of its parts taken away.
#include <gtest/gtest.h>

#include <iostream>
#include <string>
#include <utility>

#include "tests/model/shelf/search.h"

namespace goniec::model::shelf {
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

const Options kMarksAlone = {.rules = Rules::All().Without(Rule::kAuditMarks),
                             .max_faults = 1,
                             .defers = false,
                             .marks = true,
                             .late_messages = false};

INSTANTIATE_TEST_SUITE_P(
    ShelfRule, AllRules,
    testing::Values(Bounds{"WithoutFaults", {.max_faults = 0, .generations = 2}},
                    Bounds{"TwoKeepers", {.max_faults = 1}},
                    Bounds{"TwoFaults", {.max_faults = 2, .defers = false, .keepers = 1}},
                    Bounds{"TwoMoves", {.max_faults = 1, .generations = 2, .defers = false, .keepers = 1}},
                    Bounds{"Probes", {.max_faults = 1, .probes = true, .keepers = 1}},
                    Bounds{"ClosedUntilItExpires", {.max_faults = 1, .site_opens = false, .expires = true}},
                    Bounds{"ExpiresWhileItIsReleased",
                           {.max_faults = 1, .expires = true, .defers = false, .keepers = 1}},
                    Bounds{"Marks", {.max_faults = 1, .defers = false, .marks = true, .keepers = 1}},
                    Bounds{"MarksWithoutTheAudit", kMarksAlone}),
    [](const auto& info) { return info.param.name; });

// What a rule is for: what happens without it, and how many faults that takes.
struct Removal {
  Rule rule;
  Violation violation;
  std::size_t faults;
  Options options = {.keepers = 1};
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

const Options kClosed = {.site_opens = false, .expires = true, .keepers = 1};
const Options kMarked = {.defers = false, .marks = true, .keepers = 1};

INSTANTIATE_TEST_SUITE_P(ShelfRule, RemovedRule,
                         testing::Values(Removal{Rule::kEventBeforeShelf, Violation::kDuplicate, 1},
                                         Removal{Rule::kShelfBeforeAck, Violation::kLost, 1},
                                         Removal{Rule::kAllBeforeAck, Violation::kLost, 0},
                                         Removal{Rule::kMoveIdSaysWhat, Violation::kLost, 0},
                                         Removal{Rule::kNearExpiryWaits, Violation::kStuck, 0, kClosed},
                                         Removal{Rule::kReleaseBeforeTakeOff, Violation::kLost, 1},
                                         Removal{Rule::kTakeOffOnlyReleased, Violation::kLost, 1},
                                         Removal{Rule::kTakeOffUpToReleased, Violation::kLost, 0},
                                         Removal{Rule::kOverdueIsReleased, Violation::kStuck, 0, kClosed},
                                         Removal{Rule::kReleasedLooks, Violation::kDuplicate, 1},
                                         Removal{Rule::kShadowGoesByMail, Violation::kLost, 1},
                                         Removal{Rule::kCopyMindsReleased, Violation::kDuplicate, 1},
                                         Removal{Rule::kReleasedMindsCopies, Violation::kDuplicate, 1},
                                         Removal{Rule::kReleasedMindsReleased, Violation::kDuplicate, 1},
                                         Removal{Rule::kLookFinishesMove, Violation::kLost, 1},
                                         Removal{Rule::kMarkBeforeRecord, Violation::kStuck, 1, kMarksAlone},
                                         Removal{Rule::kMarkIsKept, Violation::kStuck, 0, kMarksAlone},
                                         Removal{Rule::kFreshSinceStored, Violation::kStuck, 0, kMarksAlone},
                                         Removal{Rule::kMarkGoesByRevision, Violation::kStuck, 0,
                                                 kMarksAlone},
                                         Removal{Rule::kAuditMarks, Violation::kStuck, 1, kMarked}),
                         [](const auto& info) { return std::string(TextOf(info.param.rule).name); });

// Rules that nothing depends on as long as the others hold: they save work.
class SecondLine : public testing::TestWithParam<Rule> {};

TEST_P(SecondLine, IsNotMissedAlone) {
  const Report report =
      Search({.rules = Rules::All().Without(GetParam()), .max_faults = 1, .defers = false, .keepers = 1});
  EXPECT_EQ(report.violation, Violation::kNone) << Text(report);
}

INSTANTIATE_TEST_SUITE_P(ShelfRule, SecondLine,
                         testing::Values(Rule::kLookReadsShelf, Rule::kShelfIsReadFirst),
                         [](const auto& info) { return std::string(TextOf(info.param).name); });

// A probe has an id of its own: what was a probe comes back once more, without any fault,
// where two keep the site.
TEST(ProbeTest, ComesBackTwiceAndIsServedOnce) {
  Options options{.max_faults = 0, .probes = true};
  EXPECT_EQ(Search(options).violation, Violation::kNone);
  options.rules = options.rules.Without(Rule::kReleasedMindsReleased);
  EXPECT_EQ(Search(options).violation, Violation::kDuplicate);
}

TEST(StateTest, SurvivesItsKey) {
  State state;
  state.items[0] = {.mails = kBoth, .pending = 1, .counted = 1};
  state.items[2] = {.mails = 2, .generation = 1, .released = 1, .pending = 1, .gone = 1};
  state.shelf[1] = {.mails = 1, .generation = 2, .on_shelf = 1, .known = 1, .released_known = 1};
  state.workers[1] = {.at = At::kReleased,
                      .item = 2,
                      .generation = 1,
                      .leased = 1,
                      .left = 2,
                      .mail = 1,
                      .legs = {Leg::kDeferCopy, Leg::kDone},
                      .after_end = 1,
                      .marked = Marked::kSeen};
  state.keepers[0] = {.at = Work::kTakingOff, .to_release = 5, .up_to = 3, .current = 1};
  state.mails[1] = {.generation = 2, .ended = 1, .taken = 1, .taker = 2, .waits = {1, 0}, .known = {1, 1}};
  state.late = Late::kTakeOff;
  state.late_mails = 3;
  state.hour = Hour::kExpired;
  state.minute_passed = state.mark = state.mark_fresh = 1;
  state.faults = 2;
  const Key key = Pack(state);
  EXPECT_EQ(Pack(Unpack(key)), key);
}

TEST(StateTest, FitsIntoItsKey) {
  EXPECT_LE(BitsOfFullestWord(), 64);
}

TEST(StateTest, HasOneKeyWhateverItsMailsAndWorkersAreCalled) {
  State one;
  one.items[1] = {.mails = 1, .generation = 1, .pending = 1};
  one.workers[0] = {.at = At::kServing, .item = 1, .leased = 1, .legs = {Leg::kTaken, Leg::kDone}};
  one.mails[0].taker = 1;
  State other;
  other.items[1] = {.mails = 2, .generation = 1, .pending = 1};
  other.workers[1] = {.at = At::kServing, .item = 1, .leased = 1, .legs = {Leg::kDone, Leg::kTaken}};
  other.mails[1].taker = 2;
  EXPECT_EQ(Pack(other), Pack(one));
  other.mails[1].taker = 0;
  EXPECT_NE(Pack(other), Pack(one));
}

// A step that nobody ever takes would prove nothing.
TEST(TransitionsTest, AllOccur) {
  Options options{.rules = Rules::All().Without(Rule::kTakeOffOnlyReleased), .max_faults = 1, .keepers = 1};
  options.probes = true;
  Report report = Search(options);
  report.actions |= Search({.max_faults = 1, .site_opens = false, .expires = true, .keepers = 1}).actions;
  report.actions |= Search({.max_faults = 1, .defers = false, .marks = true, .keepers = 1}).actions;
  for (std::size_t i = 1; i < report.actions.size(); ++i) {
    EXPECT_TRUE(report.actions.test(i)) << TextOf(static_cast<Action>(i)).says;
  }
}

TEST(TraceTest, NamesEveryStepAndItsCode) {
  const Report report = Search({.rules = Rules::All().Without(Rule::kAllBeforeAck), .max_faults = 0});
  const std::string text = Describe(report.trace);
  EXPECT_EQ(
      text.find("1. W1 (READY's record) gets it  [worker.cc OnDelivery]\n"
                "     READY's record A+B0 pending; W1 serving, READY's record, A to serve, B to serve\n"),
      0U)
      << text;
}

}  // namespace
}  // namespace goniec::model::shelf
