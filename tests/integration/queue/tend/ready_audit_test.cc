// The audit from READY to the first event: no record leaves READY unseen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/tend/audit_fixture.h"

namespace goniec::queue {
namespace {

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

}  // namespace
}  // namespace goniec::queue
