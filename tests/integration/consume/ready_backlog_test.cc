#include "outbound/consume/ready_backlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/queue/real_queue.h"

namespace goniec::outbound {
namespace {

using queue::MailClass;

class ReadyBacklogTest : public queue::RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }
  void StoreRecord(MailClass mail_class, const std::string& tenant, int slot) {
    Store({queue::ReadySubject(0, mail_class, tenant, slot),
           std::make_shared<const std::string>("record"),
           {}});
  }
};

TEST_F(ReadyBacklogTest, CountsTheRecordsOfEachTenantInOneClass) {
  for (int slot = 0; slot < 5; ++slot) StoreRecord(MailClass::kBulk, "large", slot);
  StoreRecord(MailClass::kBulk, "large", 0);
  StoreRecord(MailClass::kBulk, "small", 9);
  StoreRecord(MailClass::kTransactional, "other", 9);
  const absl::StatusOr<Backlog> backlog = RunToEnd(ReadBacklog(*broker_, 0, MailClass::kBulk));
  ASSERT_TRUE(backlog.ok()) << backlog.status();
  EXPECT_THAT(*backlog, testing::ElementsAre(testing::Pair("large", 6), testing::Pair("small", 1)));
}

// Its one record is in hand, however long that takes.
TEST_F(ReadyBacklogTest, WhoHasOnlyRecordsInHandMakesNobodyYield) {
  StoreRecord(MailClass::kBulk, "small", 9);
  for (int i = 0; i < 100; ++i) StoreRecord(MailClass::kBulk, "large", i % 10);
  Backlog backlog{{"large", 100}, {"small", 1}};
  ASSERT_TRUE(RunToEnd(LeaveOutServed(*broker_, 0, MailClass::kBulk, backlog)).ok());
  EXPECT_THAT(YieldingTenants(backlog), testing::ElementsAre("large"));
  // Asked for as a worker does: the first record is in its hand then.
  const std::string consumer = "READY_0." + queue::ReadyConsumer(MailClass::kBulk);
  const std::string inbox = broker_->NewInbox();
  const auto pulled = broker_->Subscribe(inbox, [](const queue::IncomingMessage&) {});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  broker_->Publish({"$JS.API.CONSUMER.MSG.NEXT." + consumer,
                    std::make_shared<const std::string>(R"({"batch":1})"),
                    {},
                    inbox});
  ASSERT_TRUE(test::WaitUntil(
      [&] { return nlohmann::json::parse(Api("CONSUMER.INFO." + consumer))["num_ack_pending"] == 1; }));
  ASSERT_TRUE(RunToEnd(LeaveOutServed(*broker_, 0, MailClass::kBulk, backlog)).ok());
  EXPECT_THAT(backlog, testing::ElementsAre(testing::Pair("large", 100)));
}

}  // namespace
}  // namespace goniec::outbound
