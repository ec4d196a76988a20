// Records that their consumer has lost sight of, on a real nats-server. A reset beyond the end of the stream
// makes it lose sight.
#include "common/queue/tend/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class WatchdogTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }

  void StoreRecords(int count, MailClass mail_class = MailClass::kTransactional) {
    for (int i = 0; i < count; ++i) {
      Store({ReadySubject(0, mail_class, "default", i), std::make_shared<const std::string>("record"), {}});
    }
  }

  std::uint64_t Pending(const std::string& consumer) {
    return nlohmann::json::parse(Api("CONSUMER.INFO.READY_0." + consumer))["num_pending"];
  }

  std::vector<StuckConsumer> Find() {
    auto found = RunToEnd(FindStuck(*broker_, config_));
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *std::move(found) : std::vector<StuckConsumer>();
  }
};

TEST_F(WatchdogTest, WhatIsPendingIsNotStuck) {
  EXPECT_THAT(Find(), IsEmpty());
  StoreRecords(3);
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(WatchdogTest, RecordsBelowTheFloorAreStuckUntilTheReset) {
  StoreRecords(3);
  StoreRecords(1, MailClass::kBulk);
  Api("CONSUMER.RESET.READY_0.transactional", R"({"seq":5})");
  StoreRecords(1);  // newer mail comes through all the same
  EXPECT_EQ(Pending("transactional"), 1);
  const std::vector<StuckConsumer> found = Find();
  ASSERT_THAT(
      found, ElementsAre(AllOf(Field(&StuckConsumer::stream, "READY_0"),
                               Field(&StuckConsumer::consumer, "transactional"),
                               Field(&StuckConsumer::sequence, 1), Field(&StuckConsumer::last_sequence, 5))));

  const absl::Status done =
      RunToEnd(ResetConsumer(*broker_, found[0], BootClock::now() + std::chrono::seconds(10)));
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_EQ(Pending("transactional"), 4);
  EXPECT_EQ(Pending("bulk"), 1);
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(WatchdogTest, AResetThatIsTooLateIsNotSent) {
  StoreRecords(1);
  Api("CONSUMER.RESET.READY_0.transactional", R"({"seq":2})");
  EXPECT_FALSE(RunToEnd(ResetConsumer(*broker_, Find().at(0), BootClock::now())).ok());
  EXPECT_EQ(Pending("transactional"), 0);
}

TEST_F(WatchdogTest, NoticesAreFoundByWhoeverComesLater) {
  const auto none = RunToEnd(ReadResetNotices(*broker_, config_));
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, IsEmpty());
  const WallTime until = WallTime(std::chrono::seconds(1'800'000'000));
  for (const std::uint64_t last : {7, 9}) {
    ASSERT_TRUE(RunToEnd(Announce(*broker_, {"READY_0", "bulk", last, until})).ok());
  }
  ASSERT_TRUE(RunToEnd(Announce(*broker_, {"WAIT_0", "due", 3, until})).ok());
  const auto found = RunToEnd(ReadResetNotices(*broker_, config_));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found,
              UnorderedElementsAre(
                  AllOf(Field(&ResetNotice::consumer, "bulk"), Field(&ResetNotice::last_sequence, 9),
                        Field(&ResetNotice::until, until)),
                  AllOf(Field(&ResetNotice::stream, "WAIT_0"), Field(&ResetNotice::last_sequence, 3))));
}

TEST(ResetNoticeTest, WhatCannotBeReadIsNoNotice) {
  for (const auto& [subject, payload] : {std::pair{"$KV.control.reset.READY_0.bulk", ""},
                                         {"$KV.control.reset.READY_0.bulk", "1"},
                                         {"$KV.control.reset.READY_0.bulk", "1 2 3"},
                                         {"$KV.control.reset.READY_0.bulk", "x 2"},
                                         {"$KV.control.reset.READY_0.bulk", "1 -1"},
                                         {"$KV.control.reset.READY_0.bulk", "1 9223372036854775807"},
                                         {"$KV.control.reset.READY_0", "1 2"}}) {
    EXPECT_EQ(ParseResetNotice(subject, payload), std::nullopt) << subject << " " << payload;
  }
}

TEST(ResetNoticeTest, NobodyRestsForLongerThanAResetTakes) {
  const WallTime now = WallTime(std::chrono::seconds(1'800'000'000));
  const std::chrono::seconds ack_wait{60};
  ResetNotice notice{"READY_0", "bulk", 1, now + std::chrono::seconds(75)};
  EXPECT_EQ(RestEnd(notice, now, ack_wait), notice.until);
  notice.until = now + std::chrono::hours(24 * 365);
  EXPECT_EQ(RestEnd(notice, now, ack_wait), now + std::chrono::seconds(120));
}

}  // namespace
}  // namespace goniec::queue
