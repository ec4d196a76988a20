#include "common/queue/model/message_status.h"

#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

constexpr char kId[] = "01aryz6s41tsv4rrffq69g5fav";

v1::Event MakeEvent(v1::EventType type, std::vector<std::uint32_t> recipients, std::uint32_t generation = 0) {
  static int number = 0;
  v1::Event event;
  event.set_event_id("event-" + std::to_string(++number));
  event.set_message_id(kId);
  event.set_tenant("acme");
  event.set_type(type);
  event.set_generation(generation);
  event.set_recipient_count(2);
  event.mutable_time()->set_seconds(1000 + number);
  for (const std::uint32_t index : recipients) {
    v1::EventRecipient* recipient = event.add_recipients();
    recipient->set_index(index);
    recipient->set_address("r" + std::to_string(index) + "@example.org");
  }
  return event;
}

v1::Mail MakeMail(std::uint32_t generation, std::vector<std::uint32_t> recipients) {
  v1::Mail mail;
  mail.set_message_id(kId);
  mail.set_tenant("acme");
  mail.set_mail_from("s@example.org");
  mail.set_recipient_count(2);
  mail.set_generation(generation);
  mail.set_attempts(generation);
  mail.set_size_bytes(77);
  for (const std::uint32_t index : recipients) {
    v1::Recipient* recipient = mail.add_recipients();
    recipient->set_index(index);
    recipient->set_address("r" + std::to_string(index) + "@example.org");
  }
  return mail;
}

TEST(StatusFold, KnowsNothingBeforeTheFirstEvent) {
  const StatusFold fold(kId);
  EXPECT_EQ(fold.status().recipient_count, 0U);
  EXPECT_FALSE(fold.status().AllTerminal());
}

TEST(StatusFold, FollowsARecipientToItsEnd) {
  StatusFold fold(kId);
  v1::Event accepted = MakeEvent(v1::EVENT_TYPE_ACCEPTED, {0, 1});
  accepted.mutable_acceptance()->set_mail_from("s@example.org");
  fold.Add(accepted);
  ASSERT_EQ(fold.status().recipients.size(), 2U);
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kQueued);
  EXPECT_EQ(fold.status().acceptance->mail_from(), "s@example.org");

  v1::Event deferred = MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, 1);
  deferred.set_attempts(1);
  deferred.mutable_next_attempt_time()->set_seconds(5000);
  deferred.mutable_outcome()->set_reply_code(451);
  fold.Add(deferred);
  const RecipientStatus& waiting = fold.status().recipients.at(0);
  EXPECT_EQ(waiting.state, RecipientState::kDeferred);
  EXPECT_EQ(waiting.generation, 1U);
  EXPECT_EQ(waiting.attempts, 1U);
  EXPECT_EQ(waiting.next_attempt_time, WallTime(std::chrono::seconds(5000)));
  EXPECT_EQ(waiting.last_outcome->reply_code(), 451U);
  EXPECT_FALSE(fold.status().AllTerminal());

  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}, 1));
  fold.Add(MakeEvent(v1::EVENT_TYPE_BOUNCED, {1}));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_FALSE(fold.status().recipients.at(0).next_attempt_time.has_value());
  EXPECT_TRUE(fold.status().recipients.at(0).end_time.has_value());
  EXPECT_TRUE(fold.status().AllTerminal());
  EXPECT_EQ(fold.second_terminals(), 0);
}

TEST(StatusFold, FirstTerminalWinsAndTheSecondIsCounted) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}));
  const auto end = fold.status().recipients.at(0).end_time;
  fold.Add(MakeEvent(v1::EVENT_TYPE_BOUNCED, {0}, 4));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_EQ(fold.status().recipients.at(0).end_time, end);
  EXPECT_EQ(fold.second_terminals(), 1);
}

// The two subjects of a message are read one after the other: it is the stream that decides.
TEST(StatusFold, TheFirstEndInStreamOrderWinsWhateverWasReadFirst) {
  StatusFold fold(kId);
  const WallTime time{std::chrono::hours(1)};
  fold.Add(MakeEvent(v1::EVENT_TYPE_BOUNCED, {0}), {9, time});
  EXPECT_EQ(fold.last_end().sequence, 9U);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}), {5, time});
  fold.Add(MakeEvent(v1::EVENT_TYPE_EXPIRED, {0}), {7, time});
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_EQ(fold.second_terminals(), 2);
}

TEST(StatusFold, DropsEventsThatItKnows) {
  StatusFold fold(kId);
  const v1::Event delivered = MakeEvent(v1::EVENT_TYPE_DELIVERED, {0});
  fold.Add(delivered);
  fold.Add(delivered);
  EXPECT_EQ(fold.second_terminals(), 0);
}

// Whoever wrote it: an id stands for one event.
TEST(StatusFold, OfTwoEventsWithOneIdTheFirstCounts) {
  StatusFold fold(kId);
  v1::Event deferred = MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, 1);
  v1::Event delivered = MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}, 1);
  delivered.set_event_id(deferred.event_id());
  fold.Add(deferred);
  fold.Add(delivered);
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDeferred);
}

TEST(StatusFold, AnAcceptanceAfterTheEndFillsInAndChangesNothing) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}, 2));
  v1::Event accepted = MakeEvent(v1::EVENT_TYPE_ACCEPTED, {0, 1});
  accepted.mutable_acceptance()->set_mail_from("s@example.org");
  fold.Add(accepted);
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_EQ(fold.status().recipients.at(1).state, RecipientState::kQueued);
  EXPECT_EQ(fold.status().acceptance->mail_from(), "s@example.org");
}

TEST(StatusFold, ARecipientThatTheMessageDoesNotHaveHidesNoOther) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {1, 2, 4'000'000'000}));
  EXPECT_EQ(fold.status().recipients.size(), 1U);
  EXPECT_FALSE(fold.status().AllTerminal());
  fold.Add(MakeEvent(v1::EVENT_TYPE_BOUNCED, {0}));
  EXPECT_TRUE(fold.status().AllTerminal());
}

TEST(StatusFold, AnOldMoveChangesNothing) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_HELD, {0}, 2));
  fold.Add(MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, 1));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kHeld);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, 2));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kHeld)
      << "of two moves to one generation the first";
  fold.Add(MakeEvent(v1::EVENT_TYPE_EXPIRED, {0}, 2));
  fold.Add(MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, 3));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kExpired) << "nothing returns from its end";
}

TEST(StatusFold, AMoveWithoutAnAttemptDoesNotHideWhatTheLastAttemptCameTo) {
  StatusFold fold(kId);
  const auto move = [](std::uint32_t generation, std::uint32_t attempts, const char* text) {
    v1::Event event = MakeEvent(v1::EVENT_TYPE_DEFERRED, {0}, generation);
    event.set_attempts(attempts);
    event.mutable_outcome()->set_text(text);
    return event;
  };
  const auto last = [&fold] { return fold.status().recipients.at(0).last_outcome->text(); };
  fold.Add(move(1, 0, "busy"));
  EXPECT_EQ(last(), "busy");
  fold.Add(move(2, 1, "mailbox full"));
  fold.Add(move(3, 1, "busy"));
  EXPECT_EQ(last(), "mailbox full");
  EXPECT_EQ(fold.status().recipients.at(0).generation, 3U);
  fold.Add(move(4, 2, "still full"));
  EXPECT_EQ(last(), "still full");
}

TEST(StatusFold, NoticesAndUnknownTypesLeaveTheState) {
  StatusFold fold(kId);
  for (const int type :
       {static_cast<int>(v1::EVENT_TYPE_DELAYED), static_cast<int>(v1::EVENT_TYPE_BOUNCE_RECEIVED),
        static_cast<int>(v1::EVENT_TYPE_COMPLAINED), 99}) {
    fold.Add(MakeEvent(static_cast<v1::EventType>(type), {0}, 9));
  }
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kQueued);
  EXPECT_EQ(fold.status().recipients.at(0).generation, 0U);
}

TEST(StatusFold, IgnoresOtherMessages) {
  StatusFold fold(kId);
  v1::Event other = MakeEvent(v1::EVENT_TYPE_DELIVERED, {0});
  other.set_message_id("01aryz6s41tsv4rrffq69g5f00");
  fold.Add(other);
  v1::Mail mail = MakeMail(0, {0});
  mail.set_message_id(other.message_id());
  fold.AddStored(mail);
  EXPECT_EQ(fold.status().recipient_count, 0U);
  EXPECT_TRUE(fold.status().recipients.empty());
}

TEST(StatusFold, AStoredMailFillsInWhatNoEventHasSaid) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {0}));
  fold.AddStored(MakeMail(0, {0, 1}));
  EXPECT_EQ(fold.status().tenant, "acme");
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_EQ(fold.status().recipients.at(1).state, RecipientState::kQueued);
  EXPECT_EQ(fold.status().recipients.at(1).address, "r1@example.org");
  EXPECT_EQ(fold.status().acceptance->mail_from(), "s@example.org");
  EXPECT_EQ(fold.status().acceptance->size_bytes(), 77U);
}

TEST(StatusFold, AStoredCopyOfAHigherGenerationIsAMove) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_ACCEPTED, {0, 1}));
  fold.AddStored(MakeMail(2, {1}));
  EXPECT_EQ(fold.status().recipients.at(1).state, RecipientState::kDeferred);
  EXPECT_EQ(fold.status().recipients.at(1).attempts, 2U);
  fold.AddStored(MakeMail(1, {1}));
  EXPECT_EQ(fold.status().recipients.at(1).generation, 2U);
}

TEST(StatusFold, WhatLiesOnAShelfIsHeld) {
  StatusFold fold(kId);
  fold.AddStored(MakeMail(1, {0}), /*on_shelf=*/true);
  fold.AddStored(MakeMail(1, {1}));
  EXPECT_EQ(fold.status().recipients.at(0).state, RecipientState::kHeld);
  EXPECT_EQ(fold.status().recipients.at(1).state, RecipientState::kDeferred);
}

TEST(MessageStatus, IsNotTerminalWhileARecipientIsUnknown) {
  StatusFold fold(kId);
  fold.Add(MakeEvent(v1::EVENT_TYPE_DELIVERED, {1}));
  EXPECT_FALSE(fold.status().AllTerminal());
  fold.Add(MakeEvent(v1::EVENT_TYPE_SUPPRESSED, {0}));
  EXPECT_TRUE(fold.status().AllTerminal());
}

TEST(Terminal, IsWhatTheDesignSays) {
  for (const auto type : {v1::EVENT_TYPE_DELIVERED, v1::EVENT_TYPE_BOUNCED, v1::EVENT_TYPE_EXPIRED,
                          v1::EVENT_TYPE_CANCELLED, v1::EVENT_TYPE_SUPPRESSED}) {
    EXPECT_TRUE(IsTerminal(type)) << type;
  }
  for (const auto type : {v1::EVENT_TYPE_UNSPECIFIED, v1::EVENT_TYPE_ACCEPTED, v1::EVENT_TYPE_DEFERRED,
                          v1::EVENT_TYPE_HELD, v1::EVENT_TYPE_DELAYED, v1::EVENT_TYPE_BOUNCE_RECEIVED}) {
    EXPECT_FALSE(IsTerminal(type)) << type;
  }
}

}  // namespace
}  // namespace goniec::queue
