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

TEST(SitePaceTest, AGuessStandsInUntilASiteHasOpenedItsConnections) {
  SitePace pace;
  EXPECT_EQ(pace.Assumed(kGuess, kNow), 100);
  pace.Waiting(true, kNow);
  EXPECT_EQ(pace.Assumed(kGuessLate, kNow + seconds(1)), 20);
  EXPECT_EQ(pace.Assumed(kGuess, kNow + seconds(6)), 2) << "it took nothing in all that time";
  pace.Finished(kNow + seconds(6));
  EXPECT_LT(pace.Assumed(kGuess, kNow + seconds(6)), 2);
  EXPECT_EQ(pace.Assumed(kGuess, kNow + seconds(60)), 0.1);
  pace.Restart(kNow);
  pace.Finished(kNow + seconds(1));
  EXPECT_EQ(pace.Assumed(kGuess, kNow + seconds(2)), 20) << "more connections follow";
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

TEST(ReturnTimesTest, OneComesBackBehindTheOther) {
  ReturnTimes returns;
  // When what is in hand will be done, a little early: 100 mails at 30 a second.
  for (int i = 1; i <= 4; ++i) {
    const milliseconds away = returns.Next(20, 100, std::chrono::minutes(10), 0, kNow);
    EXPECT_NEAR(static_cast<double>(away.count()), 3333 + i * 33.3, 2);
  }
}

TEST(ReturnTimesTest, NobodyComesBackAtOnce) {
  ReturnTimes returns;
  EXPECT_GE(returns.Next(1e6, 0, std::chrono::minutes(10), 0, kNow), seconds(1));
}

TEST(ReturnTimesTest, ALargeBacklogIsSpreadOverTheSecondHalfOfTheLongest) {
  ReturnTimes returns;
  std::size_t late = 0;
  for (int i = 0; i < 5'000; ++i) {
    const milliseconds away = returns.Next(2, 10, seconds(100), i / 5000.0, kNow);
    EXPECT_GT(away, milliseconds(0));
    EXPECT_LE(away, seconds(100));
    if (away >= seconds(50)) ++late;
  }
  EXPECT_GT(late, 4'800u);
  EXPECT_EQ(returns.Next(2, 10, seconds(100), 0, kNow), seconds(50));
  EXPECT_EQ(returns.Next(2, 10, seconds(100), 0.5, kNow), seconds(75));
}

TEST(ReturnTimesTest, TimeThatHasPassedIsNotWaitedForAgain) {
  ReturnTimes returns;
  for (int i = 0; i < 100; ++i) (void)returns.Next(2, 0, seconds(600), 0, kNow);
  EXPECT_LE(returns.Next(2, 0, seconds(600), 0, kNow + seconds(60)), milliseconds(1'400));
}

}  // namespace
}  // namespace goniec::outbound
