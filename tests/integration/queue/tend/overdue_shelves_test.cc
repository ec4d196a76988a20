// What must come back from the shelves of all lanes by a minute, run after run.
#include "common/queue/tend/overdue_shelves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/queue/hold/shelf.h"
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

}  // namespace
}  // namespace goniec::queue
