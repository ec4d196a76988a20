// A queue with mail in every state, for tests of the audit.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/mail/ulid.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/quarantine.h"
#include "common/queue/model/subjects.h"
#include "common/queue/tend/audit.h"
#include "common/queue/tend/sweeper.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kTenant[] = "default";
const WallTime k2036{std::chrono::seconds(2'082'758'400)};

class AuditTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<MessageFinder>(*broker_, config_);
    audit_ = std::make_unique<Audit>(*broker_, *finder_, config_);
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

  // Two mails of one record, moved together: the second is the first's with another id.
  std::vector<v1::Mail> HoldTwo() {
    std::vector<v1::Mail> mails = {MakeMail(2)};
    mails.push_back(mails[0]);
    mails[1].set_message_id(mail::MessageIdOf(std::string(mail::RecordIdOf(mails[0].message_id())), 1));
    v1::Record record;
    record.set_record_id(std::string(mail::RecordIdOf(mails[0].message_id())));
    for (v1::Mail& mail : mails) {
      v1::Event held = MakeEvent(mail, v1::EVENT_TYPE_HELD, {0, 1}, std::chrono::system_clock::now());
      held.set_generation(1);
      Say({AcceptedEvent(mail), held});
      mail.set_generation(1);
      *record.add_mails() = mail;
    }
    Store({HeldSubject({0, MailClass::kTransactional, "site1", kTenant}, SlotOf(record.record_id()),
                       MinuteOf(FromProto(mails[0].expire_time()))),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
    return mails;
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

  // With the names of the records that they are about.
  void Say(std::vector<v1::Event> events, const v1::ReadyPlace& ready) {
    const auto stored = RunToEnd(StoreEvents(
        *broker_, config_, std::move(events), stalled_, [] { return true; }, [] { return false; }, ready));
    ASSERT_TRUE(stored.ok()) << stored.status();
  }

  // Records of one mail each, sequences 1 to `count` of READY.
  std::vector<v1::Mail> StoreRecords(int count) {
    std::vector<v1::Mail> mails;
    for (int i = 0; i < count; ++i) {
      mails.push_back(MakeMail());
      StoreRecord(mails.back());
    }
    return mails;
  }
  static v1::ReadyPlace PlaceOf(std::uint64_t sequence) {
    return *ReadyPlaceOf("READY_0", sequence, std::chrono::system_clock::now());
  }
  // As a worker settles it.
  void Settle(const v1::Mail& mail, std::uint64_t sequence) {
    Say({AcceptedEvent(mail), Ended(mail, {0})}, PlaceOf(sequence));
    Remove({sequence});
  }
  void Remove(const std::vector<std::uint64_t>& sequences) {
    for (const std::uint64_t sequence : sequences) {
      Api("STREAM.MSG.DELETE.READY_0", "{\"seq\":" + std::to_string(sequence) + "}");
    }
  }
  // However young: "first-last" of each stretch.
  std::vector<std::string> Missing() {
    std::vector<std::string> shown;
    for (const MissingRecords& each : Run({.age = seconds(0)}).missing_records) {
      EXPECT_EQ(each.stream, "READY_0");
      shown.push_back(std::to_string(each.first) + "-" + std::to_string(each.last));
    }
    return shown;
  }

  AuditReport Run(AuditBounds bounds = {}) {
    auto report = RunToEnd(audit_->Run(bounds));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : AuditReport();
  }

  StalledWrites stalled_{[] {}};
  std::unique_ptr<MessageFinder> finder_;
  std::unique_ptr<Audit> audit_;
};

}  // namespace goniec::queue
