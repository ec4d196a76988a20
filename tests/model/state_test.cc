#include <gtest/gtest.h>

#include <utility>

#include "tests/model/search.h"

namespace goniec::model {
namespace {

TEST(StateTest, ComesBackFromItsKey) {
  State state;
  state.items[3] = {.place = Place::kParked, .counted = 1, .before_start = 1, .left_alone = 1};
  state.items[1].before_reset = 1;
  state.resetting = Resetting::kDue;
  state.waiting[1] = 1;
  state.publisher = Publisher::kFrozenUnanswered;
  state.workers[1] = {.at = At::kReturn, .item = 5, .connected = 0, .leased = 1, .outcome = Outcome::kMoved};
  state.workers[0] = {.at = At::kTaken, .item = 2, .connected = 0, .leased = 1, .fooled = 1};
  state.late = Late::kGiveBack;
  state.late_about = 5;
  state.reader = {.at = Reading::kAnswer, .known = 1, .end = 2, .shown = 1};
  state.taker = 2;
  const Key key = Pack(state);
  EXPECT_EQ(Pack(Unpack(key)), key);
  EXPECT_EQ(Describe(Unpack(key)), Describe(state));
}

TEST(StateTest, FitsIntoItsKey) {
  EXPECT_LE(BitsOfState(), 128);
}

TEST(StateTest, HasOneKeyWhateverTheWorkersAreCalled) {
  State one;
  one.workers[0] = {.at = At::kTaken, .item = 0, .leased = 1};
  one.workers[1] = {.at = At::kEvents, .item = 0};
  one.taker = 1;
  State other = one;
  std::swap(other.workers[0], other.workers[1]);
  EXPECT_NE(Pack(other), Pack(one));
  other.taker = 2;
  EXPECT_EQ(Pack(other), Pack(one));
}

// A step that nobody ever takes would prove nothing.
TEST(TransitionsTest, AllOccur) {
  Options every{.max_faults = 2, .generations = 1, .window_ends = true};
  Report report = Search(every);
  every.rules = Rules::All().Without(Rule::kRepeatUntilAnswered);
  report.actions |= Search(every).actions;
  every = {.rules = Rules::All().Without(Rule::kUnansweredGivesNothingBack), .max_faults = 1};
  report.actions |= Search(every).actions;
  every = {.max_faults = 1, .generations = 1, .late_messages = false, .reader = true};
  report.actions |= Search(every).actions;
  report.actions |= Search({.max_faults = 1, .generations = 1, .resets = true}).actions;
  report.actions |= Search({.max_faults = 1, .generations = 1, .cluster = true}).actions;
  for (std::size_t i = 1; i < report.actions.size(); ++i) {
    EXPECT_TRUE(report.actions.test(i)) << TextOf(static_cast<Action>(i)).says;
  }
}

TEST(TraceTest, NamesEveryStepAndItsCode) {
  const Report report =
      Search({.rules = Rules::All().Without(Rule::kNothingStale), .max_faults = 1, .generations = 1});
  EXPECT_EQ(Describe(report.trace),
            "1. FAULT the publisher is frozen, its sender goes and sends the mail anew  [publisher.cc Send]\n"
            "     nothing is stored\n"
            "2. the publisher sends the record; it is stored, the sender has its 250  "
            "[publisher.cc Send, Finish]\n"
            "     the record available\n");
}

}  // namespace
}  // namespace goniec::model
