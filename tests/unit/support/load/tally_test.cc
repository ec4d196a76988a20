#include "tests/support/load/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::load {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const Options kOptions{.target = "mx.test:25", .sessions = 20};

TEST(Tally, LatencyCountsFromWhenTheMailWasDue) {
  Tally tally;
  tally.Accepted(milliseconds(100), milliseconds(104));
  EXPECT_THAT(tally.Text(kOptions), HasSubstr("p50 4.00 "));
  EXPECT_THAT(tally.Text(kOptions), HasSubstr("max 4.00\n"));
}

TEST(Tally, RateAndProcessorTimeAreOfTheWholeRun) {
  Tally tally;
  for (int n = 1; n <= 100; ++n) tally.Accepted(milliseconds(n * 20 - 5), milliseconds(n * 20));
  tally.processor = microseconds(1'500);
  tally.connections = 7;
  EXPECT_EQ(tally.Text(kOptions),
            "smtp mx.test:25: mails of 10240 octets, 20 sessions\n"
            "accepted     100   refused 0   lost 0\n"
            "rate         50.0 mails/s over 2.00 s\n"
            "latency, ms  p50 5.00   p90 5.00   p99 5.00   p99.9 5.00   max 5.00\n"
            "own CPU      15.0 µs a mail\n"
            "connections  7\n");
  EXPECT_EQ(
      tally.Json(kOptions),
      R"({"protocol":"smtp","size":10240,"sessions":20,"rate_wanted":0,"accepted":100,"refused":0,"lost":0,)"
      R"("seconds":2.000000,"rate":50.000,"latency_ms":{"p50":5.0000,"p90":5.0000,"p99":5.0000,)"
      R"("p99_9":5.0000,"max":5.0000},"cpu_us_per_mail":15.000,"connections":7,"waited":0})"
      "\n");
  EXPECT_TRUE(tally.Verdict().ok());
}

TEST(Tally, OfRefusedAndLostMailsTheFirstIsNamed) {
  Tally tally;
  tally.Accepted(seconds(0), seconds(1));
  tally.Refused(seconds(1), "RCPT TO: 451 4.2.1 \"later\"");
  tally.Refused(seconds(2), "DATA: 554 no");
  EXPECT_EQ(tally.Verdict().message(), "2 of 3 mails were refused, the first: RCPT TO: 451 4.2.1 \"later\"");
  tally.Lost(seconds(3), "no answer to DATA: it broke");
  EXPECT_EQ(tally.Verdict().message(),
            "2 of 4 mails were refused, the first: RCPT TO: 451 4.2.1 \"later\"; "
            "1 of 4 were lost, the first: no answer to DATA: it broke");
  EXPECT_THAT(tally.Json(kOptions), HasSubstr(R"("first_refusal":"RCPT TO: 451 4.2.1 \"later\"")"));
  EXPECT_THAT(tally.Json(kOptions), HasSubstr(R"("first_loss":"no answer to DATA: it broke")"));
}

TEST(Tally, AnAnswerAfterTheSendingAndItsGraceIsNotInTime) {
  const Options options{.target = "mx.test:25", .duration = seconds(2), .rate = 2, .sessions = 20};
  Tally tally;
  tally.in_time_until = options.InTime();
  for (const auto now : {milliseconds(10), milliseconds(510), milliseconds(2'500), milliseconds(2'501)}) {
    tally.Accepted(milliseconds(0), now);
  }
  EXPECT_THAT(tally.Json(options), HasSubstr(R"("accepted":4,)"));
  EXPECT_THAT(tally.Json(options), HasSubstr(R"("in_time":3)"));
  EXPECT_THAT(tally.Text(options), HasSubstr("\nin time      3 by 2.50 s\n"));
  EXPECT_THAT(tally.Json(kOptions), Not(HasSubstr("in_time")));
}

TEST(Tally, FailuresAreCountedByTheirReason) {
  Tally tally;
  EXPECT_THAT(tally.Json(kOptions), Not(HasSubstr("failures")));
  for (int n = 0; n < 3; ++n) tally.Refused(seconds(1), "DATA: 451 \"later\"");
  tally.Lost(seconds(1), "no answer");
  EXPECT_THAT(tally.Json(kOptions), HasSubstr(R"("failures":{"DATA: 451 \"later\"":3,"no answer":1}})"));
  for (int n = 0; n < 20; ++n) tally.Lost(seconds(1), "reason " + std::to_string(n));
  EXPECT_THAT(tally.Json(kOptions), HasSubstr(R"("others":6)"));
}

TEST(Tally, AClosedLoopEndsWhenMailAfterMailIsLost) {
  Tally tally;
  for (int n = 0; n < 99; ++n) tally.Lost(seconds(n), "first");
  EXPECT_TRUE(tally.GoOn(kOptions).ok());
  tally.Refused(seconds(99), "451 later");
  for (int n = 0; n < 99; ++n) tally.Lost(seconds(n), "then");
  EXPECT_TRUE(tally.GoOn(kOptions).ok());
  tally.Lost(seconds(200), "last");
  EXPECT_EQ(tally.GoOn(kOptions).message(), "given up: 100 mails in a row were lost, the last: last");
  EXPECT_TRUE(tally.GoOn({.rate = 10}).ok());
}

TEST(Tally, OnlyMailsThatWaitedForAConnectionAreMentioned) {
  Tally tally;
  EXPECT_THAT(tally.Text(kOptions), Not(HasSubstr("waited")));
  tally.waited = 3;
  EXPECT_THAT(
      tally.Text({.target = "mx.test:25", .rate = 300, .sessions = 50}),
      testing::AllOf(HasSubstr("300 a second, at most 50 connections\n"), HasSubstr("waited       3 mails")));
}

}  // namespace
}  // namespace goniec::load
