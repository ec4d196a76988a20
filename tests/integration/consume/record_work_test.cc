// One record in hand, from its delivery to its settlement, on a real queue: what RecordWork wires together.
#include "outbound/consume/record_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <exception>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/observe/metrics.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/route/router.h"
#include "tests/integration/queue/hold/hold_fixture.h"
#include "tests/support/fake_resolver.h"

namespace goniec::outbound {
namespace {

using testing::HasSubstr;

class RecordWorkTest : public queue::HoldFixture {
 protected:
  void SetUp() override {
    config_.ack_wait = std::chrono::seconds(2);
    HoldFixture::SetUp();
    dispatcher_ = std::make_unique<SitePool>(executor_, DeliverConfig(), nullptr, view_, metrics_);
    work_ = std::make_unique<WorkContext>(WorkContext{*context_, router_, *dispatcher_, retry_, work_metrics_,
                                                      [this] { return may_work_; },
                                                      [this](const InHand& change) { in_hand_ += change; }});
    // Lookups of first.test are not made; second.test does not exist.
    resolver_.NotAsked("first.test");
  }

  // Begins the record and waits until it has left our hands.
  void Work(const std::shared_ptr<queue::Delivery>& delivery, bool must_look = false) {
    ASSERT_NE(delivery, nullptr);
    std::promise<void> done;
    OnExecutor([&] {
      const auto work = std::make_shared<RecordWork>(*work_, delivery, [&] { done.set_value(); });
      ASSERT_TRUE(work->Parse().ok());
      most_in_hand_ = in_hand_;
      work->Begin(must_look);
    });
    done.get_future().wait();
    Api("INFO");  // what was said to the broker before has come
  }
  void Drain() {
    std::promise<void> drained;
    asio::co_spawn(executor_, dispatcher_->Drain(std::chrono::seconds(1)),
                   [&](const std::exception_ptr&) { drained.set_value(); });
    drained.get_future().wait();
  }
  std::shared_ptr<queue::Delivery> PullReady(std::size_t count = 1) {
    return Pull("READY_0", "transactional", count);
  }
  std::string Recipients(const std::string& result) {
    const std::string name = absl::StrCat("\ngoniec_recipients_total{result=\"", result, "\"} ");
    const std::string shown = metrics_.Render();
    const std::size_t at = shown.find(name);
    return at == std::string::npos
               ? ""
               : shown.substr(at + name.size(), shown.find('\n', at + 1) - at - name.size());
  }
  queue::RecipientStatus StatusOf(const queue::v1::Mail& mail, std::uint32_t index) {
    const auto status = RunToEnd(finder_->Find("default", mail.message_id()));
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->recipients.at(index) : queue::RecipientStatus();
  }

  observe::Metrics metrics_;
  WorkMetrics work_metrics_{metrics_};
  test::FakeResolver resolver_;
  Router router_{RouteConfig(), resolver_, {}};
  RetryPolicy retry_;
  AloneView view_;
  std::unique_ptr<SitePool> dispatcher_;
  std::unique_ptr<WorkContext> work_;
  bool may_work_ = true;
  InHand in_hand_;
  InHand most_in_hand_;
};

TEST_F(RecordWorkTest, WhatIsNotARecordIsRefusedAndCountsNothing) {
  Store({queue::ReadySubject(0, queue::MailClass::kTransactional, "default", 7),
         std::make_shared<const std::string>("\xff\xff"),
         {}});
  const auto delivery = PullReady();
  OnExecutor([&] {
    const auto work = std::make_shared<RecordWork>(*work_, delivery, nullptr);
    EXPECT_EQ(work->Parse().message(), "not a record");
    EXPECT_EQ(in_hand_.mails, 0);
  });
  EXPECT_EQ(Stored("READY_0"), 1U);
}

TEST_F(RecordWorkTest, EveryMailAndDomainIsALegOfItsOwn) {
  const queue::v1::Record record = MakeRecord(2);
  StoreAt(ReadySubjectOf(record), record);
  Work(PullReady());
  for (const queue::v1::Mail& mail : record.mails()) {
    EXPECT_EQ(StatusOf(mail, 0).state, queue::RecipientState::kDeferred);
    EXPECT_EQ(StatusOf(mail, 1).state, queue::RecipientState::kBounced);
  }
  EXPECT_EQ(Recipients("deferred"), "2");
  EXPECT_EQ(Recipients("bounced"), "2");
  EXPECT_EQ(Stored("WAIT_0"), 2U);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
}

TEST_F(RecordWorkTest, ItsMailsCountUntilNothingOfThemIsLeft) {
  const queue::v1::Record record = MakeRecord(3);
  StoreAt(ReadySubjectOf(record), record);
  Work(PullReady());
  EXPECT_EQ(most_in_hand_.mails, 3);
  EXPECT_EQ(most_in_hand_.waiting_mails, 3);
  EXPECT_GT(most_in_hand_.bytes, 3 * kBytesAMail);
  OnExecutor([] {});  // what the last handler kept is gone
  EXPECT_EQ(in_hand_.mails, 0);
  EXPECT_EQ(in_hand_.waiting_mails, 0);
  EXPECT_EQ(in_hand_.bytes, 0);
  EXPECT_EQ(in_hand_.waiting_bytes, 0);
}

TEST_F(RecordWorkTest, WhileNothingMayBeginItGoesBack) {
  const queue::v1::Record record = MakeRecord(1);
  StoreAt(ReadySubjectOf(record), record);
  may_work_ = false;
  Work(PullReady());
  const auto again = PullReady(2);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->info().delivery_count, 2U);
  EXPECT_TRUE(resolver_.questions().empty());
  EXPECT_EQ(StatusOf(record.mails(0), 0).state, queue::RecipientState::kQueued);
}

TEST_F(RecordWorkTest, WhatTheDispatcherGivesBackAtItsEndGoesBackToTheBroker) {
  resolver_.Mx("second.test", {"10 mx.second.test"});
  resolver_.Addresses("mx.second.test", {"8.8.8.1"});
  Drain();
  queue::v1::Record record = MakeRecord(1);
  record.mutable_mails(0)->mutable_recipients()->DeleteSubrange(0, 1);
  StoreAt(ReadySubjectOf(record), record);
  Work(PullReady());
  const auto again = PullReady(2);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->info().delivery_count, 2U);
  EXPECT_EQ(Recipients("returned"), "1");
}

TEST_F(RecordWorkTest, WhatIsPastItsTimeEndsWithoutBeingRouted) {
  queue::v1::Record record = MakeRecord(1);
  record.mutable_mails(0)->mutable_expire_time()->set_seconds(1);
  StoreAt(ReadySubjectOf(record), record);
  Work(PullReady());
  EXPECT_EQ(StatusOf(record.mails(0), 0).state, queue::RecipientState::kExpired);
  EXPECT_EQ(Recipients("expired"), "2");
  EXPECT_TRUE(resolver_.questions().empty());
}

// Another worker has ended one recipient and died: the next one serves the other alone.
TEST_F(RecordWorkTest, OneThatIsLookedAtIsServedForWhoeverIsLeft) {
  const queue::v1::Record record = MakeRecord(1);
  StoreAt(ReadySubjectOf(record), record);
  queue::v1::EventRecord events;
  *events.add_events() = queue::MakeEvent(record.mails(0), queue::v1::EVENT_TYPE_DELIVERED, {0},
                                          std::chrono::system_clock::now());
  Store({queue::EventSubject(0, "default", queue::SlotOf(record.record_id())),
         std::make_shared<const std::string>(events.SerializeAsString()),
         {}});
  Work(PullReady(), /*must_look=*/true);
  EXPECT_EQ(StatusOf(record.mails(0), 0).state, queue::RecipientState::kDelivered);
  EXPECT_EQ(StatusOf(record.mails(0), 1).state, queue::RecipientState::kBounced);
  EXPECT_EQ(Recipients("bounced"), "1");
  EXPECT_EQ(Recipients("deferred"), "0");
  EXPECT_THAT(metrics_.Render(), HasSubstr("\ngoniec_records_looked_total 1\n"));
}

// Its acceptance is told by the first.
TEST_F(RecordWorkTest, AResendThatIsATwinLeavesANoteAlone) {
  const queue::v1::Record record = MakeRecord(1);
  StoreAt(ReadySubjectOf(record), record, {{queue::kHeaderResend, "1"}});
  StoreAt(ReadySubjectOf(record), record, {{queue::kHeaderResend, "1"}});
  Work(PullReady(2), /*must_look=*/true);
  queue::v1::EventRecord told;
  ASSERT_TRUE(told.ParseFromString(First("EVENTS_0").data));
  EXPECT_TRUE(told.events().empty());
  EXPECT_EQ(told.ready().sequence(), 2U);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 1; }));
}

// An earlier record acts for it: nothing is told, and nothing is left in hand.
TEST_F(RecordWorkTest, ATwinIsAcknowledgedUnseen) {
  const queue::v1::Record record = MakeRecord(2, 1);
  StoreAt(ReleasedSubjectOf(record), record);
  StoreAt(ReleasedSubjectOf(record), record);
  Work(Pull("WAIT_0", queue::kDueConsumer, 2), /*must_look=*/true);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("WAIT_0") == 1; }));
  EXPECT_EQ(First("WAIT_0").sequence, 1U);
  EXPECT_EQ(Stored("EVENTS_0"), 0U);
  EXPECT_EQ(in_hand_.mails, 0);
}

}  // namespace
}  // namespace goniec::outbound
