// Lanes, tenants and the size of records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/publish/publisher_fixture.h"

namespace goniec::queue {
namespace {

class FourLanesTest : public PublisherTest {
 protected:
  void SetUp() override {
    config_.lanes = 4;
    Begin({});
    holding_ = std::make_unique<HoldingBroker>(*broker_);
    publisher_ = Publisher::Create(*holding_, config_, nullptr, clock_);
  }
  void TearDown() override { publisher_ = nullptr; }
  std::unique_ptr<HoldingBroker> holding_;
};

// The flood was there first, with mails for many records and lanes for all turns.
TEST_F(FourLanesTest, ABacklogOfOneTenantDelaysNoOtherByMoreThanItsTurn) {
  Answers answers;
  const auto commit = [&](const std::string& tenant) {
    v1::Mail mail = MakeMail();
    mail.set_tenant(tenant);
    publisher_->Commit(std::move(mail), answers.Take());
  };
  constexpr int kFlood = 12 * mail::kMaxMailsPerRecord;
  constexpr int kOthers = 20;
  for (int i = 0; i < kFlood; ++i) commit("flood");
  ASSERT_TRUE(test::WaitUntil([&] { return holding_->tenants().size() == 4; }));
  for (int i = 0; i < kOthers; ++i) commit(absl::StrCat("tenant", i));
  // They are in the queue of the broker's thread behind what takes them in.
  holding_->Release();
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == kFlood + kOthers; }));
  for (const auto& answer : answers.all()) EXPECT_TRUE(answer.ok()) << answer.status();
  std::vector<std::string> turns = holding_->tenants();
  turns.erase(turns.begin(), turns.begin() + 4);  // before the others came
  std::size_t last_other = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i] != "flood") last_other = i;
  }
  const auto floods =
      std::count(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(last_other), "flood");
  EXPECT_LE(floods, 1) << "all had waited for a turn when it had one";
}

class SmallPayloadTest : public PublisherTest {
 protected:
  void SetUp() override {
    test::NatsServerOptions options;
    options.extra = "max_payload: 200KB";
    Begin(std::move(options));
  }
};

TEST_F(SmallPayloadTest, RecordsStayBelowTheServersLimit) {
  Make();
  Answers answers;
  for (int i = 0; i < 20; ++i) publisher_->Commit(MakeMail(60'000), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 20; }));
  for (const auto& answer : answers.all()) EXPECT_TRUE(answer.ok()) << answer.status();
  for (const v1::Record& record : StoredRecords()) EXPECT_LT(record.ByteSizeLong(), 200'000U);
}

}  // namespace
}  // namespace goniec::queue
