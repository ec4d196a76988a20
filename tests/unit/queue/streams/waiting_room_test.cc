#include "common/queue/streams/waiting_room.h"

#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

const BootTime kStart = BootTime(std::chrono::hours(1));

TEST(WaitingMarkTest, WhatIsNotKnownIsNotFull) {
  WaitingMark mark(100);
  EXPECT_FALSE(mark.Update({}, kStart));
}

TEST(WaitingMarkTest, FullFromItsMarkOnUntilSomePointsBelow) {
  WaitingMark mark(100);
  EXPECT_FALSE(mark.Update(89, kStart));
  EXPECT_TRUE(mark.Update(90, kStart));
  EXPECT_TRUE(mark.Update(86, kStart));
  EXPECT_FALSE(mark.Update(84, kStart));
}

TEST(WaitingMarkTest, WhatCannotBeReadIsAsItWasForAWhile) {
  WaitingMark mark(100);
  EXPECT_TRUE(mark.Update(95, kStart));
  EXPECT_TRUE(mark.Update({}, kStart + std::chrono::seconds(29)));
  EXPECT_FALSE(mark.Update({}, kStart + kWaitingKnown));
  EXPECT_TRUE(mark.Update(95, kStart + std::chrono::seconds(31)));
  EXPECT_TRUE(mark.Update({}, kStart + std::chrono::seconds(60))) << "anew";
}

}  // namespace
}  // namespace goniec::queue
