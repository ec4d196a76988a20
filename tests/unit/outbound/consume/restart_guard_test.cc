// Which records a restarted server may have forgotten, and for how long they are left alone.
#include "outbound/consume/restart_guard.h"

#include <gtest/gtest.h>

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
  guard.Learn(Single(kStart), kStart + seconds(1));
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
  guard.Learn(Single(kStart), kStart + seconds(59));
  const auto old = StoredAt(kStart - seconds(5));
  EXPECT_EQ(guard.PutBackFor(old, kStart + seconds(60)), seconds(19));
  EXPECT_FALSE(guard.PutBackFor(old, kStart + seconds(80)).has_value());
}

TEST(RestartGuard, ALongRunningServerDelaysNothing) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(kStart), kStart + minutes(60));
  const auto old = StoredAt(kStart - seconds(5));
  EXPECT_FALSE(guard.PutBackFor(old, kStart + minutes(60)).has_value());
  EXPECT_TRUE(guard.MustLook(old));
}

TEST(RestartGuard, TheServersClockIsNotOurs) {
  RestartGuard guard(kAckWait);
  queue::Durability durability = Single(kStart + seconds(8));
  durability.clock_offset = seconds(8);
  guard.Learn(durability, kStart);
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(60)).has_value());
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart + seconds(7))))
      << "stored by the server's clock, before its start";
}

TEST(RestartGuard, AnUnknownStartIsNow) {
  RestartGuard guard(kAckWait);
  guard.Learn(Single(std::nullopt), kStart);
  EXPECT_TRUE(guard.MustLook(StoredAt(kStart + seconds(9)))) << "clocks differ by up to ten seconds";
  EXPECT_TRUE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(59)).has_value());
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart), kStart + seconds(60)).has_value());
}

TEST(RestartGuard, ReplicatedStreamsForgetNothing) {
  RestartGuard guard(kAckWait);
  queue::Durability durability = Single(kStart);
  durability.replicas = 3;
  guard.Learn(durability, kStart + seconds(1));
  EXPECT_FALSE(guard.MustLook(StoredAt(kStart - seconds(5))));
  EXPECT_FALSE(guard.PutBackFor(StoredAt(kStart - seconds(5)), kStart + seconds(1)).has_value());
}

}  // namespace
}  // namespace goniec::outbound
