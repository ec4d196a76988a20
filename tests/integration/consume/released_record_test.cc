// Records that come back from a site's shelf: several mails in each, and several records under one subject.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/queue/hold/shelf.h"
#include "common/queue/tend/overdue_shelves.h"
#include "tests/integration/consume/worker_fixture.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

const queue::ShelfPlace kPlace{0, queue::MailClass::kTransactional, "site1", "default"};

class ReleasedRecordTest : public WorkerTest {
 protected:
  // The worker comes when all is stored.
  void SetUp() override {
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<queue::MessageFinder>(*broker_, config_);
  }

  // Mails of one record that have moved to a shelf, each to an address that routing refuses.
  static queue::v1::Record MakeRecord(int mails) {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    for (int i = 0; i < mails; ++i) {
      queue::v1::Mail& mail = *record.add_mails();
      mail.set_message_id(mail::MessageIdOf(record.record_id(), i));
      mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
      mail.set_tenant("default");
      mail.set_generation(1);
      mail.add_recipients()->set_address("somebody@[127.0.0.1]");
      mail.set_recipient_count(1);
      *mail.mutable_accept_time() = queue::ToProto(now);
      *mail.mutable_expire_time() = queue::ToProto(now + std::chrono::hours(1));
      mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    }
    return record;
  }
  // Back from the shelf: only the mails at these places of `record`.
  void Release(const queue::v1::Record& record, const std::vector<int>& mails) {
    queue::v1::Record part = record;
    part.clear_mails();
    for (const int place : mails) *part.add_mails() = record.mails(place);
    Store({queue::ReleasedSubject(HeldSubjectOf(record)),
           std::make_shared<const std::string>(part.SerializeAsString()),
           {}});
  }
  static std::string HeldSubjectOf(const queue::v1::Record& record) {
    return queue::HeldSubject(kPlace, queue::SlotOf(record.record_id()),
                              queue::MinuteOf(queue::FromProto(record.mails(0).expire_time())));
  }
  void PutOnShelf(const queue::v1::Record& record) {
    Store({HeldSubjectOf(record), std::make_shared<const std::string>(record.SerializeAsString()), {}});
  }
  // All have ended, each once, and nothing is left.
  void ExpectServed(const queue::v1::Record& record) {
    EXPECT_TRUE(test::WaitUntil([&] { return Stored("WAIT_0") == 0; }));
    EXPECT_NE(metrics_.Render().find("\ngoniec_recipients_total{result=\"bounced\"} " +
                                     std::to_string(record.mails_size()) + "\n"),
              std::string::npos)
        << metrics_.Render();
    for (const queue::v1::Mail& mail : record.mails()) {
      const auto status = RunToEnd(finder_->Find("default", mail.message_id()));
      ASSERT_TRUE(status.ok()) << status.status();
      EXPECT_EQ(status->recipients.at(0).state, queue::RecipientState::kBounced) << mail.message_id();
    }
  }
};

TEST_F(ReleasedRecordTest, EveryMailOfARecordIsServed) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0, 1, 2});
  StartWorker();
  ExpectServed(record);
  EXPECT_EQ(Stored("QUARANTINE"), 0U);
}

// By its subject the second would be the first once more.
TEST_F(ReleasedRecordTest, RecordsThatShareASubjectAreAllServed) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0});
  Release(record, {1, 2});
  StartWorker();
  ExpectServed(record);
}

TEST_F(ReleasedRecordTest, OneThatCameBackTwiceIsServedOnce) {
  const queue::v1::Record record = MakeRecord(2);
  Release(record, {0, 1});
  Release(record, {0, 1});
  StartWorker();
  ExpectServed(record);
}

TEST_F(ReleasedRecordTest, OfTwoThatHoldSomeOfTheSameMailsEachIsServedOnce) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0, 1});
  Release(record, {1, 2});
  StartWorker();
  ExpectServed(record);
}

// Whoever released it died before it was taken off, and another releases it when the id is forgotten.
TEST_F(ReleasedRecordTest, OneThatStayedOnTheShelfAfterItWasServedIsNotServedAgain) {
  const queue::v1::Record record = MakeRecord(2);
  PutOnShelf(record);
  const auto on_shelf = RunToEnd(queue::ReadShelf(*broker_, kPlace, 1, 10));
  ASSERT_TRUE(on_shelf.ok() && on_shelf->size() == 1);
  ASSERT_TRUE(RunToEnd(queue::Release(*broker_, 0, on_shelf->at(0))).ok());
  StartWorker();
  ExpectServed(record);
  Release(record, {0, 1});
  ASSERT_TRUE(RunToEnd(queue::TakeOff(*broker_, 0, *on_shelf, 1)).ok());
  ExpectServed(record);
  EXPECT_EQ(Stored("HELD_0"), 0U);
}

// Its site may be closed for days: nobody asks it.
TEST_F(ReleasedRecordTest, WhatExpiresOnItsShelfEndsInTime) {
  queue::v1::Record record = MakeRecord(2);
  const WallTime accepted = std::chrono::system_clock::now() - std::chrono::hours(1);
  for (queue::v1::Mail& mail : *record.mutable_mails()) {
    mail.mutable_recipients(0)->set_address("somebody@closed.test");
    *mail.mutable_expire_time() = queue::ToProto(accepted + std::chrono::minutes(57));
  }
  PutOnShelf(record);
  StartWorker();
  queue::OverdueShelves overdue(*broker_, config_);
  EXPECT_EQ(RunToEnd(overdue.Run()).value_or(-1), 1);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("WAIT_0") == 0; }));
  EXPECT_EQ(Stored("HELD_0"), 0U);
  for (const queue::v1::Mail& mail : record.mails()) {
    const auto status = RunToEnd(finder_->Find("default", mail.message_id()));
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->recipients.at(0).state, queue::RecipientState::kExpired);
    EXPECT_EQ(status->recipients.at(0).attempts, 0U);
  }
  EXPECT_EQ(RunToEnd(overdue.Run()).value_or(-1), 0);
}

}  // namespace
}  // namespace goniec::outbound
