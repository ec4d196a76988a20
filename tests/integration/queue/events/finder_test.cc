#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/events/finder_fixture.h"

namespace goniec::queue {
namespace {

TEST_F(FinderTest, OnlyInReadyIsQueued) {
  const v1::Mail mail = MakeMail(NewId(), 2);
  StoreReady(mail, 1);
  const MessageStatus status = MustFind(mail.message_id());
  EXPECT_EQ(status.message_id, mail.message_id());
  EXPECT_EQ(status.tenant, kTenant);
  EXPECT_EQ(status.recipient_count, 2U);
  ASSERT_THAT(status.recipients, SizeIs(2));
  EXPECT_EQ(status.recipients.at(1).state, RecipientState::kQueued);
  EXPECT_EQ(status.recipients.at(1).address, "r1@example.net");
  EXPECT_EQ(status.acceptance->mail_from(), "sender@example.org");
}

TEST_F(FinderTest, EitherCaseOfTheIdIsTheSame) {
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  std::string upper = mail.message_id();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(MustFind(upper).message_id, mail.message_id());
}

TEST_F(FinderTest, AcceptedAndWithAWorkerIsQueued) {
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kQueued);
}

TEST_F(FinderTest, DeliveredCostsOneDirectGet) {
  const v1::Mail mail = MakeMail(NewId());
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED), MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)});
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
  EXPECT_THAT(watched_->requests(), ElementsAre(StartsWith("$JS.API.DIRECT.GET.EVENTS_")));
}

TEST_F(FinderTest, DeferredInWait) {
  const v1::Mail mail = MakeMail(NewId(), 1, 1);
  v1::Event deferred = MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, 1);
  deferred.mutable_next_attempt_time()->set_seconds(4'000'000'000);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED), deferred});
  StoreWait(mail, std::chrono::hours(1), 1);
  const MessageStatus status = MustFind(mail.message_id());
  EXPECT_EQ(status.recipients.at(0).state, RecipientState::kDeferred);
  EXPECT_EQ(status.recipients.at(0).next_attempt_time, WallTime(std::chrono::seconds(4'000'000'000)));
}

TEST_F(FinderTest, ACopyIsFoundBeforeAndAfterItsScheduleFired) {
  const v1::Mail waiting = MakeMail(NewId(), 1, 1);
  const v1::Mail due = MakeMail(NewId(), 1, 2);
  StoreWait(waiting, std::chrono::hours(1), 1);
  StoreWait(due, std::chrono::seconds(-1));
  ASSERT_TRUE(test::WaitUntil([&] { return RunToEnd(GetNextMessage(*broker_, "WAIT_0", "due.0.>")).ok(); }));
  const auto first = RunToEnd(finder_->FindCopies(kTenant, waiting.message_id()));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_THAT(*first, SizeIs(1));
  EXPECT_EQ(first->at(0).stream, "WAIT_1");
  EXPECT_THAT(first->at(0).subject, StartsWith("wait.1."));
  const auto second = RunToEnd(finder_->FindCopies(kTenant, due.message_id()));
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_THAT(*second, SizeIs(1));
  EXPECT_THAT(second->at(0).subject, StartsWith("due.0."));
  EXPECT_EQ(second->at(0).mail.generation(), 2U);
  // No event names them (they may be older than the events are kept): still there.
  EXPECT_EQ(StateOf(waiting.message_id()), RecipientState::kDeferred);
  EXPECT_EQ(StateOf(due.message_id()), RecipientState::kDeferred);
}

// Among the other mails of its record, and beside other records of the slot and the hour.
TEST_F(FinderTest, AHeldMailIsFoundAmongTheOthersOfItsRecord) {
  const v1::Mail mail = MakeMail(NewId(), 1, 1);
  const v1::Mail second = SecondOf(mail);
  v1::Mail neighbour = MakeMail(NewId(), 1, 1);
  while (SlotOf(neighbour.message_id()) != SlotOf(mail.message_id())) neighbour.set_message_id(NewId());
  StoreOn(HeldSubjectOf(mail), {neighbour});
  StoreOn(HeldSubjectOf(mail), {mail, second});
  StoreEvents({MakeEvent(second, v1::EVENT_TYPE_HELD, 1)});
  EXPECT_EQ(StateOf(second.message_id()), RecipientState::kHeld);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kHeld) << "though no event names it";
  const auto copies = RunToEnd(finder_->FindCopies(kTenant, second.message_id()));
  ASSERT_TRUE(copies.ok()) << copies.status();
  ASSERT_THAT(*copies, SizeIs(1));
  EXPECT_EQ(copies->at(0).stream, "HELD_0");
  EXPECT_EQ(copies->at(0).subject, HeldSubjectOf(mail));
  EXPECT_EQ(copies->at(0).sequence, 2U);
  EXPECT_EQ(copies->at(0).mail.message_id(), second.message_id());
  EXPECT_THAT(*RunToEnd(finder_->FindStored(kTenant, mail.message_id())), SizeIs(1));
  EXPECT_EQ(FindCode("other", mail.message_id()), absl::StatusCode::kNotFound);
}

TEST_F(FinderTest, AHeldMailIsFoundWhereItComesBack) {
  const v1::Mail mail = MakeMail(NewId(), 1, 1);
  const std::string released = ReleasedSubject(HeldSubjectOf(mail));
  StoreOn(released, {mail, SecondOf(mail)});
  const auto copies = RunToEnd(finder_->FindCopies(kTenant, SecondOf(mail).message_id()));
  ASSERT_TRUE(copies.ok()) << copies.status();
  ASSERT_THAT(*copies, SizeIs(1));
  EXPECT_EQ(copies->at(0).stream, "WAIT_0");
  EXPECT_EQ(copies->at(0).subject, released);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDeferred);
}

// It leaves the shelf after it is due: between the two reads it is met in the second place.
TEST_F(FinderTest, AHeldMailThatComesBackBetweenTheReadsIsStillFound) {
  const v1::Mail mail = MakeMail(NewId(), 1, 1);
  StoreOn(HeldSubjectOf(mail), {mail});
  Before("$JS.API.STREAM.INFO.HELD_", [&] {
    StoreOn(ReleasedSubject(HeldSubjectOf(mail)), {mail});
    Api("STREAM.PURGE.HELD_0");
  });
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDeferred);
}

TEST_F(FinderTest, AHeldMailThatWasSetAsideWhenItCameBackIsFound) {
  const v1::Mail mail = MakeMail(NewId(), 1, 1);
  StoreOn(QuarantineSubject(ReleasedSubject(HeldSubjectOf(mail))), {mail, SecondOf(mail)});
  EXPECT_EQ(StateOf(SecondOf(mail).message_id()), RecipientState::kDeferred);
}

TEST_F(FinderTest, LateEventsCount) {
  const v1::Mail mail = MakeMail(OldId(std::chrono::hours(2)), 1, 1);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED), MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, 1)});
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_BOUNCED, 1)}, /*late=*/true);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kBounced);
}

TEST_F(FinderTest, LateEventsCountWhileTheRecordIsStillInHand) {
  const v1::Mail mail = MakeMail(OldId(std::chrono::hours(2)), 2);
  StoreReady(mail);
  v1::Event delivered = MakeEvent(mail, v1::EVENT_TYPE_DELIVERED);
  delivered.mutable_recipients()->RemoveLast();
  StoreEvents({delivered}, /*late=*/true);
  const MessageStatus status = MustFind(mail.message_id());
  EXPECT_EQ(status.recipients.at(0).state, RecipientState::kDelivered);
  EXPECT_EQ(status.recipients.at(1).state, RecipientState::kQueued);
}

TEST_F(FinderTest, RecordsOfOneSlotAreToldApart) {
  const v1::Mail mail = MakeMail(NewId());
  const int slot = SlotOf(mail.message_id());
  std::vector<v1::Mail> neighbours;
  while (neighbours.size() < 3) {
    const v1::Mail other = MakeMail(NewId());
    if (SlotOf(other.message_id()) == slot) neighbours.push_back(other);
  }
  for (const v1::Mail& other : neighbours) StoreReady(other);
  StoreEvents({MakeEvent(neighbours[0], v1::EVENT_TYPE_DELIVERED)});
  EXPECT_EQ(FindCode(kTenant, mail.message_id()), absl::StatusCode::kNotFound);
  StoreReady(mail);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kQueued);
  EXPECT_EQ(StateOf(neighbours[0].message_id()), RecipientState::kDelivered);
}

TEST_F(FinderTest, ABusySlotIsReadToTheEnd) {
  const v1::Mail mail = MakeMail(NewId());
  const std::string record(mail::RecordIdOf(mail.message_id()));
  for (int i = 1; i <= 150; ++i)
    StoreEvents({MakeEvent(MakeMail(mail::MessageIdOf(record, i)), v1::EVENT_TYPE_DELIVERED)});
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)});
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
}

TEST_F(FinderTest, WhatDoesNotParseIsNotInTheWay) {
  const v1::Mail mail = MakeMail(NewId());
  const int slot = SlotOf(mail.message_id());
  const auto garbage = std::make_shared<const std::string>("\xFF\xFF not a record");
  Store({ReadySubject(0, MailClass::kBulk, kTenant, slot), garbage, {}});
  Store({EventSubject(ShardOf(slot, config_.event_shards), kTenant, slot), garbage, {}});
  StoreReady(mail);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kQueued);
}

TEST_F(FinderTest, NotFoundOnlyForWhatIsNowhere) {
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  const std::string record(mail::RecordIdOf(mail.message_id()));
  EXPECT_EQ(FindCode(kTenant, NewId()), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindCode(kTenant, mail::MessageIdOf(record, 1)), absl::StatusCode::kNotFound)
      << "the record has one mail";
  EXPECT_EQ(FindCode("other", mail.message_id()), absl::StatusCode::kNotFound) << "another tenant's";
  EXPECT_EQ(FindCode("*", mail.message_id()), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindCode(kTenant, "not-an-id"), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindCode(kTenant, "*"), absl::StatusCode::kNotFound);
}

TEST_F(FinderTest, AForgedIdIsNotFoundWhateverTimeItNames) {
  struct Case {
    const char* name;
    std::string id;
  };
  const WallTime now = std::chrono::system_clock::now();
  const Case cases[] = {
      {"1970", "00000000000000000000000000"},
      {"a year ago", mail::NewUlid(now - std::chrono::hours(24 * 365))},
      {"in an hour", mail::NewUlid(now + std::chrono::hours(1))},
      {"2100", mail::NewUlid(WallTime(std::chrono::seconds(4'102'444'800)))},
      {"10889, the last", "7zzzzzzzzzzzzzzzzzzzzzzzzz"},
      {"more than 48 bits", "8zzzzzzzzzzzzzzzzzzzzzzzzz"},
      {"upper case", "01ARYZ6S41TSV4RRFFQ69G5FAV"},
      {"no letter of the alphabet", "01aryz6s41tsv4rrffq69g5fau"},
      {"too short", "01aryz6s41"},
      {"several subjects", "01aryz6s41.tsv4rrffq69g5fa"},
      {"all subjects", ">"},
      {"none", ""},
  };
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  for (const Case& one : cases) {
    EXPECT_EQ(FindCode(kTenant, one.id), absl::StatusCode::kNotFound) << one.name;
    EXPECT_TRUE(RunToEnd(finder_->FindCopies(kTenant, one.id)).ok()) << one.name;
  }
}

// Set aside by a worker, for instance of an older version: the 250 still stands.
TEST_F(FinderTest, WhatWasSetAsideIsFound) {
  const v1::Mail ready = MakeMail(NewId(), 2);
  const v1::Mail copy = MakeMail(NewId(), 1, 3);
  const std::string at = ReadySubject(1, MailClass::kBulk, kTenant, SlotOf(ready.message_id()));
  const std::string due =
      DueSubject(WaitSubject(0, MailClass::kTransactional, kTenant, copy.message_id(), 3, "example.net"));
  Store({QuarantineSubject(at), std::make_shared<const std::string>("\xFF not a record"), {}});
  EXPECT_EQ(FindCode(kTenant, ready.message_id()), absl::StatusCode::kNotFound);
  Store({QuarantineSubject(at), Encoded(ready), {}});
  Store({QuarantineSubject(due), Encoded(copy), {}});
  EXPECT_EQ(MustFind(ready.message_id()).recipients.at(1).state, RecipientState::kQueued);
  EXPECT_EQ(StateOf(copy.message_id()), RecipientState::kDeferred);
  EXPECT_EQ(FindCode("other", ready.message_id()), absl::StatusCode::kNotFound);
  Api("STREAM.DELETE.QUARANTINE");
  EXPECT_EQ(FindCode(kTenant, ready.message_id()), absl::StatusCode::kUnavailable);
}

TEST_F(FinderTest, ARecordThatIsAcknowledgedBetweenTheReadsIsStillFound) {
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  Before("$JS.API.STREAM.MSG.GET.READY_", [&] {
    StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED), MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)});
    AcknowledgeReady();
  });
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
}

// A worker whose clock goes slow stores its end among the early events, behind another's among the late ones.
TEST_F(FinderTest, OfTwoEndsTheFirstInTheStreamIsShownWhereverItLies) {
  v1::Mail mail = MakeMail(OldId(std::chrono::minutes(2)));
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)}, /*late=*/true);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED), MakeEvent(mail, v1::EVENT_TYPE_BOUNCED)});
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
  v1::Mail other = MakeMail(OldId(std::chrono::minutes(2)));
  StoreEvents({MakeEvent(other, v1::EVENT_TYPE_BOUNCED)});
  StoreEvents({MakeEvent(other, v1::EVENT_TYPE_DELIVERED)}, /*late=*/true);
  EXPECT_EQ(StateOf(other.message_id()), RecipientState::kBounced);
}

TEST_F(FinderTest, ARecordThatIsMovedAndEndsBetweenTheReadsIsStillFound) {
  const v1::Mail mail = MakeMail(OldId(std::chrono::minutes(5)));
  StoreReady(mail);
  Before("$JS.API.STREAM.MSG.GET.READY_", [&] {
    StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, 1)}, /*late=*/true);
    StoreWait(MakeMail(mail.message_id(), 1, 1), std::chrono::hours(1));
    AcknowledgeReady();
    // And from WAIT to its end before the copies are looked for.
    Before("$JS.API.STREAM.MSG.GET.WAIT_", [&] {
      StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DELIVERED, 1)}, /*late=*/true);
      Api("STREAM.PURGE.WAIT_0");
    });
  });
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
}

TEST_F(FinderTest, AStepThatCannotBeAskedIsUnavailableAndNeverNotFound) {
  const v1::Mail mail = MakeMail(NewId());
  StoreReady(mail);
  for (const char* stream : {"READY_0", "WAIT_1", "HELD_0", "EVENTS_0", "EVENTS_1", "EVENTS_2"}) {
    SCOPED_TRACE(stream);
    const std::string id = NewId();
    Api(absl::StrCat("STREAM.DELETE.", stream));
    const bool asked = !std::string_view(stream).starts_with("EVENTS") ||
                       EventsStream(ShardOf(SlotOf(id), config_.event_shards)) == stream;
    EXPECT_EQ(FindCode(kTenant, id), asked ? absl::StatusCode::kUnavailable : absl::StatusCode::kNotFound);
    ProvisionAll();
  }
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_EQ(FindCode(kTenant, mail.message_id()), absl::StatusCode::kUnavailable);
}

TEST_F(FinderTest, FoldEventsReadsEventsAlone) {
  const v1::Mail mail = MakeMail(OldId(std::chrono::hours(1)));
  StoreReady(mail);
  EXPECT_TRUE(RunToEnd(finder_->FoldEvents(kTenant, mail.message_id()))->recipients.empty());
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, 1)});
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DEFERRED, 2)}, /*late=*/true);
  EXPECT_EQ(RunToEnd(finder_->FoldEvents(kTenant, mail.message_id()))->recipients.at(0).generation, 2U);
}

TEST_F(FinderTest, FindCopiesGivesAllGenerationsOfThisMessageAlone) {
  const std::string id = NewId();
  StoreWait(MakeMail(id, 1, 1), std::chrono::hours(1));
  StoreWait(MakeMail(id, 1, 2), std::chrono::hours(2));
  StoreWait(MakeMail(NewId(), 1, 1), std::chrono::hours(1));
  const auto copies = RunToEnd(finder_->FindCopies(kTenant, id));
  ASSERT_TRUE(copies.ok()) << copies.status();
  ASSERT_THAT(*copies, SizeIs(2));
  EXPECT_EQ(copies->at(0).mail.generation(), 1U);
  EXPECT_EQ(copies->at(1).mail.generation(), 2U);
  EXPECT_THAT(*RunToEnd(finder_->FindCopies("other", id)), SizeIs(0));
}

TEST_F(FinderTest, AResendSeesItsFirst) {
  const v1::Mail mail = MakeMail(NewId());
  const std::string subject = ReadySubject(0, MailClass::kTransactional, kTenant, SlotOf(mail.message_id()));
  StoreReady(mail);                                                           // sequence 1
  Store({subject, std::make_shared<const std::string>("not a record"), {}});  // sequence 2
  StoreReady(mail);                                                           // sequence 3
  const auto earlier_than = [&](std::uint64_t sequence) {
    int found = 0;
    const absl::Status read =
        RunToEnd(finder_->ReadEarlier({"READY_0", subject}, sequence, [&](const v1::Record& record) {
          EXPECT_EQ(record.mails(0).message_id(), mail.message_id());
          ++found;
        }));
    EXPECT_TRUE(read.ok()) << read;
    return found;
  };
  EXPECT_EQ(earlier_than(1), 0);
  EXPECT_EQ(earlier_than(3), 1);
  EXPECT_EQ(earlier_than(9), 2);
  AcknowledgeReady();
  EXPECT_EQ(earlier_than(9), 0);
}

TEST_F(FinderTest, AllMailsOfARecordAreFoldedByOneReading) {
  const v1::Mail early = MakeMail(OldId(std::chrono::hours(1)));
  const v1::Mail late = SecondOf(early);
  v1::Mail open = early;
  open.set_message_id(mail::MessageIdOf(std::string(mail::RecordIdOf(early.message_id())), 2));
  StoreEvents({MakeEvent(early, v1::EVENT_TYPE_DELIVERED), MakeEvent(open, v1::EVENT_TYPE_ACCEPTED)});
  StoreEvents({MakeEvent(late, v1::EVENT_TYPE_BOUNCED)}, /*late=*/true);
  const auto fold = [&](std::vector<std::string> ids) {
    return RunToEnd(finder_->FoldEventsOfAll(kTenant, std::move(ids)));
  };
  for (int i = 0; i < 10; ++i) {
    const auto all = fold({early.message_id(), late.message_id(), open.message_id()});
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_TRUE(all->at(early.message_id()).AllTerminal());
    EXPECT_TRUE(all->at(late.message_id()).AllTerminal());
    EXPECT_FALSE(all->at(open.message_id()).AllTerminal());
    EXPECT_TRUE(all->at(open.message_id()).acceptance.has_value());
  }
  // One for each of the slot's two subjects; the stream's replicas are asked for once a second at most.
  int reads = 0;
  int infos = 0;
  for (const std::string& subject : watched_->requests()) {
    reads += subject.starts_with("$JS.API.DIRECT.GET.") ? 1 : 0;
    infos += subject.starts_with("$JS.API.STREAM.INFO.") ? 1 : 0;
  }
  EXPECT_EQ(reads, 20);
  EXPECT_LT(infos, 10);
  EXPECT_TRUE(absl::IsInvalidArgument(fold({early.message_id(), NewId()}).status()));
  EXPECT_TRUE(fold({})->empty());
}

}  // namespace
}  // namespace goniec::queue
