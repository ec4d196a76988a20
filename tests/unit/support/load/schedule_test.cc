#include "tests/support/load/schedule.h"

#include <gtest/gtest.h>

namespace goniec::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Schedule, AClosedLoopGivesAMailWheneverAsked) {
  Schedule schedule({.mails = 3});
  for (std::uint64_t n = 0; n < 3; ++n) {
    const Schedule::Time now = seconds(n * n);
    const auto mail = schedule.Take(now);
    ASSERT_TRUE(mail.has_value());
    EXPECT_EQ(mail->number, n);
    EXPECT_EQ(mail->due, now);
  }
  EXPECT_FALSE(schedule.Take(seconds(9)).has_value());
  EXPECT_FALSE(schedule.NextDue(seconds(9)).has_value());
  EXPECT_EQ(schedule.taken(), 3U);
}

TEST(Schedule, AClosedLoopEndsWithItsTime) {
  Schedule schedule({.duration = seconds(2)});
  EXPECT_TRUE(schedule.Take(milliseconds(1'999)).has_value());
  EXPECT_FALSE(schedule.Take(seconds(2)).has_value());
  EXPECT_FALSE(schedule.NextDue(seconds(2)).has_value());
}

TEST(Schedule, AnOpenLoopGivesMailsAtTheirTimeAndNotBefore) {
  Schedule schedule({.mails = 3, .rate = 100});
  EXPECT_EQ(schedule.Take(seconds(0))->due, seconds(0));
  EXPECT_EQ(schedule.NextDue(seconds(0)), milliseconds(10));
  EXPECT_FALSE(schedule.Take(milliseconds(9)).has_value());
  EXPECT_EQ(schedule.Take(milliseconds(10))->due, milliseconds(10));
}

// What makes a stalled server's latency show: late mails are due when they would have been sent.
TEST(Schedule, MailsThatWereKeptBackAreDueAtTheirOwnTimes) {
  Schedule schedule({.mails = 1'000, .rate = 1'000});
  for (int n = 0; n < 500; ++n) {
    const auto mail = schedule.Take(milliseconds(499));
    ASSERT_TRUE(mail.has_value()) << n;
    EXPECT_EQ(mail->due, milliseconds(n));
  }
  EXPECT_FALSE(schedule.HasDue(milliseconds(499)));
}

TEST(Schedule, AnOpenLoopSendsLateWhatFellDueInTime) {
  Schedule schedule({.duration = seconds(1), .rate = 2});
  EXPECT_EQ(schedule.Take(seconds(60))->due, seconds(0));
  EXPECT_EQ(schedule.Take(seconds(60))->due, milliseconds(500));
  EXPECT_FALSE(schedule.Take(seconds(60)).has_value());
}

TEST(Schedule, LongRunsKeepTheirRate) {
  Schedule schedule({.mails = 3'000'000, .rate = 3'000});
  while (schedule.taken() < 2'999'999) ASSERT_TRUE(schedule.Take(seconds(1'000)).has_value());
  EXPECT_NEAR(static_cast<double>(schedule.NextDue(seconds(0))->count()), 1e12 - 1e9 / 3'000, 1'000);
}

}  // namespace
}  // namespace goniec::load
