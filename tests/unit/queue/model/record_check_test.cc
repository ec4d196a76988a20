// Which stored records are ours: everything a publisher makes passes, everything forged or damaged is named.
#include "common/queue/model/record_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/mail/ulid.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

using testing::HasSubstr;

v1::Record Good() {
  v1::Record record;
  record.set_record_id(mail::NewRecordId(std::chrono::system_clock::now()));
  for (int i = 0; i < 2; ++i) {
    v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), i));
    mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("shop");
    mail.add_recipients()->set_address("a@sink.test");
    mail.add_recipients()->set_address("b@sink.test");
    mail.mutable_recipients(1)->set_index(1);
    mail.set_recipient_count(2);
    mail.mutable_accept_time()->set_seconds(1);
    mail.mutable_expire_time()->set_seconds(2);
    mail.set_inline_body("");
  }
  return record;
}

std::string SubjectOf(const v1::Record& record) {
  return ReadySubject(0, MailClass::kTransactional, "shop", SlotOf(record.record_id()));
}

v1::Record GoodCopy() {
  v1::Record record = Good();
  record.mutable_mails()->RemoveLast();
  record.mutable_mails(0)->set_generation(3);
  return record;
}

std::string CopySubjectOf(const v1::Record& record) {
  return DueSubject(
      WaitSubject(0, MailClass::kTransactional, "shop", record.mails(0).message_id(), 3, "sink.test"));
}

TEST(CheckRecord, OursPass) {
  const v1::Record record = Good();
  EXPECT_TRUE(CheckRecord(record, SubjectOf(record)).ok()) << CheckRecord(record, SubjectOf(record));
  const v1::Record copy = GoodCopy();
  EXPECT_TRUE(CheckRecord(copy, CopySubjectOf(copy)).ok()) << CheckRecord(copy, CopySubjectOf(copy));
}

struct Case {
  const char* what;
  std::function<void(v1::Record&)> change;
};

TEST(CheckRecord, WhatIsNotOursIsNamed) {
  const Case cases[] = {
      {"no mail", [](v1::Record& r) { r.clear_mails(); }},
      {"too many",
       [](v1::Record& r) {
         while (r.mails_size() <= mail::kMaxMailsPerRecord) *r.add_mails() = r.mails(0);
       }},
      {"id that is none", [](v1::Record& r) { r.mutable_mails(0)->set_message_id("x"); }},
      {"id of another record",
       [](v1::Record& r) {
         r.mutable_mails(0)->set_message_id(mail::NewUlid(std::chrono::system_clock::now()));
       }},
      {"id that is there twice",
       [](v1::Record& r) { r.mutable_mails(1)->set_message_id(r.mails(0).message_id()); }},
      {"tenant", [](v1::Record& r) { r.mutable_mails(0)->set_tenant("other"); }},
      {"class", [](v1::Record& r) { r.mutable_mails(0)->set_mail_class(v1::MAIL_CLASS_BULK); }},
      {"generation", [](v1::Record& r) { r.mutable_mails(0)->set_generation(1); }},
      {"times", [](v1::Record& r) { r.mutable_mails(0)->clear_expire_time(); }},
      {"without recipients", [](v1::Record& r) { r.mutable_mails(0)->clear_recipients(); }},
      {"without address", [](v1::Record& r) { r.mutable_mails(0)->mutable_recipients(0)->clear_address(); }},
      {"beyond", [](v1::Record& r) { r.mutable_mails(0)->mutable_recipients(0)->set_index(2); }},
      {"recipient that is there twice",
       [](v1::Record& r) { r.mutable_mails(0)->mutable_recipients(0)->set_index(1); }},
      {"layout of a later", [](v1::Record& r) { r.set_layout(kKnownLayout + 1); }},
      {"body type of a later",
       [](v1::Record& r) { r.mutable_mails(1)->set_body_type(static_cast<v1::BodyType>(9)); }},
      {"without body", [](v1::Record& r) { r.mutable_mails(0)->clear_body(); }},
      {"no body", [](v1::Record& r) { r.mutable_mails(0)->mutable_body_reference()->set_body_id("x"); }},
  };
  for (const Case& one : cases) {
    v1::Record record = Good();
    const std::string subject = SubjectOf(record);
    one.change(record);
    const absl::Status status = CheckRecord(record, subject);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << one.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.what));
  }
}

// Mails of one record meet on the shelf again, whatever their generations; and come back from it as they are.
TEST(CheckRecord, ARecordFromTheShelfHasSeveralMails) {
  v1::Record record = Good();
  record.mutable_mails(0)->set_generation(1);
  record.mutable_mails(1)->set_generation(3);
  const std::string slot = std::to_string(SlotOf(record.record_id()));
  const std::string other_slot = std::to_string((SlotOf(record.record_id()) + 1) % 4096);
  for (const std::string place : {"held.0.", "due.0.held."}) {
    const auto check = [&](const std::string& rest) { return CheckRecord(record, place + rest); };
    EXPECT_TRUE(check("transactional.site1.shop." + slot + ".494000").ok()) << place;
    EXPECT_FALSE(check("transactional.site1.other." + slot + ".494000").ok()) << place;
    EXPECT_FALSE(check("transactional.site1.shop." + other_slot + ".494000").ok()) << place;
    EXPECT_FALSE(check("bulk.site1.shop." + slot + ".494000").ok()) << place;
    EXPECT_FALSE(check("transactional.shop." + slot + ".494000").ok()) << place;
  }
  record.mutable_mails(1)->set_generation(0);
  EXPECT_FALSE(CheckRecord(record, "held.0.transactional.site1.shop." + slot + ".494000").ok())
      << "a mail that never moved";
}

TEST(CheckRecord, ASubjectThatIsNotTheRecords) {
  const v1::Record record = Good();
  const int slot = SlotOf(record.record_id());
  EXPECT_FALSE(
      CheckRecord(record, ReadySubject(0, MailClass::kTransactional, "shop", (slot + 1) % 4096)).ok());
  EXPECT_FALSE(CheckRecord(record, "ready.0.transactional").ok());
  EXPECT_FALSE(CheckRecord(record, "elsewhere.0.transactional.shop.1").ok());
  const v1::Record copy = GoodCopy();
  const std::string other = mail::NewUlid(std::chrono::system_clock::now());
  EXPECT_FALSE(
      CheckRecord(copy, WaitSubject(0, MailClass::kTransactional, "shop", other, 3, "sink.test")).ok());
  EXPECT_FALSE(CheckRecord(copy, WaitSubject(0, MailClass::kTransactional, "shop", copy.mails(0).message_id(),
                                             2, "sink.test"))
                   .ok());
}

}  // namespace
}  // namespace goniec::queue
