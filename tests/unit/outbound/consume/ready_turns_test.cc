#include "outbound/consume/ready_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "outbound/consume/ready_backlog.h"

namespace goniec::outbound {
namespace {

struct Row {
  std::string name;
  Backlog backlog;
  std::vector<std::string> yielding;
};

class YieldingTenantsTest : public testing::TestWithParam<Row> {};

TEST_P(YieldingTenantsTest, AreThoseWithMuchMoreThanAnother) {
  EXPECT_THAT(YieldingTenants(GetParam().backlog), testing::UnorderedElementsAreArray(GetParam().yielding));
}

INSTANTIATE_TEST_SUITE_P(
    Backlogs, YieldingTenantsTest,
    testing::Values(Row{"Nobody", {}, {}}, Row{"OneAlone", {{"a", 100'000}}, {}},
                    Row{"ALargeBesideASmall", {{"a", 6'250}, {"b", 1}}, {"a"}},
                    Row{"TwoLargeBesideASmall", {{"a", 6'250}, {"b", 1}, {"c", 500}}, {"a", "c"}},
                    Row{"AllAlike", {{"a", 1'000}, {"b", 900}, {"c", 1'100}}, {}},
                    Row{"AtTheBound", {{"a", 400}, {"b", 100}}, {}},
                    Row{"AboveTheBound", {{"a", 404}, {"b", 100}}, {"a"}},
                    Row{"TooFewToMatter", {{"a", 63}, {"b", 1}}, {}},
                    Row{"JustEnough", {{"a", 64}, {"b", 1}}, {"a"}}),
    [](const auto& row) { return row.param.name; });

TEST(ReadyBacklogTest, ABrokerThatIsSlowToListIsAskedLessOften) {
  using std::chrono::milliseconds;
  EXPECT_EQ(PauseAfterReading(milliseconds(3'000), milliseconds(10)), milliseconds(3'000));
  EXPECT_EQ(PauseAfterReading(milliseconds(3'000), milliseconds(400)), milliseconds(8'000));
}

TEST(ReadyTurnsTest, HoldForTheirKindAndLaneUntilTheNextNote) {
  ReadyTurns turns;
  turns.Note(Kind::kBulk, 1, {{"a", 1'000}, {"b", 1}});
  EXPECT_TRUE(turns.MustYield(Kind::kBulk, 1, "a"));
  EXPECT_FALSE(turns.MustYield(Kind::kBulk, 1, "b"));
  EXPECT_FALSE(turns.MustYield(Kind::kBulk, 0, "a"));
  EXPECT_FALSE(turns.MustYield(Kind::kTransactional, 1, "a"));
  turns.Note(Kind::kBulk, 1, {{"a", 1'000}});
  EXPECT_FALSE(turns.MustYield(Kind::kBulk, 1, "a"));
}

}  // namespace
}  // namespace goniec::outbound
