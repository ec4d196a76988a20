// A message and what is stored of it, for tests of the finder.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/mail/ulid.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kTenant[] = "acme";

class FinderTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    config_.lanes = 2;
    config_.event_shards = 3;
    ProvisionAll();
    watched_ = std::make_unique<WatchedBroker>(*broker_);
    finder_ = std::make_unique<MessageFinder>(*watched_, config_);
  }

  // A mail with recipients 0 to count - 1.
  static v1::Mail MakeMail(const std::string& id, std::uint32_t count = 1, std::uint32_t generation = 0) {
    v1::Mail mail;
    mail.set_message_id(id);
    mail.set_tenant(kTenant);
    mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_mail_from("sender@example.org");
    mail.set_recipient_count(count);
    mail.set_generation(generation);
    mail.mutable_accept_time()->set_seconds(1'700'000'000);
    mail.mutable_expire_time()->set_seconds(1'700'400'000);
    mail.set_inline_body("b");
    for (std::uint32_t index = 0; index < count; ++index) {
      mail.add_recipients()->set_index(index);
      mail.mutable_recipients(static_cast<int>(index))->set_address(absl::StrCat("r", index, "@example.net"));
    }
    return mail;
  }

  std::string NewId() { return mail::MessageIdOf(mail::NewRecordId(std::chrono::system_clock::now()), 0); }
  std::string OldId(std::chrono::seconds age) {
    return mail::MessageIdOf(mail::NewRecordId(std::chrono::system_clock::now() - age), 0);
  }

  static std::shared_ptr<const std::string> Encoded(const v1::Mail& mail) {
    v1::Record record;
    record.set_record_id(std::string(mail::RecordIdOf(mail.message_id())));
    *record.add_mails() = mail;
    return std::make_shared<const std::string>(record.SerializeAsString());
  }

  // The next mail of the same record, with the same recipients.
  static v1::Mail SecondOf(const v1::Mail& mail) {
    v1::Mail second = mail;
    second.set_message_id(mail::MessageIdOf(std::string(mail::RecordIdOf(mail.message_id())), 1));
    return second;
  }

  static std::string HeldSubjectOf(const v1::Mail& mail) {
    return HeldSubject({0, MailClass::kTransactional, "site1", mail.tenant()}, SlotOf(mail.message_id()),
                       30'000'000);
  }

  void StoreOn(const std::string& subject, const std::vector<v1::Mail>& mails) {
    v1::Record record;
    record.set_record_id(std::string(mail::RecordIdOf(mails.at(0).message_id())));
    for (const v1::Mail& mail : mails) *record.add_mails() = mail;
    Store({subject, std::make_shared<const std::string>(record.SerializeAsString()), {}});
  }

  void StoreReady(const v1::Mail& mail, int lane = 0) {
    const int slot = SlotOf(mail.message_id());
    Store({ReadySubject(lane, MailClass::kTransactional, mail.tenant(), slot), Encoded(mail), {}});
  }

  void StoreWait(const v1::Mail& mail, std::chrono::seconds from_now, int lane = 0) {
    const std::string subject = WaitSubject(lane, MailClass::kTransactional, mail.tenant(), mail.message_id(),
                                            mail.generation(), "example.net");
    const absl::Time at = absl::FromChrono(std::chrono::system_clock::now() + from_now);
    Store({subject,
           Encoded(mail),
           {{kHeaderSchedule,
             absl::StrCat("@at ", absl::FormatTime(absl::RFC3339_full, at, absl::UTCTimeZone()))},
            {kHeaderScheduleTarget, DueSubject(subject)}}});
  }

  v1::Event MakeEvent(const v1::Mail& mail, v1::EventType type, std::uint32_t generation = 0) {
    v1::Event event;
    event.set_event_id(absl::StrCat("event-", ++events_));
    event.set_message_id(mail.message_id());
    event.set_tenant(mail.tenant());
    event.set_type(type);
    event.set_generation(generation);
    event.set_recipient_count(mail.recipient_count());
    for (const v1::Recipient& recipient : mail.recipients()) {
      v1::EventRecipient& about = *event.add_recipients();
      about.set_index(recipient.index());
      about.set_address(recipient.address());
    }
    if (type == v1::EVENT_TYPE_ACCEPTED) event.mutable_acceptance()->set_mail_from(mail.mail_from());
    return event;
  }

  void StoreEvents(const std::vector<v1::Event>& events, bool late = false) {
    v1::EventRecord record;
    for (const v1::Event& event : events) *record.add_events() = event;
    const int slot = SlotOf(events.at(0).message_id());
    const int shard = ShardOf(slot, config_.event_shards);
    Store({late ? LateEventSubject(shard, kTenant, slot) : EventSubject(shard, kTenant, slot),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
  }

  // Removes all of READY, as acknowledgements would.
  void AcknowledgeReady(int lane = 0) { Api(absl::StrCat("STREAM.PURGE.", ReadyStream(lane))); }

  MessageStatus MustFind(const std::string& id) {
    auto status = RunToEnd(finder_->Find(kTenant, id));
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *std::move(status) : MessageStatus();
  }
  absl::StatusCode FindCode(const std::string& tenant, const std::string& id) {
    return RunToEnd(finder_->Find(tenant, id)).status().code();
  }
  RecipientState StateOf(const std::string& id) {
    const MessageStatus status = MustFind(id);
    EXPECT_THAT(status.recipients, SizeIs(1));
    return status.recipients.empty() ? RecipientState::kCancelled : status.recipients.begin()->second.state;
  }

  // Acts once, before the first request whose subject begins like this.
  void Before(std::string prefix, std::function<void()> act) {
    watched_->before = [this, prefix = std::move(prefix), act = std::move(act)](const std::string& subject) {
      if (!subject.starts_with(prefix)) return;
      const auto once = act;
      watched_->before = [](const std::string&) {};
      once();
    };
  }

  std::unique_ptr<WatchedBroker> watched_;
  std::unique_ptr<MessageFinder> finder_;
  int events_ = 0;
};

}  // namespace goniec::queue
