// The audit against a real queue: what has ended or lies in a record is accounted for, what is gone is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/tend/audit_fixture.h"

namespace goniec::queue {
namespace {

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

TEST_F(AuditTest, MailsOnAShelfAreMetAsTheWalkPassesAndNotLookedForOneByOne) {
  WatchedBroker asked(*broker_);
  MessageFinder finder(asked, config_);
  Audit audit(*broker_, finder, config_);
  HoldTwo();
  for (int run = 0; run < 3; ++run) {
    const auto report = RunToEnd(audit.Run());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->unaccounted, IsEmpty());
    EXPECT_EQ(report->queued, 4U);
  }
  EXPECT_THAT(asked.requests(), IsEmpty());
}

TEST_F(AuditTest, EveryMailOfARecordThatIsGoneFromAShelfIsNamed) {
  const std::vector<v1::Mail> mails = HoldTwo();
  EXPECT_THAT(Run().unaccounted, IsEmpty());
  Api("STREAM.PURGE.HELD_0");
  Run();  // the pass that was under way
  std::multiset<std::string> named;
  for (const UnaccountedRecipient& lost : Run().unaccounted) named.insert(lost.message_id);
  EXPECT_EQ(named, (std::multiset<std::string>{mails[0].message_id(), mails[0].message_id(),
                                               mails[1].message_id(), mails[1].message_id()}));
}

TEST_F(AuditTest, ARecordThatCameBackFromAShelfIsMetInWait) {
  HoldTwo();
  const auto stored = RunToEnd(GetNextMessage(*broker_, HeldStream(0), ">"));
  ASSERT_TRUE(stored.ok()) << stored.status();
  Store({ReleasedSubject(stored->subject), std::make_shared<const std::string>(stored->data), {}});
  Api("STREAM.PURGE.HELD_0");
  const AuditReport report = Run();
  EXPECT_THAT(report.unaccounted, IsEmpty());
  EXPECT_EQ(report.queued, 4U);
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

// Its first events were deleted for their budget, the later ones not yet: it has ended, and nobody waits for
// it.
TEST_F(AuditTest, AMailWhoseFirstEventsAreGoneIsNeitherMissedNorWaitedFor) {
  const v1::Mail mail = MakeMail(3);
  Say({AcceptedEvent(mail), Ended(mail, {0})});
  Say({Ended(mail, {1})});
  Say({Ended(mail, {2})});
  Api("STREAM.PURGE.EVENTS_0", R"({"seq":2})");
  const AuditReport report = Run();
  EXPECT_THAT(report.unaccounted, IsEmpty());
  EXPECT_FALSE(report.oldest.has_value());
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

// As if the broker had forgotten to fire it: the audit's clock is far ahead of the broker's. No event tells
// of it, as of one that is outside of the share of messages that the audit follows.
TEST_F(AuditTest, AnOverdueScheduleIsFiredOnce) {
  const v1::Mail overdue = MakeMail();
  const v1::Mail in_time = MakeMail();
  StoreWaiting(overdue, 1, "@at 2036-01-01T00:00:00Z");
  StoreWaiting(in_time, 1, "@at 2036-01-01T00:02:00Z");
  Run({.now = k2036 + seconds(90)});
  const auto swept = RunToEnd(SweepOverdue(*broker_, audit_->overdue(), 10));
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
  EXPECT_THAT(audit_->overdue(), IsEmpty());
  Run({.now = k2036 + seconds(90)});
  EXPECT_THAT(audit_->overdue(), IsEmpty()) << "what is due is not overdue";
}

TEST_F(AuditTest, EveryOverdueScheduleIsFoundWithinAPass) {
  for (int i = 0; i < 7; ++i) StoreWaiting(MakeMail(), 1, "@at 2036-01-01T00:00:00Z");
  const AuditBounds page{.copies = 2, .now = k2036 + seconds(90)};
  std::set<std::string> found;
  for (int run = 0; run < 4; ++run) {
    Run(page);
    EXPECT_LE(audit_->overdue().size(), 2U);
    for (const OverdueSchedule& each : std::exchange(audit_->overdue(), {})) found.insert(each.subject);
  }
  EXPECT_EQ(found.size(), 7U);
}

TEST_F(AuditTest, HoweverMuchLiesOnTheShelfOverdueSchedulesAreFoundAsSoon) {
  for (int i = 0; i < 20; ++i) HoldTwo();
  for (int i = 0; i < 3; ++i) StoreWaiting(MakeMail(), 1, "@at 2036-01-01T00:00:00Z");
  const AuditBounds page{.copies = 3, .now = k2036 + seconds(90)};
  Run(page);
  EXPECT_EQ(audit_->overdue().size(), 3U);
}

TEST_F(AuditTest, ShelvesThatHaveMailAreNamedOnce) {
  HoldTwo();
  HoldTwo();
  Run();
  EXPECT_THAT(audit_->TakeShelves(), ElementsAre(ShelfPlace{0, MailClass::kTransactional, "site1", kTenant}));
  EXPECT_THAT(audit_->TakeShelves(), IsEmpty());
  EXPECT_THAT(audit_->TakeLateMinutes(), IsEmpty());
}

TEST_F(AuditTest, WhatShouldHaveComeBackMinutesAgoIsNamedWhereverItLies) {
  const std::int64_t now = MinuteOf(broker_->Now());
  for (const std::int64_t minute : {now - 90, now, now + 10}) {
    Store({HeldSubject({0, MailClass::kBulk, kLaterShelf, kTenant}, 7, minute),
           std::make_shared<const std::string>("record"),
           {}});
  }
  Run();
  EXPECT_THAT(audit_->TakeLateMinutes(), ElementsAre(std::pair<int, std::int64_t>(0, now - 90)));
  EXPECT_THAT(audit_->TakeShelves(), IsEmpty()) << "what comes back by itself needs no mark";
}

TEST_F(AuditTest, WhatIsOverdueIsFiredBeforeMoreIsLookedFor) {
  for (int i = 0; i < 5; ++i) StoreWaiting(MakeMail(), 1, "@at 2036-01-01T00:00:00Z");
  const AuditBounds page{.copies = 3, .now = k2036 + seconds(90)};
  Run(page);
  ASSERT_EQ(audit_->overdue().size(), 3U);
  EXPECT_EQ(*RunToEnd(SweepOverdue(*broker_, audit_->overdue(), 1)), 1);
  Run(page);
  EXPECT_EQ(audit_->overdue().size(), 2U);
}

TEST_F(AuditTest, WhatCannotBeFiredIsNotInTheWayOfTheOthers) {
  const v1::Mail mail = MakeMail();
  StoreWaiting(mail, 1, "@at 2036-01-01T00:00:00Z");
  constexpr int kNoSuchLane = 9;
  std::vector<OverdueSchedule> overdue = {{0, CopySubject(mail, 1)}, {kNoSuchLane, "wait.9.x"}};
  WatchedBroker broker(*broker_);
  broker.answer = [](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("$JS.API.STREAM.MSG.GET.WAIT_9")) return std::nullopt;
    IncomingMessage nobody;
    nobody.status = 503;
    return nobody;
  };
  EXPECT_FALSE(RunToEnd(SweepOverdue(broker, overdue, 10)).ok());
  EXPECT_THAT(overdue, IsEmpty());
  const std::string due = DueSubject(CopySubject(mail, 1));
  EXPECT_TRUE(test::WaitUntil([&] { return RunToEnd(GetNextMessage(*broker_, WaitStream(0), due)).ok(); }));
}

TEST_F(AuditTest, InPagesACopyThatIsGoneIsNamedWithinTwoPasses) {
  const WallTime next = std::chrono::system_clock::now() + std::chrono::hours(1);
  std::vector<v1::Mail> mails;
  for (int i = 0; i < 7; ++i) {
    mails.push_back(MakeMail());
    Say({AcceptedEvent(mails.back()), Deferred(mails.back(), 1, next)});
    StoreWaiting(mails.back(), 1, "@at 2036-01-01T00:00:00Z");
  }
  constexpr int kRunsAPass = 4;
  const AuditBounds page{.copies = 2};
  for (int run = 0; run < 3 * kRunsAPass; ++run) {
    const AuditReport report = Run(page);
    EXPECT_THAT(report.unaccounted, IsEmpty());
    EXPECT_EQ(report.queued, 7U);
  }
  Api("STREAM.PURGE.WAIT_0", "{\"filter\":\"" + CopySubject(mails[3], 1) + "\"}");
  AuditReport report;
  for (int run = 0; run < 2 * kRunsAPass && report.unaccounted.empty(); ++run) report = Run(page);
  EXPECT_THAT(report.unaccounted,
              ElementsAre(Field(&UnaccountedRecipient::message_id, mails[3].message_id())));
  EXPECT_THAT(Run(page).unaccounted, SizeIs(1)) << "and stays named";
}

TEST_F(AuditTest, OneByOneInTurnAllThatIsGoneIsNamed) {
  const WallTime next = std::chrono::system_clock::now() + std::chrono::hours(1);
  for (int i = 0; i < 5; ++i) {
    const v1::Mail mail = MakeMail();
    Say({AcceptedEvent(mail), Deferred(mail, 1, next)});
  }
  std::size_t named = 0;
  for (const std::size_t expected : {2U, 4U, 5U, 5U}) {
    named = Run({.looks = 2}).unaccounted.size();
    EXPECT_EQ(named, expected);
  }
}

TEST_F(AuditTest, FiringWhatIsGoneIsNoFault) {
  EXPECT_TRUE(RunToEnd(FireNow(*broker_, 0, CopySubject(MakeMail(), 1))).ok());
}

}  // namespace
}  // namespace goniec::queue
