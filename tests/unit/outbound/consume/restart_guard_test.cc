// Which records a restarted server may have forgotten, and for how long they are left alone.
#include "outbound/consume/restart_guard.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/queue/hold/server_starts.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kAckWait{60'000};
const WallTime kStart = WallTime(std::chrono::hours(400'000));

queue::Durability Single(std::optional<WallTime> start) {
  queue::Durability durability;
  durability.replicas = 1;
  durability.latest_start = start;
  return durability;
}

queue::DeliveryInfo StoredAt(WallTime time) {
  queue::DeliveryInfo info;
  info.delivery_count = 1;
  info.stored_at = time;
  return info;
}

TEST(RestartGuard, BeforeItHasLearntNothingIsTouched) {
  const RestartGuard guard(kAckWait);
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart)));
  EXPECT_EQ(guard.PutBackFor(StoredAt(kStart), kStart), kAckWait);
}

TEST(RestartGuard, WhatWasThereBeforeTheStartIsLeftAloneUntilNoLeaseCanHold) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(kStart), {}, kStart + seconds(1));
  const auto old = StoredAt(kStart - seconds(5));
  EXPECT_EQ(guard.PutBackFor(old, kStart + seconds(10)), seconds(50));
  EXPECT_FALSE(guard.PutBackFor(old, kStart + seconds(60)).has_value());
  EXPECT_TRUE(guard.MustLook(old)) << "and looked at afterwards";
  const auto fresh = StoredAt(kStart + seconds(5));
  EXPECT_FALSE(guard.MustLook(fresh));
  EXPECT_FALSE(guard.PutBackFor(fresh, kStart + seconds(10)).has_value());
}

// It answers long after its start: a living worker may still have outcomes to tell.
TEST(RestartGuard, AfterALongRecoveryThereIsTimeToTell) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(kStart), {}, kStart + seconds(59));
  const auto old = StoredAt(kStart - seconds(5));
  EXPECT_EQ(guard.PutBackFor(old, kStart + seconds(60)), seconds(19));
  EXPECT_FALSE(guard.PutBackFor(old, kStart + seconds(80)).has_value());
}

TEST(RestartGuard, ALongRunningServerDelaysNothing) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(kStart), {}, kStart + minutes(60));
  const auto old = StoredAt(kStart - seconds(5));
  EXPECT_FALSE(guard.PutBackFor(old, kStart + minutes(60)).has_value());
  EXPECT_TRUE(guard.MustLook(old));
}

TEST(RestartGuard, TheServersClockIsNotOurs) {
  RestartGuard guard(kAckWait);
  queue::Durability durability = Single(kStart + seconds(8));
  durability.clock_offset = seconds(8);
  guard.Learn(durability, {}, kStart);
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(60)).has_value());
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart + seconds(7))))
      << "stored by the server's clock, before its start";
}

TEST(RestartGuard, AnUnknownStartIsNow) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(std::nullopt), {}, kStart);
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart + seconds(9)))) << "clocks differ by up to ten seconds";
  EXPECT_TRUE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(59)).has_value());
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(60)).has_value());
}

TEST(RestartGuard, ReplicatedStreamsForgetNothing) {
  RestartGuard guard(kAckWait);
  queue::Durability durability = Single(kStart);
  durability.replicas = 3;
  guard.Learn(durability, {}, kStart + seconds(1));
  EXPECT_FALSE(guard.MustLook(StoredAt(kStart - seconds(5))));
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart - seconds(5)), kStart + seconds(1)).has_value());
}

// What a record sees of a server that starts again every so often: when it is left alone, when it is free.
struct Restarts {
  const char* name;
  seconds stored;  // from the first start
  std::vector<seconds> starts;
  seconds now;
  std::optional<seconds> put_back_for;
};

class RestartAgain : public testing::TestWithParam<Restarts> {};

TEST_P(RestartAgain, LeavesAloneWhatSomebodyMayHold) {
  const Restarts& row = GetParam();
  std::vector<WallTime> starts;
  for (const seconds start : row.starts) starts.push_back(kStart + start);
  RestartGuard guard(kAckWait);
  guard.Learn(Single(starts.back()), starts, starts.back());
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart + row.stored)));
  EXPECT_EQ(guard.PutBackFor(StoredAt(kStart + row.stored), kStart + row.now), row.put_back_for);
}

INSTANTIATE_TEST_SUITE_P(
    RestartGuard, RestartAgain,
    testing::Values(
        Restarts{"OneStart", seconds(-5), {seconds(0)}, seconds(10), seconds(50)},
        Restarts{
            "NobodyHadItBetweenTheStarts", seconds(-5), {seconds(0), seconds(40)}, seconds(50), seconds(10)},
        Restarts{"FreeThoughTheLastStartIsNear",
                 seconds(-5),
                 {seconds(0), seconds(40)},
                 seconds(60),
                 std::nullopt},
        Restarts{"OfTheSecondLifeItWaitsFromTheSecondStart",
                 seconds(10),
                 {seconds(0), seconds(40)},
                 seconds(60),
                 seconds(40)},
        Restarts{"TakenWhenItWasFreeItWaitsAnew",
                 seconds(-5),
                 {seconds(0), seconds(40), seconds(80)},
                 seconds(90),
                 seconds(50)},
        Restarts{"AndIsFreeAgainAMinuteLater",
                 seconds(-5),
                 {seconds(0), seconds(40), seconds(80), seconds(120)},
                 seconds(140),
                 std::nullopt},
        Restarts{"AMomentToTellOutcomes",
                 seconds(-5),
                 {seconds(0), seconds(20), seconds(40), seconds(59)},
                 seconds(60),
                 seconds(4)}),
    [](const auto& info) { return info.param.name; });

// However often it restarts, between two windows in which a record may be taken lies no more than ack_wait;
// and the time until then once more where a row of starts became too long and was forgotten.
TEST(RestartGuard, AServerThatRestartsForEverKeepsNothingForEver) {
  for (const seconds life : {seconds(7), seconds(20), seconds(31), seconds(45), seconds(59)}) {
    std::vector<WallTime> starts;
    std::optional<WallTime> waits_since;
    WallTime forgotten = WallTime::min();
    int taken = 0;
    for (WallTime now = kStart; now < kStart + minutes(30); now += seconds(1)) {
      if ((now - kStart) % life == seconds(0)) {
        const bool row = starts.size() > 1;
        starts = queue::WithStart(starts, now, kAckWait);
        if (row && starts.size() == 1) forgotten = now;
      }
      RestartGuard guard(kAckWait);
      guard.Learn(Single(starts.back()), starts, starts.back());
      if (guard.PutBackFor(StoredAt(kStart - seconds(5)), now)) {
        if (!waits_since) waits_since = now;
        const auto once_more = forgotten >= *waits_since ? kAckWait : seconds(0);
        EXPECT_LE(now - *waits_since, kAckWait + kAckWait / 12 + once_more) << life.count();
      } else {
        waits_since.reset();
        ++taken;
      }
    }
    EXPECT_GT(taken, 0) << life.count();
  }
}

TEST(ServerStarts, OnlyThoseThatDecideAreKept) {
  const auto at = [](int second) { return kStart + seconds(second); };
  EXPECT_EQ(queue::WithStart({}, at(0), kAckWait), (std::vector{at(0)}));
  EXPECT_EQ(queue::WithStart({at(0)}, at(0), kAckWait), (std::vector{at(0)}));
  EXPECT_EQ(queue::WithStart({at(0), at(50)}, at(100), kAckWait), (std::vector{at(0), at(50), at(100)}));
  EXPECT_EQ(queue::WithStart({at(0), at(50)}, at(110), kAckWait), (std::vector{at(110)}));
  EXPECT_EQ(queue::WithStart({at(50)}, at(10), kAckWait), (std::vector{at(10)})) << "its clock went back";
  std::vector<WallTime> many;
  for (int i = 0; i < 64; ++i) many.push_back(at(i));
  EXPECT_EQ(queue::WithStart(many, at(64), kAckWait), (std::vector{at(64)}));
}

TEST(ServerStarts, AreReadAsTheyWereWritten) {
  const std::vector<WallTime> starts = {kStart + std::chrono::nanoseconds(1), kStart + seconds(3)};
  EXPECT_EQ(queue::ParseStarts(queue::FormatStarts(starts)), starts);
  EXPECT_TRUE(queue::ParseStarts("").empty());
  EXPECT_TRUE(queue::ParseStarts("x -5 99999999999999999999999").empty());
}

}  // namespace
}  // namespace goniec::outbound
