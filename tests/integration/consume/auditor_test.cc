// What one worker does for all, on a real queue.
#include "outbound/audit/auditor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/kv.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

class AuditorTest : public queue::RealQueue {
 protected:
  void SetUp() override {
    config_.ack_wait = std::chrono::seconds(1);
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<queue::MessageFinder>(*broker_, config_);
  }
  void TearDown() override {
    if (auditor_ != nullptr) auditor_->Stop();
  }

  void StartAuditor(queue::AuditBounds bounds = queue::kBoundedRun) {
    auditor_ = std::make_unique<Auditor>(AuditorParts{thread_.context(0).get_executor(), *broker_, *broker_,
                                                      *finder_, config_, metrics_, "test"},
                                         milliseconds(200), bounds);
    auditor_->Start();
  }

  // A reset beyond the end of the stream makes the consumer lose sight of what is there.
  void LoseSightOfARecord() {
    Store({queue::ReadySubject(0, queue::MailClass::kTransactional, "default", 7),
           std::make_shared<const std::string>("record"),
           {}});
    Api("CONSUMER.RESET.READY_0.transactional", R"({"seq":2})");
  }
  bool IsAnnounced() {
    const std::string reset = R"({"subjects_filter":"$KV.control.reset.>"})";
    return test::WaitUntil([&] {
      return nlohmann::json::parse(Api("STREAM.INFO.KV_control", reset))["state"]["subjects"].size() == 1;
    });
  }

  bool Shows(const std::string& line) {
    return test::WaitUntil([&] { return metrics_.Render().find(line + "\n") != std::string::npos; });
  }

  static double Value(const std::string& shown, const std::string& name) {
    const std::size_t at = shown.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(shown.substr(at + name.size() + 2));
  }

  net::IoThreads thread_{1};
  observe::Metrics metrics_;
  std::unique_ptr<queue::MessageFinder> finder_;
  std::unique_ptr<Auditor> auditor_;
};

TEST_F(AuditorTest, TheOldestEventsGoBeforeTheirBudgetIsFull) {
  config_.event_budget_bytes = 64 << 10;
  config_.event_retention_least = std::chrono::hours(0);
  const auto event = std::make_shared<const std::string>(std::string(1'000, 'e'));
  for (int i = 0; i < 60; ++i) Store({queue::EventSubject(0, "default", i), event, {}});
  StartAuditor();
  EXPECT_TRUE(
      test::WaitUntil([&] { return Value(metrics_.Render(), "goniec_event_records_deleted_total") > 0; }));
  const auto state = nlohmann::json::parse(Api("STREAM.INFO.EVENTS_0"))["state"];
  EXPECT_LT(state["bytes"], 64 << 10);
  EXPECT_EQ(state["last_seq"], 60);
}

TEST_F(AuditorTest, WhatIsMissingIsShown) {
  const WallTime accepted = std::chrono::system_clock::now() - std::chrono::minutes(10);
  queue::v1::Mail mail;
  mail.set_message_id(mail::MessageIdOf(mail::NewRecordId(accepted), 0));
  mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
  mail.set_tenant("default");
  mail.add_recipients()->set_address("somebody@sink.test");
  mail.set_recipient_count(1);
  *mail.mutable_accept_time() = queue::ToProto(accepted);
  *mail.mutable_expire_time() = queue::ToProto(accepted + std::chrono::hours(24));
  queue::StalledWrites stalled([] {});
  ASSERT_TRUE(RunToEnd(queue::StoreEvents(
                           *broker_, config_, {queue::AcceptedEvent(mail)}, stalled, [] { return true; },
                           [] { return false; }))
                  .ok());
  StartAuditor();
  EXPECT_TRUE(Shows("goniec_unaccounted_recipients 1")) << metrics_.Render();
  EXPECT_TRUE(Shows("goniec_auditor 1"));
}

// A move that stood still for minutes came after the mark was taken away.
TEST_F(AuditorTest, AShelfWithoutAMarkGetsOne) {
  const queue::ShelfPlace place{0, queue::MailClass::kBulk, "site1", "default"};
  Store({queue::HeldSubject(place, 7, queue::MinuteOf(broker_->Now()) + 100),
         std::make_shared<const std::string>("record"),
         {}});
  StartAuditor();
  EXPECT_TRUE(test::WaitUntil(
      [&] { return RunToEnd(queue::KvGet(*broker_, queue::kControlBucket, queue::MarkKey(place))).ok(); }));
}

TEST_F(AuditorTest, WhatHasItsMinuteComesBackFromTheShelvesOfAllLanes) {
  const std::int64_t now = queue::MinuteOf(broker_->Now());
  const auto put = [&](const char* site, std::int64_t minute) {
    Store({queue::HeldSubject({0, queue::MailClass::kBulk, site, "default"}, 7, minute),
           std::make_shared<const std::string>("record"),
           {}});
  };
  put("site1", now - 100);
  put(queue::kLaterShelf, now);
  put("site1", now + 100);
  StartAuditor();
  EXPECT_TRUE(Shows("goniec_overdue_released_total 2")) << metrics_.Render();
  EXPECT_EQ(nlohmann::json::parse(Api("STREAM.INFO.HELD_0"))["state"]["messages"], 1);
  const auto kept = [&] { return RunToEnd(queue::KvGet(*broker_, queue::kControlBucket, "expiry.0")); };
  ASSERT_TRUE(test::WaitUntil([&] { return kept().ok(); }));
  EXPECT_GT(std::stoll(kept()->value), now);
}

TEST_F(AuditorTest, RecordsThatAreGoneWithoutATraceAreCounted) {
  for (int i = 0; i < 3; ++i) {
    Store({queue::ReadySubject(0, queue::MailClass::kTransactional, "default", 7),
           std::make_shared<const std::string>("record"),
           {}});
  }
  Store(queue::ReadyNote(config_, "", *queue::ReadyPlaceOf("READY_0", 3, std::chrono::system_clock::now())));
  Api("STREAM.PURGE.READY_0");
  queue::AuditBounds bounds = queue::kBoundedRun;
  bounds.age = std::chrono::seconds(0);
  StartAuditor(bounds);
  EXPECT_TRUE(Shows("goniec_unaccounted_records 2")) << metrics_.Render();
  EXPECT_TRUE(Shows("goniec_audit_share 1"));
}

TEST_F(AuditorTest, AConsumerThatHasLostSightOfRecordsIsReset) {
  LoseSightOfARecord();
  StartAuditor();
  // The workers are told first.
  EXPECT_TRUE(IsAnnounced());
  EXPECT_EQ(nlohmann::json::parse(Api("CONSUMER.INFO.READY_0.transactional"))["num_pending"], 0);
  EXPECT_TRUE(Shows("goniec_consumers_reset_total 1")) << metrics_.Render();
  EXPECT_EQ(nlohmann::json::parse(Api("CONSUMER.INFO.READY_0.transactional"))["num_pending"], 1);
}

// An audit may take longer than the reset may be late.
TEST_F(AuditorTest, NoAuditBeginsBetweenTheNoticeAndTheReset) {
  LoseSightOfARecord();
  StartAuditor();
  ASSERT_TRUE(IsAnnounced());
  const double before = Value(metrics_.Render(), "goniec_audits_total");
  EXPECT_TRUE(test::WaitUntil([&] {
    const std::string shown = metrics_.Render();
    if (Value(shown, "goniec_consumers_reset_total") == 1) return true;
    EXPECT_EQ(Value(shown, "goniec_audits_total"), before);
    return HasFailure();
  }));
}

}  // namespace
}  // namespace goniec::outbound
