// The fold behind the audit, where events contradict each other: it agrees with StatusFold.
#include "common/queue/events/open_recipients.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/mail/ulid.h"

namespace goniec::queue {
namespace {

constexpr char kId[] = "01aryz6s41tsv4rrffq69g5fav";

v1::Event Say(v1::EventType type, const std::vector<std::uint32_t>& recipients, const std::string& event_id,
              std::uint32_t generation = 0) {
  v1::Event event;
  event.set_event_id(event_id);
  event.set_message_id(kId);
  event.set_tenant("acme");
  event.set_type(type);
  event.set_generation(generation);
  event.set_recipient_count(2);
  for (const std::uint32_t index : recipients) {
    event.add_recipients()->set_index(index);
    event.mutable_recipients(event.recipients_size() - 1)
        ->set_address("r" + std::to_string(index) + "@x.test");
  }
  return event;
}

TEST(OpenRecipients, ARecipientThatTheMessageDoesNotHaveHidesNoOther) {
  OpenRecipients open;
  open.Add(Say(v1::EVENT_TYPE_DELIVERED, {1, 2, 3}, "a"));
  ASSERT_TRUE(open.open().contains(kId)) << "recipient 0 has not ended";
  EXPECT_EQ(open.open().at(kId).ended, 1U);
  EXPECT_FALSE(open.Ended(kId, 2));
  open.Add(Say(v1::EVENT_TYPE_BOUNCED, {0}, "b"));
  EXPECT_TRUE(open.open().empty());
  EXPECT_EQ(open.counts().recipients, 2U);
}

TEST(OpenRecipients, OfTwoEventsWithOneIdTheFirstCounts) {
  OpenRecipients open;
  open.Add(Say(v1::EVENT_TYPE_DEFERRED, {0}, "a", 1));
  open.Add(Say(v1::EVENT_TYPE_DELIVERED, {0}, "a", 1));
  EXPECT_FALSE(open.Ended(kId, 0));
  open.Add(Say(v1::EVENT_TYPE_DELIVERED, {0}, "b", 1));
  EXPECT_TRUE(open.Ended(kId, 0));
}

TEST(OpenRecipients, NothingReturnsFromItsEnd) {
  OpenRecipients open;
  open.Add(Say(v1::EVENT_TYPE_DELIVERED, {0}, "a"));
  open.Add(Say(v1::EVENT_TYPE_DEFERRED, {0}, "b", 5));
  open.Add(Say(v1::EVENT_TYPE_ACCEPTED, {0, 1}, "c"));
  EXPECT_TRUE(open.Ended(kId, 0));
  EXPECT_FALSE(open.open().at(kId).recipients.contains(0));
  EXPECT_EQ(open.counts().second_terminals, 0U);
  open.Add(Say(v1::EVENT_TYPE_EXPIRED, {0}, "d"));
  EXPECT_EQ(open.counts().second_terminals, 1U);
}

TEST(OpenRecipients, ATypeOfALaterVersionIsNoEndAndNoMove) {
  OpenRecipients open;
  open.Add(Say(static_cast<v1::EventType>(99), {0, 1}, "a", 7));
  ASSERT_TRUE(open.open().contains(kId));
  EXPECT_EQ(open.open().at(kId).recipients.at(0).generation, 0U);
  EXPECT_EQ(open.open().at(kId).ended, 0U);
}

v1::Event AcceptedAt(WallTime time, int number) {
  v1::Event event = Say(v1::EVENT_TYPE_ACCEPTED, {0, 1}, "");
  event.set_message_id(mail::MessageIdOf(mail::NewRecordId(time), number));
  return event;
}

TEST(OpenRecipients, TheShareShrinksAndGrowsAgain) {
  const WallTime before(std::chrono::hours(400'000));
  const WallTime after = before + std::chrono::hours(1);
  OpenRecipients open;
  for (int i = 0; i < 500; ++i) open.Add(AcceptedAt(before, i));
  ASSERT_EQ(open.open().size(), 500U);
  open.HalveShare();
  open.HalveShare();
  const std::size_t quarter = open.open().size();
  EXPECT_GT(quarter, 60U);
  EXPECT_LT(quarter, 200U);
  open.DoubleShare(after);
  open.DoubleShare(after);
  open.DoubleShare(after);
  EXPECT_EQ(open.share_bits(), 0);
  for (int i = 0; i < 500; ++i) open.Add(AcceptedAt(after + std::chrono::seconds(1), i));
  EXPECT_EQ(open.open().size(), quarter + 500) << "all that came after it had grown";
  std::size_t older = 0;
  for (int i = 0; i < 500; ++i) {
    const std::size_t so_far = open.open().size();
    open.Add(AcceptedAt(before, i));
    older += open.open().size() - so_far;
  }
  EXPECT_LT(older, 200U) << "a quarter of what is older";
}

TEST(OpenRecipients, ACopyIsMetUnlessItIsMuchOlder) {
  OpenRecipients open;
  open.Add(Say(v1::EVENT_TYPE_DEFERRED, {0}, "a", 3), 5);
  const auto recipient = [&] { return open.open().at(kId).recipients.at(0); };
  EXPECT_EQ(recipient().due_page, 5U);
  open.Met(kId, 0, 1, 6);
  EXPECT_EQ(recipient().met_page, 0U);
  open.Met(kId, 0, 2, 6);
  EXPECT_EQ(recipient().met_page, 6U) << "an interrupted move";
  open.Add(Say(v1::EVENT_TYPE_DEFERRED, {0}, "b", 4), 8);
  EXPECT_EQ(recipient().due_page, 8U);
  EXPECT_EQ(recipient().met_page, 0U) << "it is another copy now";
}

}  // namespace
}  // namespace goniec::queue
