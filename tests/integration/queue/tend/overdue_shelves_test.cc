// What must come back from the shelves of all lanes by a minute, run after run.
#include "common/queue/tend/overdue_shelves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/queue/broker/kv.h"
#include "common/queue/hold/shelf.h"
#include "common/queue/model/stream_settings.h"
#include "tests/integration/queue/hold/hold_fixture.h"

namespace goniec::queue {
namespace {

class OverdueShelvesTest : public HoldFixture {
 protected:
  void Put(std::int64_t minute) {
    const v1::Record record = MakeRecord(1, 1);
    StoreAt(HeldSubject(kSite, SlotOf(record.record_id()), minute), record);
  }
  std::int64_t Now() { return MinuteOf(broker_->Now()); }
  static int Run(OverdueShelves& overdue) {
    const auto released = RunToEnd(overdue.Run());
    EXPECT_TRUE(released.ok()) << released.status();
    return released.value_or(-1);
  }

  const ShelfPlace kSite{0, MailClass::kTransactional, "site1", "acme"};
};

TEST_F(OverdueShelvesTest, WhatKeepersReleasedIsNotInTheWay) {
  for (int i = 0; i < 3; ++i) Put(Now() + 100);
  const auto records = RunToEnd(ReadShelf(*broker_, kSite, 1, 10));
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(RunToEnd(ReleaseAll(*broker_, 0, *records)), 3U);
  for (int i = 0; i < 3; ++i) Put(Now() - 1);
  OverdueShelves overdue(*broker_, config_, 2);
  EXPECT_EQ(Run(overdue), 2);
  EXPECT_EQ(Run(overdue), 0) << "two that are overdue wait";
}

TEST_F(OverdueShelvesTest, WhatComesBackLeavesRoomInTheBrokersMemory) {
  config_.waiting_memory_bytes = 2 << 10;
  for (int i = 0; i < 40; ++i) Put(Now() - 1);
  OverdueShelves overdue(*broker_, config_, 1'000);
  EXPECT_EQ(Run(overdue), 40);
  const std::int64_t late = Now() - 100;
  Put(late);
  overdue.Add({{0, late}});
  EXPECT_EQ(Run(overdue), 0) << "what came back waits";
  (void)Api("STREAM.PURGE.WAIT_0");  // served
  EXPECT_EQ(Run(overdue), 1);
}

TEST_F(OverdueShelvesTest, WhateverElseFillsWaitSomeComesBack) {
  config_.waiting_memory_bytes = 16;
  const v1::Record record = MakeRecord(1, 1);
  StoreAt(DueSubjectOf(record), record);
  Put(Now() - 1);
  OverdueShelves overdue(*broker_, config_, 1'000);
  EXPECT_EQ(Run(overdue), 1);
}

// A clock that ran ahead for a while, and was put right.
TEST_F(OverdueShelvesTest, AClockThatGoesBackIsFollowed) {
  const std::int64_t now = Now();
  ASSERT_TRUE(RunToEnd(KvPut(*broker_, kControlBucket, "expiry.0", absl::StrCat(now + 8))).ok());
  broker_->LearnTime(WallTime(std::chrono::minutes(now + 10)), BootClock::now());
  OverdueShelves overdue(*broker_, config_);
  EXPECT_EQ(Run(overdue), 0);
  Put(now);
  ASSERT_LE(Now(), now + 5) << "the broker's own time again";
  EXPECT_EQ(Run(overdue), 1);
}

// What one listing missed is not passed over by who takes over before the next.
TEST_F(OverdueShelvesTest, WhoTakesOverListsWhatWasNotListedTwice) {
  const std::int64_t now = Now();
  ASSERT_TRUE(RunToEnd(KvPut(*broker_, kControlBucket, "expiry.0", absl::StrCat(now - 50))).ok());
  for (const int back : {40, 20}) Put(now - back);
  OverdueShelves first(*broker_, config_, 1);
  EXPECT_EQ(Run(first), 1);
  Put(now - 45);
  (void)Api("STREAM.PURGE.WAIT_0");  // served
  OverdueShelves second(*broker_, config_);
  EXPECT_EQ(Run(second), 2);
  EXPECT_EQ(Stored("HELD_0"), 0U);
}

TEST_F(OverdueShelvesTest, ALateMinuteIsDoneWhenNothingOfItIsLeft) {
  const std::int64_t late = Now() - 100;
  ASSERT_TRUE(RunToEnd(KvPut(*broker_, kControlBucket, "expiry.0", absl::StrCat(Now()))).ok());
  for (int i = 0; i < 3; ++i) Put(late);
  OverdueShelves overdue(*broker_, config_, 2);
  overdue.Add({{0, late}});
  EXPECT_EQ(Run(overdue), 2);
  (void)Api("STREAM.PURGE.WAIT_0");  // served
  EXPECT_EQ(Run(overdue), 1);
}

}  // namespace
}  // namespace goniec::queue
