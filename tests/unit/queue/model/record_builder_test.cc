// What a mail becomes in its record, and when a record is full.
#include "common/queue/model/record_builder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "common/mail/ulid.h"

namespace goniec::queue {
namespace {

const WallTime kNow = WallTime(std::chrono::seconds(1'800'000'000));
constexpr std::size_t kMost = 512 * 1024;

v1::Mail MailOf(const std::string& body = "Subject: x\r\n\r\nx\r\n") {
  v1::Mail mail;
  const std::string id(1, kMessageIdPlaceholder);
  mail.set_head("Received: id " + id + "\r\nMessage-ID: <" + id + "@host.test>\r\n");
  mail.set_internet_message_id(id + "@host.test");
  mail.add_recipients()->set_address("a@sink.test");
  mail.add_recipients()->set_address("b@sink.test");
  mail.mutable_expire_time()->set_seconds(1'800'003'600);
  mail.set_inline_body(body);
  mail.set_size_bytes(body.size());
  return mail;
}

std::string Add(RecordBuilder& builder, const v1::Mail& mail) {
  return builder.Add(mail, mail.ByteSizeLong());
}

TEST(RecordBuilderTest, EachMailGetsItsIdWhereverItStands) {
  RecordBuilder builder(kNow, kNow, kMost);
  const std::string first = Add(builder, MailOf());
  const std::string second = Add(builder, MailOf());
  const v1::Record& record = builder.record();
  EXPECT_EQ(first, mail::MessageIdOf(record.record_id(), 0));
  EXPECT_EQ(second, mail::MessageIdOf(record.record_id(), 1));
  const v1::Mail& joined = record.mails(1);
  EXPECT_EQ(joined.message_id(), second);
  EXPECT_EQ(joined.head(), "Received: id " + second + "\r\nMessage-ID: <" + second + "@host.test>\r\n");
  EXPECT_EQ(joined.internet_message_id(), second + "@host.test");
  EXPECT_EQ(joined.recipient_count(), 2);
  EXPECT_EQ(joined.accept_time().seconds(), 1'800'000'000);
  EXPECT_EQ(joined.size_bytes(), joined.head().size() + joined.inline_body().size());
}

TEST(RecordBuilderTest, ALifeThatAWrongClockCountedIsSetRight) {
  for (const auto& [ours, life] : {std::pair{std::chrono::seconds(0), 3600},
                                   {std::chrono::seconds(9), 3600},
                                   {std::chrono::seconds(7200), -3600},
                                   {std::chrono::seconds(-7200), 10800}}) {
    RecordBuilder builder(kNow, kNow + ours, kMost);
    Add(builder, MailOf());
    EXPECT_EQ(builder.record().mails(0).expire_time().seconds() - 1'800'000'000, life) << ours.count();
  }
}

TEST(RecordBuilderTest, TheRecordStaysWithinItsSize) {
  RecordBuilder builder(kNow, kNow, kMost);
  const v1::Mail mail = MailOf(std::string(60'000, 'x'));
  int mails = 0;
  for (; builder.HasRoomFor(mail.ByteSizeLong()); ++mails) Add(builder, mail);
  EXPECT_EQ(mails, 8);
  EXPECT_LE(builder.record().ByteSizeLong(), kMost);
}

TEST(RecordBuilderTest, TheFirstFitsWhateverItsSize) {
  RecordBuilder builder(kNow, kNow, 1'000);
  EXPECT_TRUE(builder.HasRoomFor(400'000));
  Add(builder, MailOf());
  EXPECT_FALSE(builder.HasRoomFor(1));
}

TEST(RecordBuilderTest, ARecordHasNoMoreMailsThanItsIdsCanName) {
  RecordBuilder builder(kNow, kNow, kMost);
  for (int i = 0; i < mail::kMaxMailsPerRecord; ++i) {
    ASSERT_TRUE(builder.HasRoomFor(100)) << i;
    builder.Add(v1::Mail(), 0);
  }
  EXPECT_FALSE(builder.HasRoomFor(100));
}

}  // namespace
}  // namespace goniec::queue
