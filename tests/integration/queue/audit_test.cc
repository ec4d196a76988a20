// The audit against a real queue: what has ended or lies in a record is accounted for, what is gone is named.
#include "common/queue/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/mail/ulid.h"
#include "common/queue/events.h"
#include "common/queue/message_finder.h"
#include "common/queue/stalled_writes.h"
#include "common/queue/subjects.h"
#include "common/queue/sweeper.h"
#include "common/smtp/address.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

constexpr char kTenant[] = "default";

class AuditTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<MessageFinder>(*broker_, config_);
    audit_ = std::make_unique<Audit>(*broker_, *finder_, config_, &smtp::DomainOf);
  }

  static v1::Mail MakeMail(int recipients = 1, std::chrono::minutes ago = std::chrono::minutes(10)) {
    const WallTime accepted = std::chrono::system_clock::now() - ago;
    v1::Mail mail;
    mail.set_message_id(mail::MessageIdOf(mail::NewRecordId(accepted), 0));
    mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant(kTenant);
    mail.set_mail_from("sender@source.test");
    for (int i = 0; i < recipients; ++i) {
      v1::Recipient& recipient = *mail.add_recipients();
      recipient.set_index(static_cast<std::uint32_t>(i));
      recipient.set_address("r" + std::to_string(i) + "@sink.test");
    }
    mail.set_recipient_count(static_cast<std::uint32_t>(recipients));
    *mail.mutable_accept_time() = ToProto(accepted);
    *mail.mutable_expire_time() = ToProto(accepted + std::chrono::hours(24));
    mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    return mail;
  }

  void StoreRecord(const v1::Mail& mail) {
    v1::Record record;
    record.set_record_id(std::string(mail::RecordIdOf(mail.message_id())));
    *record.add_mails() = mail;
    Store({ReadySubject(0, MailClass::kTransactional, kTenant, SlotOf(record.record_id())),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
  }

  static std::string CopySubject(const v1::Mail& mail, std::uint32_t generation) {
    return WaitSubject(0, MailClass::kTransactional, kTenant, mail.message_id(), generation, "sink.test");
  }

  // As a move leaves it: `at` may be long ago.
  void StoreWaiting(v1::Mail mail, std::uint32_t generation, const std::string& at) {
    mail.set_generation(generation);
    v1::Record record;
    record.set_record_id(std::string(mail::RecordIdOf(mail.message_id())));
    *record.add_mails() = mail;
    const std::string subject = CopySubject(mail, generation);
    Store({subject,
           std::make_shared<const std::string>(record.SerializeAsString()),
           {{kHeaderSchedule, at}, {kHeaderScheduleTarget, DueSubject(subject)}}});
  }

  void Say(std::vector<v1::Event> events) {
    const auto stored = RunToEnd(StoreEvents(
        *broker_, config_, std::move(events), stalled_, [] { return true; }, [] { return false; }));
    ASSERT_TRUE(stored.ok()) << stored.status();
  }

  static v1::Event Ended(const v1::Mail& mail, std::vector<std::uint32_t> positions) {
    return MakeEvent(mail, v1::EVENT_TYPE_DELIVERED, positions, std::chrono::system_clock::now());
  }

  static v1::Event Deferred(const v1::Mail& mail, std::uint32_t generation, WallTime next) {
    v1::Event event = MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, {0}, std::chrono::system_clock::now());
    event.set_generation(generation);
    *event.mutable_next_attempt_time() = ToProto(next);
    return event;
  }

  AuditReport Run() {
    auto report = RunToEnd(audit_->Run());
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : AuditReport();
  }

  StalledWrites stalled_{[] {}};
  std::unique_ptr<MessageFinder> finder_;
  std::unique_ptr<Audit> audit_;
};

TEST_F(AuditTest, WhatHasEndedOrIsStoredIsAccountedFor) {
  const v1::Mail ended = MakeMail(2);
  Say({AcceptedEvent(ended), Ended(ended, {0, 1})});
  const v1::Mail with_worker = MakeMail(2);  // one has ended, the record is still there for the other
  StoreRecord(with_worker);
  Say({AcceptedEvent(with_worker), Ended(with_worker, {1})});
  const v1::Mail waiting = MakeMail();
  const WallTime next = std::chrono::system_clock::now() + std::chrono::hours(1);
  Say({AcceptedEvent(waiting), Deferred(waiting, 1, next)});
  StoreWaiting(waiting, 1, "@at 2036-01-01T00:00:00Z");
  const v1::Mail untouched = MakeMail();
  StoreRecord(untouched);

  const AuditReport report = Run();
  EXPECT_THAT(report.unaccounted, IsEmpty());
  EXPECT_EQ(report.counts.messages, 3U);
  EXPECT_EQ(report.counts.recipients, 5U);
  EXPECT_EQ(report.counts.ended.at(v1::EVENT_TYPE_DELIVERED), 3U);
  EXPECT_EQ(report.queued, 2U);
  EXPECT_EQ(report.ready_records, 2U);
  ASSERT_TRUE(report.oldest.has_value());
  EXPECT_LT(*report.oldest, std::chrono::system_clock::now() - std::chrono::minutes(9));
}

TEST_F(AuditTest, ARecordThatIsGoneIsNamed) {
  const v1::Mail mail = MakeMail(3);
  StoreRecord(mail);
  Say({AcceptedEvent(mail), Ended(mail, {1})});
  EXPECT_THAT(Run().unaccounted, IsEmpty());
  Api("STREAM.PURGE.READY_0");
  EXPECT_THAT(Run().unaccounted, ElementsAre(Field(&UnaccountedRecipient::address, "r0@sink.test"),
                                             Field(&UnaccountedRecipient::address, "r2@sink.test")));
}

TEST_F(AuditTest, ACopyThatIsGoneIsNamed) {
  const v1::Mail mail = MakeMail();
  Say({AcceptedEvent(mail), Deferred(mail, 1, std::chrono::system_clock::now() + std::chrono::hours(1))});
  StoreWaiting(mail, 1, "@at 2036-01-01T00:00:00Z");
  EXPECT_THAT(Run().unaccounted, IsEmpty());
  Api("STREAM.PURGE.WAIT_0");
  const AuditReport report = Run();
  ASSERT_EQ(report.unaccounted.size(), 1U);
  EXPECT_EQ(report.unaccounted[0].message_id, mail.message_id());
  EXPECT_EQ(report.unaccounted[0].generation, 1U);
}

// It will be skipped by whoever gets it. One that is a single generation older is an interrupted move.
TEST_F(AuditTest, AMuchOlderCopyDoesNotCount) {
  const v1::Mail mail = MakeMail();
  const WallTime next = std::chrono::system_clock::now() + std::chrono::hours(1);
  Say({AcceptedEvent(mail), Deferred(mail, 1, next), Deferred(mail, 2, next)});
  StoreWaiting(mail, 1, "@at 2036-01-01T00:00:00Z");
  EXPECT_THAT(Run().unaccounted, IsEmpty());
  Say({Deferred(mail, 3, next)});
  EXPECT_EQ(Run().unaccounted.size(), 1U);
}

TEST_F(AuditTest, WhatIsYoungIsLeftAlone) {
  const v1::Mail mail = MakeMail(2, std::chrono::minutes(1));
  Say({AcceptedEvent(mail)});
  const AuditReport report = Run();
  EXPECT_THAT(report.unaccounted, IsEmpty());
  EXPECT_EQ(report.young, 2U);
}

TEST_F(AuditTest, ASecondEndIsCountedARepeatedEventIsNot) {
  const v1::Mail mail = MakeMail();
  const v1::Event end = Ended(mail, {0});
  Say({AcceptedEvent(mail), end});
  Say({end, AcceptedEvent(mail)});
  EXPECT_EQ(Run().counts.second_terminals, 0U);
  Say({MakeEvent(mail, v1::EVENT_TYPE_BOUNCED, {0}, std::chrono::system_clock::now())});
  const AuditReport report = Run();
  EXPECT_EQ(report.counts.second_terminals, 1U);
  EXPECT_EQ(report.counts.messages, 1U);
  EXPECT_EQ(report.counts.ended.at(v1::EVENT_TYPE_DELIVERED), 1U);
  EXPECT_FALSE(report.counts.ended.contains(v1::EVENT_TYPE_BOUNCED));
}

TEST_F(AuditTest, AnEventRecordThatCannotBeReadIsCountedAndNotInTheWay) {
  Store({EventSubject(0, kTenant, 7), std::make_shared<const std::string>("\xff\xff\xff"), {}});
  const v1::Mail mail = MakeMail();
  Say({AcceptedEvent(mail), Ended(mail, {0})});
  const AuditReport report = Run();
  EXPECT_EQ(report.unreadable_events, 1U);
  EXPECT_EQ(report.counts.messages, 1U);
}

TEST_F(AuditTest, WithoutABrokerNothingIsKnown) {
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(audit_->Run()).status()));
}

// As if the broker had forgotten to fire it: the schedule lies far ahead of what the event promised.
TEST_F(AuditTest, AnOverdueScheduleIsFiredOnce) {
  const v1::Mail overdue = MakeMail();
  const v1::Mail in_time = MakeMail();
  const WallTime now = std::chrono::system_clock::now();
  Say({AcceptedEvent(overdue), Deferred(overdue, 1, now - seconds(90))});
  StoreWaiting(overdue, 1, "@at 2036-01-01T00:00:00Z");
  Say({AcceptedEvent(in_time), Deferred(in_time, 1, now + seconds(90))});
  StoreWaiting(in_time, 1, "@at 2036-01-01T00:00:00Z");
  Run();
  const auto swept = RunToEnd(SweepOverdue(*broker_, config_, *audit_, &smtp::DomainOf, now));
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(*swept, 1);
  const std::string due = DueSubject(CopySubject(overdue, 1));
  ASSERT_TRUE(test::WaitUntil([&] { return RunToEnd(GetNextMessage(*broker_, WaitStream(0), due)).ok(); }));
  v1::Record record;
  ASSERT_TRUE(record.ParseFromString(RunToEnd(GetNextMessage(*broker_, WaitStream(0), due))->data));
  EXPECT_EQ(record.mails(0).message_id(), overdue.message_id());
  EXPECT_TRUE(
      absl::IsNotFound(RunToEnd(GetNextMessage(*broker_, WaitStream(0), CopySubject(overdue, 1))).status()));
  EXPECT_TRUE(RunToEnd(GetNextMessage(*broker_, WaitStream(0), CopySubject(in_time, 1))).ok());
  EXPECT_THAT(Run().unaccounted, IsEmpty());
}

TEST_F(AuditTest, FiringWhatIsGoneIsNoFault) {
  EXPECT_TRUE(RunToEnd(FireNow(*broker_, 0, CopySubject(MakeMail(), 1))).ok());
}

}  // namespace
}  // namespace goniec::queue
