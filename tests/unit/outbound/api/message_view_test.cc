#include "outbound/api/message_view.h"

#include <gtest/gtest.h>

#include "common/mail/ulid.h"
#include "common/queue/model/message_status.h"
#include "common/queue/streams/durability.h"

namespace goniec::outbound {
namespace {

const WallTime kTime = WallTime(std::chrono::milliseconds(1'800'000'000'123));

TEST(MessageView, ShowsEachRecipient) {
  queue::MessageStatus status;
  status.message_id = mail::NewUlid(kTime);
  status.acceptance.emplace();
  status.acceptance->set_internet_message_id("x@example.test");
  status.acceptance->set_size_bytes(17);
  status.acceptance->set_mail_class(queue::v1::MAIL_CLASS_BULK);
  queue::RecipientStatus& done = status.recipients[0];
  done.address = "a@one.test";
  done.state = queue::RecipientState::kDelivered;
  done.attempts = 2;
  done.end_time = kTime;
  done.last_outcome.emplace();
  done.last_outcome->set_reply_code(250);
  done.last_outcome->set_tls_version("TLSv1.3");
  done.last_outcome->set_phase(queue::v1::PHASE_DOT);
  done.last_outcome->set_reason(queue::v1::REASON_ACCEPTED);
  done.last_outcome->set_last_reason(queue::v1::REASON_TIMEOUT);
  done.last_outcome->set_latency_us(1'500'000);
  status.recipients[3].next_attempt_time = kTime;
  status.recipients[3].state = queue::RecipientState::kDeferred;

  const v1::Message message = ViewOf(status);
  EXPECT_EQ(message.create_time().seconds(), 1'800'000'000);
  EXPECT_EQ(message.create_time().nanos(), 123'000'000);
  EXPECT_EQ(message.size_bytes(), 17);
  EXPECT_EQ(message.mail_class(), v1::MAIL_CLASS_BULK);
  ASSERT_EQ(message.recipients_size(), 2);
  EXPECT_EQ(message.recipients(0).recipient_id(), status.message_id + ".0");
  EXPECT_EQ(message.recipients(0).state(), v1::RecipientStatus::DELIVERED);
  EXPECT_EQ(message.recipients(0).last_outcome().tls().version(), "TLSv1.3");
  EXPECT_EQ(message.recipients(0).last_outcome().phase(), v1::Outcome::DOT);
  EXPECT_EQ(message.recipients(0).last_outcome().last_reason(), v1::Outcome::TIMEOUT);
  EXPECT_EQ(message.recipients(0).last_outcome().latency().seconds(), 1);
  EXPECT_EQ(message.recipients(0).last_outcome().latency().nanos(), 500'000'000);
  EXPECT_FALSE(message.recipients(0).has_next_attempt_time());
  EXPECT_EQ(message.recipients(1).recipient_id(), status.message_id + ".3");
  EXPECT_TRUE(message.recipients(1).has_next_attempt_time());
  EXPECT_FALSE(message.recipients(1).has_last_outcome());
}

// The view casts from one enumeration to the other.
TEST(MessageView, PhasesAndReasonsHaveTheQueuesNumbers) {
  const auto* phases = queue::v1::Phase_descriptor();
  for (int i = 0; i < phases->value_count(); ++i) {
    const auto* same = v1::Outcome::Phase_descriptor()->FindValueByNumber(phases->value(i)->number());
    ASSERT_NE(same, nullptr) << phases->value(i)->name();
    EXPECT_TRUE(phases->value(i)->name().ends_with(same->name())) << same->name();
  }
  const auto* reasons = queue::v1::Reason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    const auto* same = v1::Outcome::Reason_descriptor()->FindValueByNumber(reasons->value(i)->number());
    ASSERT_NE(same, nullptr) << reasons->value(i)->name();
    EXPECT_TRUE(reasons->value(i)->name().ends_with(same->name())) << same->name();
  }
}

TEST(MessageView, OfAnAcceptedMailIsWhatGetWillSay) {
  queue::v1::Mail mail;
  mail.set_head(std::string("Message-ID: <") + '\0' + "@x.test>\r\n");
  mail.set_internet_message_id(std::string(1, '\0') + "@x.test");
  mail.add_recipients()->set_address("a@one.test");
  v1::Message message = ViewOfAccepted(mail, 100);
  const std::string id = mail::NewUlid(kTime);
  SetMessageId(message, id);
  EXPECT_EQ(message.internet_message_id(), id + "@x.test");
  EXPECT_EQ(message.size_bytes(), static_cast<std::int64_t>(100 + mail.head().size() + 25));
  EXPECT_EQ(message.recipients(0).recipient_id(), id + ".0");
  EXPECT_EQ(message.recipients(0).state(), v1::RecipientStatus::QUEUED);
  EXPECT_EQ(message.create_time().nanos(), 123'000'000);
}

TEST(MessageView, SaysWhatIsKnownOfDurability) {
  EXPECT_EQ(ViewOf(queue::Durability{}).sync(), v1::Durability::SYNC_MODE_UNSPECIFIED);
  const v1::Durability view = ViewOf(queue::Durability{.replicas = 3, .sync = queue::SyncMode::kFsync});
  EXPECT_EQ(view.replicas(), 3);
  EXPECT_EQ(view.sync(), v1::Durability::FSYNC);
}

}  // namespace
}  // namespace goniec::outbound
