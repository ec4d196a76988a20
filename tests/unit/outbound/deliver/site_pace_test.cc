#include "outbound/deliver/site_pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const BootTime kNow{std::chrono::hours(1)};
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

// One mail every `each`, for `span`.
BootTime Work(SitePace& pace, milliseconds each, milliseconds span, BootTime from = kNow) {
  BootTime now = from;
  while (now < from + span) {
    now += each;
    pace.Finished(now);
  }
  return now;
}

TEST(SitePaceTest, NothingIsKnownBeforeItWasSeenForAWhile) {
  SitePace pace;
  EXPECT_FALSE(pace.PerSecond(kNow));
  pace.Waiting(true, kNow);
  EXPECT_FALSE(pace.PerSecond(kNow + milliseconds(299)));
  EXPECT_EQ(pace.PerSecond(kNow + milliseconds(300)), 0);
}

TEST(SitePaceTest, ManyMailsAreEnoughToTell) {
  SitePace pace;
  pace.Waiting(true, kNow);
  const BootTime now = Work(pace, milliseconds(1), milliseconds(50));
  ASSERT_TRUE(pace.PerSecond(now));
  EXPECT_NEAR(*pace.PerSecond(now), 1000, 50);
}

TEST(SitePaceTest, FollowsWhatTheSiteTakes) {
  SitePace pace;
  pace.Waiting(true, kNow);
  BootTime now = Work(pace, milliseconds(50), seconds(1));
  EXPECT_NEAR(*pace.PerSecond(now), 20, 2);
  now = Work(pace, milliseconds(50), seconds(30), now);
  EXPECT_NEAR(*pace.PerSecond(now), 20, 2);
  now = Work(pace, milliseconds(500), seconds(20), now);
  EXPECT_NEAR(*pace.PerSecond(now), 2, 0.5);
  EXPECT_LT(*pace.PerSecond(now + seconds(20)), 0.01);
}

// A site that is served as fast as mail comes could take more.
TEST(SitePaceTest, WhatIsTakenWhileNothingWaitsSaysNothing) {
  SitePace pace;
  const BootTime now = Work(pace, milliseconds(1'000), seconds(10));
  EXPECT_FALSE(pace.PerSecond(now));
  pace.Waiting(true, now);
  EXPECT_FALSE(pace.PerSecond(now));
  pace.Waiting(false, now + seconds(1));
  EXPECT_FALSE(pace.PerSecond(now + seconds(1)));
}

TEST(SitePaceTest, StartsAnewWhenTheSiteIsThere) {
  SitePace pace;
  pace.Waiting(true, kNow);
  EXPECT_EQ(pace.PerSecond(kNow + seconds(1)), 0);
  pace.Restart(kNow + seconds(1));
  EXPECT_FALSE(pace.PerSecond(kNow + milliseconds(1'200)));
}

struct MostCase {
  const char* name;
  std::optional<double> per_second;
  std::size_t elsewhere;
  std::size_t most;
};

class MostWaitingTest : public ::testing::TestWithParam<MostCase> {};

TEST_P(MostWaitingTest, FollowsPaceAndRoom) {
  const WaitingLimits limits{1000, 100, seconds(5)};
  EXPECT_EQ(MostWaiting(limits, GetParam().per_second, GetParam().elsewhere), GetParam().most);
}

INSTANTIATE_TEST_SUITE_P(All, MostWaitingTest,
                         ::testing::Values(MostCase{"UnknownHasNoLimit", std::nullopt, 0, kAll},
                                           MostCase{"UnknownHasNoneBesideOthers", std::nullopt, 900, kAll},
                                           MostCase{"Silent", 0, 0, 100},
                                           MostCase{"SlowHasItsShare", 20, 0, 100},
                                           MostCase{"FastHasWhatItTakesSoon", 400, 0, 1000},
                                           MostCase{"FastHasItBesideOthersToo", 400, 900, 1000},
                                           MostCase{"AQuarterOfWhatOthersLeave", 0, 900, 25},
                                           MostCase{"AlwaysAFew", 0, 1000, 5},
                                           MostCase{"AlwaysAFewWhereAllIsTaken", 0, 5000, 5}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace goniec::outbound
