// Which recipients of a record are its holder's, on a real queue: what an earlier record holds is not, nor
// what has moved on, and an interrupted move is finished on the way.
#include "common/queue/hold/holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/queue/hold/shadow.h"
#include "tests/integration/queue/hold/hold_fixture.h"

namespace goniec::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HolderTest : public HoldFixture {
 protected:
  std::shared_ptr<Delivery> PullDue(std::size_t count) { return Pull("WAIT_0", kDueConsumer, count); }

  // Uncovered positions of each of the record's mails, as the holder of `delivery` sees them.
  std::vector<std::vector<std::uint32_t>> UncoveredIn(const Delivery& delivery) {
    v1::Record record;
    EXPECT_TRUE(
        record.ParseFromArray(delivery.payload().data(), static_cast<int>(delivery.payload().size())));
    const auto shadow = RunToEnd(ReadShadow(*finder_, delivery, record, 0));
    EXPECT_TRUE(shadow.ok()) << shadow.status();
    std::vector<std::vector<std::uint32_t>> uncovered;
    for (const v1::Mail& mail : record.mails()) uncovered.push_back(shadow->Uncovered(mail));
    return uncovered;
  }

  // What the broker is asked for it.
  std::vector<std::string> AskedFor(const Delivery& delivery) {
    v1::Record record;
    EXPECT_TRUE(
        record.ParseFromArray(delivery.payload().data(), static_cast<int>(delivery.payload().size())));
    WatchedBroker asked(*broker_);
    MessageFinder finder(asked, config_);
    const auto shadow = RunToEnd(ReadShadow(finder, delivery, record, 0));
    EXPECT_TRUE(shadow.ok()) << shadow.status();
    return asked.requests();
  }

  Held LookAt(const v1::Record& record, const Delivery& delivery,
              const std::vector<std::uint32_t>& positions = {0, 1}) {
    const v1::Mail& mail = record.mails(0);
    const auto statuses =
        RunToEnd(context_->finder.FoldEventsOfAll(mail.tenant(), {std::string(mail.message_id())}));
    EXPECT_TRUE(statuses.ok()) << statuses.status();
    if (!statuses.ok()) return {};
    const auto held =
        RunToEnd(Look(*context_, record, mail, statuses->at(mail.message_id()), positions, delivery, 0));
    EXPECT_TRUE(held.ok()) << held.status();
    return held.ok() ? *held : Held();
  }

  // As the worker says it that moved them.
  void SayMoved(const v1::Mail& mail, v1::EventType type, std::vector<std::uint32_t> positions) {
    v1::EventRecord events;
    v1::Event& event = *events.add_events();
    event = MakeEvent(mail, type, positions, std::chrono::system_clock::now());
    event.set_generation(mail.generation() + 1);
    event.set_attempts(1);
    const int slot = SlotOf(mail.message_id());
    Store({EventSubject(ShardOf(slot, config_.event_shards), "default", slot),
           std::make_shared<const std::string>(events.SerializeAsString()),
           {}});
  }
};

TEST_F(HolderTest, OfTwoTwinsTheFirstActs) {
  const v1::Record record = MakeRecord(1, 1);
  StoreAt(DueSubjectOf(record), record);
  StoreAt(DueSubjectOf(record), record);
  ASSERT_NE(PullDue(2), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[0]), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(IsEmpty()));
}

TEST_F(HolderTest, RecordsThatShareASubjectAreNoTwins) {
  const v1::Record record = MakeRecord(3, 1);
  StoreAt(ReleasedSubjectOf(record), PartOf(record, {0, 1}));
  StoreAt(ReleasedSubjectOf(record), PartOf(record, {2}));
  StoreAt(ReleasedSubjectOf(record), PartOf(record, {1, 2}));
  ASSERT_NE(PullDue(3), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[0]), ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[2]), ElementsAre(IsEmpty(), IsEmpty()));
}

TEST_F(HolderTest, ACopyAndARecordFromAShelfMayBeTwins) {
  v1::Record record = MakeRecord(2, 1);
  v1::Record copy = PartOf(record, {0});
  copy.mutable_mails(0)->mutable_recipients()->RemoveLast();
  StoreAt(DueSubjectOf(copy), copy);
  StoreAt(ReleasedSubjectOf(record), record);
  StoreAt(DueSubjectOf(PartOf(record, {1})), PartOf(record, {1}));
  ASSERT_NE(PullDue(3), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[0]), ElementsAre(ElementsAre(0)));
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(ElementsAre(1), ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[2]), ElementsAre(IsEmpty()));
}

TEST_F(HolderTest, AnotherGenerationIsNoTwin) {
  v1::Record record = MakeRecord(1, 1);
  StoreAt(ReleasedSubjectOf(record), record);
  record.mutable_mails(0)->set_generation(2);
  StoreAt(ReleasedSubjectOf(record), record);
  ASSERT_NE(PullDue(2), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(ElementsAre(0, 1)));
}

// Of mails that were published again one by one the first may hold fewer than the one that follows it.
TEST_F(HolderTest, AResendActsForTheMailsThatNoneBeforeItHolds) {
  const v1::Record record = MakeRecord(2);
  const std::string subject = ReadySubjectOf(record);
  StoreAt(subject, PartOf(record, {0}), {{kHeaderResend, "1"}});
  StoreAt(subject, record, {{kHeaderResend, "1"}});
  StoreAt(subject, record);
  ASSERT_NE(Pull("READY_0", "transactional", 3), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[0]), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(IsEmpty(), ElementsAre(0, 1)));
  EXPECT_THAT(UncoveredIn(*delivered_[2]), ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1)))
      << "not marked: both are served";
}

// Its worker sets it aside, and serves nobody.
TEST_F(HolderTest, WhatIsNoRecordOfOursCoversNothing) {
  const v1::Record record = MakeRecord(2, 1);
  v1::Record later = record;
  later.set_layout(99);
  StoreAt(ReleasedSubjectOf(record), later);
  StoreAt(ReleasedSubjectOf(record), record);
  ASSERT_NE(PullDue(2), nullptr);
  EXPECT_THAT(UncoveredIn(*delivered_[1]), ElementsAre(ElementsAre(0, 1), ElementsAre(0, 1)));
}

// However many domains its mail goes to, and whatever else of it is due.
TEST_F(HolderTest, ACopyIsLookedForInTwoPlaces) {
  const v1::Record record = MakeRecord(1, 1);
  constexpr int kDomains = 20;
  for (int i = 0; i < kDomains; ++i) {
    StoreAt(DueSubject(WaitSubject(0, MailClass::kTransactional, "default", record.mails(0).message_id(), 1,
                                   absl::StrCat("domain", i, ".test"))),
            record);
  }
  const auto last = PullDue(kDomains);
  ASSERT_NE(last, nullptr);
  EXPECT_THAT(AskedFor(*last), ElementsAre("$JS.API.STREAM.MSG.GET.WAIT_0", "$JS.API.STREAM.INFO.WAIT_0"));
}

// Not where it has another generation.
TEST_F(HolderTest, ARecordFromAShelfIsLookedForByMailAndGeneration) {
  v1::Record record = MakeRecord(2, 2);
  for (int i = 0; i < 5; ++i) StoreAt(DueSubjectOf(record), record);
  record.mutable_mails(0)->set_generation(1);
  record.mutable_mails(1)->set_generation(1);
  StoreAt(ReleasedSubjectOf(record), record);
  const auto last = PullDue(6);
  ASSERT_NE(last, nullptr);
  EXPECT_THAT(AskedFor(*last), ElementsAre("$JS.API.STREAM.INFO.WAIT_0", "$JS.API.STREAM.INFO.WAIT_0",
                                           "$JS.API.STREAM.INFO.WAIT_0", "$JS.API.STREAM.MSG.GET.WAIT_0"));
}

TEST_F(HolderTest, WithoutAnAnswerNothingIsCertain) {
  const v1::Record record = MakeRecord(1, 1);
  StoreAt(DueSubjectOf(record), record);
  StoreAt(DueSubjectOf(record), record);
  const auto second = PullDue(2);
  ASSERT_NE(second, nullptr);
  Api("STREAM.DELETE.WAIT_0");
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(ReadShadow(*finder_, *second, record, 0)).status()));
}

TEST_F(HolderTest, WhatLiesOnAShelfAmongOthersIsNotMovedAgain) {
  const v1::Record record = MakeRecord(2);
  StoreAt(ReadySubjectOf(record), record);
  SayMoved(record.mails(0), v1::EVENT_TYPE_HELD, {0, 1});
  v1::Record shelved = record;
  for (v1::Mail& mail : *shelved.mutable_mails()) mail.set_generation(1);
  StoreAt(HeldSubject({0, MailClass::kTransactional, "site1", "default"}, SlotOf(record.record_id()),
                      MinuteOf(std::chrono::system_clock::now())),
          shelved);
  const auto delivery = Pull("READY_0", "transactional", 1);
  EXPECT_THAT(LookAt(record, *delivery).positions, IsEmpty());
  EXPECT_EQ(Stored("WAIT_0"), 0U);
  EXPECT_EQ(Stored("HELD_0"), 1U);
}

TEST_F(HolderTest, AnInterruptedMoveToAShelfIsFinishedOnce) {
  const v1::Record record = MakeRecord(2);
  StoreAt(ReadySubjectOf(record), record);
  SayMoved(record.mails(0), v1::EVENT_TYPE_HELD, {0, 1});
  const auto delivery = Pull("READY_0", "transactional", 1);
  EXPECT_THAT(LookAt(record, *delivery).positions, IsEmpty());
  EXPECT_THAT(LookAt(record, *delivery).positions, IsEmpty());
  const auto copies = RunToEnd(finder_->FindCopies("default", record.mails(0).message_id()));
  ASSERT_TRUE(copies.ok()) << copies.status();
  ASSERT_EQ(copies->size(), 2U) << "one a domain";
  for (const auto& copy : *copies) {
    EXPECT_EQ(copy.stream, "WAIT_0");
    EXPECT_EQ(copy.mail.generation(), 1U);
    EXPECT_EQ(copy.mail.attempts(), 1U);
  }
}

// Their move is finished by the holder of the earlier record: a copy of ours, with other recipients in it,
// would take its place.
TEST_F(HolderTest, MovesOfRecipientsThatAnotherHoldsAreLeftToIt) {
  const v1::Record record = MakeRecord(1, 1);
  StoreAt(ReleasedSubjectOf(record), record);
  SayMoved(record.mails(0), v1::EVENT_TYPE_DEFERRED, {0, 1});
  const auto delivery = PullDue(1);
  EXPECT_THAT(LookAt(record, *delivery, {1}).positions, IsEmpty());
  const auto copies = RunToEnd(finder_->FindCopies("default", record.mails(0).message_id()));
  ASSERT_TRUE(copies.ok()) << copies.status();
  std::vector<std::uint32_t> moved;
  for (const auto& copy : *copies) {
    if (copy.mail.generation() == 2) moved.push_back(copy.mail.recipients(0).index());
  }
  EXPECT_THAT(moved, ElementsAre(1));
}

TEST_F(HolderTest, OursIsWhatNobodyEndedAndNothingYoungerHolds) {
  const v1::Record record = MakeRecord(1, 1);
  StoreAt(ReleasedSubjectOf(record), record);
  v1::EventRecord events;
  *events.add_events() =
      MakeEvent(record.mails(0), v1::EVENT_TYPE_DELIVERED, {1}, std::chrono::system_clock::now());
  const int slot = SlotOf(record.record_id());
  Store({EventSubject(ShardOf(slot, config_.event_shards), "default", slot),
         std::make_shared<const std::string>(events.SerializeAsString()),
         {}});
  const auto delivery = PullDue(1);
  const Held held = LookAt(record, *delivery);
  EXPECT_THAT(held.positions, ElementsAre(0));
  EXPECT_TRUE(held.acceptance_missing);
  EXPECT_THAT(LookAt(record, *delivery, {1}).positions, IsEmpty());
}

}  // namespace
}  // namespace goniec::queue
