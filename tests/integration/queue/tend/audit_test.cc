// The audit against a real queue: what has ended or lies in a record is accounted for, what is gone is named.
#include "common/queue/tend/audit.h"

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
#include "common/queue/tend/sweeper.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

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

TEST_F(AuditTest, RecordsThatLeaveReadyUnseenAreNamedExactly) {
  const std::vector<v1::Mail> mails = StoreRecords(12);
  EXPECT_THAT(Missing(), IsEmpty()) << "stored is queued";
  for (const std::uint64_t settled : {1, 2, 5, 9}) Settle(mails[settled - 1], settled);
  EXPECT_THAT(Missing(), IsEmpty());
  Remove({6, 7, 8});
  EXPECT_THAT(Missing(), ElementsAre("6-8"));
  EXPECT_THAT(Missing(), ElementsAre("6-8")) << "and stay named";
  Remove({12, 3});
  EXPECT_THAT(Missing(), ElementsAre("3-3", "6-8", "12-12"));
  // Whoever begins to audit afterwards sees the same.
  audit_ = std::make_unique<Audit>(*broker_, *finder_, config_);
  EXPECT_THAT(Missing(), ElementsAre("3-3", "6-8", "12-12"));
  Api("STREAM.PURGE.READY_0");
  EXPECT_THAT(Missing(), ElementsAre("3-4", "6-8", "10-12"));
}

TEST_F(AuditTest, WhatIsGoneSaysWhenItWasStored) {
  const WallTime begin = std::chrono::system_clock::now() - seconds(1);
  const std::vector<v1::Mail> mails = StoreRecords(3);
  Remove({2});
  const AuditReport report = Run({.age = seconds(0)});
  ASSERT_EQ(report.missing_records.size(), 1U);
  EXPECT_GT(report.missing_records[0].after, begin);
  EXPECT_LT(report.missing_records[0].after, report.missing_records[0].before);
}

TEST_F(AuditTest, ARecordThatIsGoneIsNotNamedWhileItIsYoung) {
  StoreRecords(3);
  Api("STREAM.PURGE.READY_0");
  EXPECT_THAT(Run().missing_records, IsEmpty());
  EXPECT_EQ(Run({.now = std::chrono::system_clock::now() + std::chrono::minutes(6)}).missing_records.size(),
            1U);
}

TEST_F(AuditTest, WithFewQuestionsTheSameIsFoundInSeveralRuns) {
  StoreRecords(60);
  Remove({5, 6, 41});
  std::vector<MissingRecords> found;
  int runs = 0;
  const auto all = [&] { return found.size() == 2; };
  while (!all() && ++runs < 60) found = Run({.age = seconds(0), .questions = 6}).missing_records;
  ASSERT_TRUE(all());
  EXPECT_GT(runs, 1);
  EXPECT_EQ(found[0].last, 6U);
  EXPECT_EQ(found[1].first, 41U);
}

TEST_F(AuditTest, WhatWasSetAsideIsAccountedForAsLongAsItIsThere) {
  StoreRecords(3);
  const std::string subject = ReadySubject(0, MailClass::kTransactional, kTenant, 7);
  ASSERT_TRUE(RunToEnd(Quarantine(*broker_, subject, "READY_0", 2, "record", "a test")).ok());
  Remove({2});
  EXPECT_THAT(Missing(), IsEmpty());
  Api("STREAM.PURGE.QUARANTINE");
  EXPECT_THAT(Missing(), ElementsAre("2-2"));
}

TEST_F(AuditTest, WhatWasReturnedFromQuarantineIsAccountedForInItsNewPlace) {
  StoreRecords(1);
  const std::string subject = ReadySubject(0, MailClass::kTransactional, kTenant, 7);
  ASSERT_TRUE(RunToEnd(Quarantine(*broker_, subject, "READY_0", 1, "record", "a test")).ok());
  Remove({1});
  const auto aside = RunToEnd(ListSetAside(*broker_));
  ASSERT_TRUE(aside.ok() && aside->size() == 1);
  ASSERT_TRUE(RunToEnd(ReturnSetAside(*broker_, config_, aside->at(0))).ok());
  EXPECT_THAT(Missing(), IsEmpty());
  Remove({2});
  EXPECT_THAT(Missing(), ElementsAre("2-2"));
}

TEST_F(AuditTest, WhatWasDealtWithByHandIsNotNamedAgain) {
  StoreRecords(5);
  Api("STREAM.PURGE.READY_0");
  v1::ReadyPlace place;
  place.set_sequence(2);
  place.set_last_sequence(4);
  Store(ReadyNote(config_, "", place));
  EXPECT_THAT(Missing(), ElementsAre("1-1", "5-5"));
}

TEST_F(AuditTest, EventsThatNameNoRecordBeginTheLedgerAnew) {
  const std::vector<v1::Mail> mails = StoreRecords(4);
  Say({AcceptedEvent(mails[0]), Ended(mails[0], {0})});  // as a version before this one
  Remove({1, 2});
  const AuditReport report = Run({.age = seconds(0)});
  EXPECT_THAT(report.missing_records, IsEmpty());
  EXPECT_THAT(report.first_judged, ElementsAre(0U));
  v1::ReadyPlace later = PlaceOf(3);
  *later.mutable_stored_time() = ToProto(std::chrono::system_clock::now() + std::chrono::minutes(1));
  Say({AcceptedEvent(mails[2]), Ended(mails[2], {0})}, later);
  Remove({3, 4});
  EXPECT_THAT(Missing(), ElementsAre("4-4"));
}

TEST_F(AuditTest, ARecordIsAccountedForOnlyWhenAllItsMailsAreNamed) {
  const std::vector<v1::Mail> mails = StoreRecords(2);
  v1::ReadyPlace partly = PlaceOf(1);
  partly.set_partial(true);
  v1::EventRecord events;
  *events.add_events() = AcceptedEvent(mails[0]);
  *events.mutable_ready() = partly;
  Store({EventSubject(0, kTenant, 7), std::make_shared<const std::string>(events.SerializeAsString()), {}});
  Remove({1});
  EXPECT_THAT(Missing(), ElementsAre("1-1"));
}

TEST_F(AuditTest, AStreamThatWasMadeAnewHasALedgerOfItsOwn) {
  const std::vector<v1::Mail> mails = StoreRecords(3);
  for (std::uint64_t each = 1; each <= 3; ++each) {
    v1::ReadyPlace place = PlaceOf(each);
    *place.mutable_stored_time() = ToProto(std::chrono::system_clock::now() - std::chrono::hours(1));
    Say({AcceptedEvent(mails[each - 1]), Ended(mails[each - 1], {0})}, place);
  }
  Api("STREAM.DELETE.READY_0");
  ProvisionAll();
  StoreRecords(2);
  Remove({1});
  EXPECT_THAT(Missing(), ElementsAre("1-1"));
}

TEST_F(AuditTest, FiringWhatIsGoneIsNoFault) {
  EXPECT_TRUE(RunToEnd(FireNow(*broker_, 0, CopySubject(MakeMail(), 1))).ok());
}

}  // namespace
}  // namespace goniec::queue
