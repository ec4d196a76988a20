// What those do who take from the shelf: reading, release, taking off, and what must come back by a minute.
#include "common/queue/hold/shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/integration/queue/hold/hold_fixture.h"

namespace goniec::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ShelfTest : public HoldFixture {
 protected:
  // A record of one mail on a shelf; its minute is far away if it is not said.
  v1::Record Put(const ShelfPlace& place, std::optional<std::int64_t> minute = std::nullopt) {
    v1::Record record = MakeRecord(1, 1);
    PutAs(record, place, minute);
    return record;
  }
  void PutAs(const v1::Record& record, const ShelfPlace& place,
             std::optional<std::int64_t> minute = std::nullopt) {
    StoreAt(HeldSubject(place, SlotOf(record.record_id()), minute.value_or(Now() + 1'000)), record);
  }
  std::int64_t Now() { return MinuteOf(broker_->Now()); }

  std::vector<StoredMessage> Read(const ShelfPlace& place, std::uint64_t from = 1, std::size_t most = 100) {
    auto records = RunToEnd(ReadShelf(*broker_, place, from, most));
    EXPECT_TRUE(records.ok()) << records.status();
    return records.ok() ? *std::move(records) : std::vector<StoredMessage>();
  }
  static std::vector<std::uint64_t> SequencesOf(const std::vector<StoredMessage>& records) {
    std::vector<std::uint64_t> sequences;
    for (const StoredMessage& record : records) sequences.push_back(record.sequence);
    return sequences;
  }
  std::vector<std::uint64_t> OnShelf(const ShelfPlace& place) { return SequencesOf(Read(place)); }
  // The records that are due, in order: the ids of their first mails.
  std::vector<std::string> Due() {
    std::vector<std::string> ids;
    auto batch = RunToEnd(GetDirectBatch(*broker_, "WAIT_0", "due.>", 1'000, std::nullopt));
    EXPECT_TRUE(batch.ok()) << batch.status();
    for (const StoredMessage& stored : batch->messages) {
      v1::Record record;
      EXPECT_TRUE(record.ParseFromString(stored.data));
      ids.push_back(record.mails(0).message_id());
    }
    return ids;
  }
  int Overdue(OverdueMinutes& minutes, std::size_t most = 1'000) {
    const auto released = RunToEnd(ReleaseOverdue(*watched_, 0, minutes, {most}));
    EXPECT_TRUE(released.ok()) << released.status();
    return released.value_or(-1);
  }

  const ShelfPlace kSite{0, MailClass::kTransactional, "site1", "acme"};
  const ShelfPlace kBulk{0, MailClass::kBulk, "site1", "acme"};
  const ShelfPlace kTenant{0, MailClass::kTransactional, "site1", "other"};
  const ShelfPlace kOther{0, MailClass::kTransactional, "site2", "acme"};
  const ShelfPlace kLater{0, MailClass::kTransactional, kLaterShelf, "acme"};
};

TEST_F(ShelfTest, APlaceIsReadInOrderAndOnFromWhereOneWas) {
  for (const ShelfPlace& place : {kSite, kOther, kSite, kBulk, kTenant, kSite}) Put(place);
  EXPECT_THAT(OnShelf(kSite), ElementsAre(1, 3, 6));
  EXPECT_THAT(SequencesOf(Read(kSite, 1, 2)), ElementsAre(1, 3));
  EXPECT_THAT(SequencesOf(Read(kSite, 4)), ElementsAre(6));
  EXPECT_THAT(Read({0, MailClass::kBulk, "site3", "acme"}), IsEmpty());
}

TEST_F(ShelfTest, LargeRecordsAreReadAFewAtATimeAndAtLeastOne) {
  const v1::Record large = MakeRecord(1, 1, 900'000);
  for (int i = 0; i < 12; ++i) PutAs(large, kSite);
  const std::size_t read = Read(kSite).size();
  EXPECT_GE(read, 1U);
  EXPECT_LE(read, 6U);
  EXPECT_THAT(SequencesOf(Read(kSite, read + 1, 1)), ElementsAre(read + 1));
}

// Who does not see a record must not take it off with those around it.
TEST_F(ShelfTest, ARecordThatIsLostOnTheWayIsNoticed) {
  for (int i = 0; i < 3; ++i) Put(kSite);
  GappyBroker gappy(*broker_);
  for (gappy.lost = 0; gappy.lost < 3; ++gappy.lost) {
    EXPECT_EQ(RunToEnd(ReadShelf(gappy, kSite, 1, 100)).status().code(), absl::StatusCode::kUnavailable)
        << gappy.lost;
  }
  gappy.lost = -1;
  EXPECT_THAT(RunToEnd(ReadShelf(gappy, kSite, 1, 100)).value(), SizeIs(3));
}

TEST_F(ShelfTest, AReleasedRecordIsTheSameBytesOnceAndStaysOnTheShelf) {
  const v1::Record record = Put(kSite);
  const StoredMessage on_shelf = Read(kSite).at(0);
  for (int i = 0; i < 2; ++i) {
    const absl::Status released = RunToEnd(Release(*broker_, 0, on_shelf));
    EXPECT_TRUE(released.ok()) << released;
  }
  EXPECT_EQ(Stored("WAIT_0"), 1U);
  const StoredMessage due = First("WAIT_0");
  EXPECT_EQ(due.subject, ReleasedSubject(on_shelf.subject));
  EXPECT_EQ(due.data, on_shelf.data);
  EXPECT_THAT(OnShelf(kSite), SizeIs(1));
  ASSERT_NE(Pull("WAIT_0", "due", 1), nullptr) << "the consumer has it";
}

TEST_F(ShelfTest, AnAnswerThatIsLostIsNoRelease) {
  Put(kSite);
  LossyBroker lossy(*broker_, "due.");
  lossy.lose = 1;
  const StoredMessage on_shelf = Read(kSite).at(0);
  EXPECT_FALSE(RunToEnd(Release(lossy, 0, on_shelf)).ok());
  EXPECT_TRUE(RunToEnd(Release(lossy, 0, on_shelf)).ok());
  EXPECT_EQ(Stored("WAIT_0"), 1U);
}

TEST_F(ShelfTest, AProbeSaysSoAndIsAnotherInEachEpoch) {
  Put(kSite);
  const StoredMessage on_shelf = Read(kSite).at(0);
  for (const std::uint64_t epoch : {3U, 3U, 4U, 0U}) {
    EXPECT_TRUE(RunToEnd(Release(*broker_, 0, on_shelf, {epoch})).ok());
  }
  EXPECT_EQ(Stored("WAIT_0"), 3U);
  const auto header = [&](std::uint64_t sequence) {
    for (const auto& [name, value] : First("WAIT_0", sequence).headers) {
      if (name == kHeaderProbe) return value;
    }
    return std::string();
  };
  EXPECT_EQ(header(1), "3");
  EXPECT_EQ(header(2), "4");
  EXPECT_EQ(header(3), "");
}

// A stream that was made anew counts from 1 again; what has its sequences is other mail.
TEST_F(ShelfTest, ARecordOfAShelfThatWasMadeAnewIsNotTakenForAnEarlierOne) {
  Put(kSite);
  EXPECT_TRUE(RunToEnd(Release(*broker_, 0, Read(kSite).at(0))).ok());
  Api("STREAM.DELETE.HELD_0");
  ProvisionAll();
  Put(kSite);
  const StoredMessage anew = Read(kSite).at(0);
  EXPECT_EQ(anew.sequence, 1U);
  EXPECT_TRUE(RunToEnd(Release(*broker_, 0, anew)).ok());
  EXPECT_EQ(Stored("WAIT_0"), 2U);
}

TEST_F(ShelfTest, ManyAreReleasedInTheirOrder) {
  std::vector<std::string> ids;
  for (int i = 0; i < 70; ++i) ids.push_back(Put(kSite).mails(0).message_id());
  EXPECT_EQ(RunToEnd(ReleaseAll(*broker_, 0, Read(kSite))), 70U);
  EXPECT_EQ(Due(), ids);
}

TEST_F(ShelfTest, OfManyThoseCountThatComeBeforeTheFirstThatFailed) {
  std::vector<std::string> subjects;
  for (int i = 0; i < 5; ++i) Put(kSite);
  const std::vector<StoredMessage> records = Read(kSite);
  watched_->answer = [failing = ReleasedSubject(records[3].subject)](
                         const std::string& subject) -> std::optional<IncomingMessage> {
    if (subject != failing) return std::nullopt;
    IncomingMessage nobody;
    nobody.status = 503;
    return nobody;
  };
  EXPECT_EQ(RunToEnd(ReleaseAll(*watched_, 0, records)), 3U);
}

TEST_F(ShelfTest, WhatIsTakenOffEndsWithItsSequenceAndIsOfItsPlace) {
  for (const ShelfPlace& place : {kSite, kBulk, kTenant, kOther, kSite, kSite}) Put(place);
  const std::vector<StoredMessage> read = Read(kSite);
  ASSERT_THAT(SequencesOf(read), ElementsAre(1, 5, 6));
  EXPECT_TRUE(RunToEnd(TakeOff(*broker_, 0, read, 2)).ok());
  EXPECT_THAT(OnShelf(kSite), ElementsAre(6));
  EXPECT_EQ(Stored("HELD_0"), 4U);
  EXPECT_TRUE(RunToEnd(TakeOff(*broker_, 0, read, 2)).ok()) << "taking off what is gone";
}

// What came after it was read has its subject, but was not released.
TEST_F(ShelfTest, WhatCameUnderTheSameSubjectMeanwhileStays) {
  const v1::Record record = MakeRecord(3, 1);
  for (int mail = 0; mail < 2; ++mail) PutAs(PartOf(record, {mail}), kSite);
  const std::vector<StoredMessage> read = Read(kSite);
  PutAs(PartOf(record, {2}), kSite);
  EXPECT_TRUE(RunToEnd(TakeOff(*broker_, 0, read, read.size())).ok());
  EXPECT_THAT(OnShelf(kSite), ElementsAre(3));
}

TEST_F(ShelfTest, ManyAreTakenOffAtOnce) {
  for (int i = 0; i < 70; ++i) Put(kSite);
  EXPECT_TRUE(RunToEnd(TakeOff(*watched_, 0, Read(kSite), 70)).ok());
  EXPECT_THAT(OnShelf(kSite), IsEmpty());
  EXPECT_EQ(Stored("HELD_0"), 0U);
}

TEST_F(ShelfTest, WhatCannotBeTakenOffIsTold) {
  for (int i = 0; i < 40; ++i) Put(kSite);
  LeaderlessBroker leaderless(*broker_, "$JS.API.STREAM.PURGE.");
  leaderless.leaderless = 1;
  EXPECT_FALSE(RunToEnd(TakeOff(leaderless, 0, Read(kSite), 40)).ok());
}

TEST_F(ShelfTest, OneRecordIsTakenOffAloneThoughOthersHaveItsSubject) {
  const v1::Record record = MakeRecord(3, 1);
  for (int mail = 0; mail < 3; ++mail) PutAs(PartOf(record, {mail}), kSite);
  const StoredMessage second = Read(kSite).at(1);
  for (int i = 0; i < 2; ++i) {
    const absl::Status taken = RunToEnd(TakeOff(*broker_, 0, second));
    EXPECT_TRUE(taken.ok()) << taken;
  }
  EXPECT_THAT(OnShelf(kSite), ElementsAre(1, 3));
}

TEST_F(ShelfTest, ShelvesAreCountedByPlace) {
  const std::int64_t soon = Now() + 10;
  Put(kSite, soon + 5);
  Put(kSite, soon);
  Put(kTenant, soon);
  Put(kOther, soon);
  Put(kLater, soon + 1);
  const auto all = RunToEnd(CountShelves(*broker_, 0, ""));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(*all, SizeIs(4));
  EXPECT_EQ(all->at(kSite).records, 2U);
  EXPECT_EQ(MinuteOf(all->at(kSite).earliest), soon);
  EXPECT_EQ(all->at(kLater).records, 1U);
  const auto one = RunToEnd(CountShelves(*broker_, 0, "site1"));
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(*one, UnorderedElementsAre(Pair(kSite, testing::_), Pair(kTenant, testing::_)));
}

TEST_F(ShelfTest, ReleasedRecordsCountUntilTheyAreAcknowledged) {
  Put(kSite);
  Put(kSite);
  EXPECT_EQ(RunToEnd(ReleaseAll(*broker_, 0, Read(kSite))), 2U);
  const auto count = [&] { return RunToEnd(CountReleased(*broker_, 0)); };
  EXPECT_THAT(count().value(), ElementsAre(Pair(kSite, 2U)));
  const auto delivery = Pull("WAIT_0", "due", 1);
  ASSERT_NE(delivery, nullptr);
  EXPECT_THAT(count().value(), ElementsAre(Pair(kSite, 2U))) << "one of them in hand";
  OnExecutor([&] { delivery->Acknowledge(); });
  EXPECT_TRUE(test::WaitUntil([&] { return count()->at(kSite) == 1; }));
}

TEST_F(ShelfTest, WhatsMinuteHasBegunComesBackWhereverItLies) {
  const std::int64_t now = Now();
  const std::string first = Put(kSite, now - 1).mails(0).message_id();
  const std::string second = Put(kLater, now).mails(0).message_id();
  const std::string third = Put(kOther, now - 1).mails(0).message_id();
  Put(kSite, now + 100);
  OverdueMinutes minutes{now - 2};
  EXPECT_EQ(Overdue(minutes), 3);
  EXPECT_GT(minutes.next, now);
  EXPECT_THAT(Due(), ElementsAre(first, third, second)) << "minute after minute";
  EXPECT_THAT(OnShelf(kSite), ElementsAre(4));
  EXPECT_EQ(Stored("HELD_0"), 1U);
}

TEST_F(ShelfTest, WhoIsFarBehindFindsWhatIsFarBehind) {
  const std::int64_t now = Now();
  Put(kSite, now - 31 * 24 * 60);
  Put(kSite, now - 20'000);
  Put(kSite, now);
  Put(kSite, now + 100);
  OverdueMinutes minutes{now - 31 * 24 * 60};
  EXPECT_EQ(Overdue(minutes), 3);
  EXPECT_GT(minutes.next, now);
  EXPECT_THAT(OnShelf(kSite), ElementsAre(4));
  EXPECT_LT(watched_->requests().size(), 20U) << "not one for each minute";
}

TEST_F(ShelfTest, WhoIsFarBehindListsOnceForManyCalls) {
  const std::int64_t now = Now();
  for (int back = 40; back > 0; back -= 10) Put(kSite, now - back);
  const auto lists = [&] {
    return std::count(watched_->requests().begin(), watched_->requests().end(), "$JS.API.STREAM.INFO.HELD_0");
  };
  OverdueMinutes minutes{now - 50};
  EXPECT_EQ(Overdue(minutes, 1), 1);
  const auto listed = lists();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Overdue(minutes, 1), 1);
  EXPECT_EQ(lists(), listed);
  EXPECT_EQ(minutes.next, now - 10);
}

// Pages of a listing miss what slips over their borders while others are taken off.
TEST_F(ShelfTest, WhatAListingMissedIsFoundByTheNext) {
  const std::int64_t now = Now();
  for (int back = 40; back > 0; back -= 20) Put(kSite, now - back);
  OverdueMinutes minutes{now - 50};
  EXPECT_EQ(Overdue(minutes, 1), 1);
  Put(kSite, now - 45);
  EXPECT_EQ(Overdue(minutes), 2);
  EXPECT_GT(minutes.next, now);
  EXPECT_EQ(Stored("HELD_0"), 0U);
}

TEST_F(ShelfTest, OneRunReleasesSoManyAndTheNextGoesOnThere) {
  const std::int64_t now = Now();
  for (int i = 0; i < 5; ++i) Put(kSite, now - 1);
  for (int i = 0; i < 2; ++i) Put(kSite, now);
  OverdueMinutes minutes{now - 1};
  EXPECT_EQ(Overdue(minutes, 3), 3);
  EXPECT_EQ(minutes.next, now - 1);
  EXPECT_EQ(Overdue(minutes, 3), 3);
  EXPECT_EQ(Overdue(minutes, 3), 1);
  EXPECT_GT(minutes.next, now);
  EXPECT_THAT(Due(), SizeIs(7));
}

TEST_F(ShelfTest, WhatCannotBeReleasedStaysAndIsNotPassedOver) {
  const std::int64_t now = Now();
  for (int i = 0; i < 3; ++i) Put(kSite, now - 1);
  LeaderlessBroker leaderless(*broker_, "due.");
  leaderless.leaderless = 2;
  OverdueMinutes minutes{now - 1};
  EXPECT_FALSE(RunToEnd(ReleaseOverdue(leaderless, 0, minutes, {100})).ok());
  EXPECT_EQ(minutes.next, now - 1);
  EXPECT_EQ(Stored("HELD_0"), 3U);
  EXPECT_EQ(Overdue(minutes), 3);
  EXPECT_EQ(Stored("HELD_0"), 0U);
  EXPECT_EQ(Stored("WAIT_0"), 3U) << "the one that was released before is not released again";
}

// One server cannot lag behind itself: the answers of a replica that has nothing yet are given by the test.
TEST_F(ShelfTest, NothingIsEmptyByAReplicasWord) {
  const std::int64_t now = Now();
  Put(kSite, now - 1);
  WatchedBroker lagging(*broker_);
  lagging.answer = [](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("$JS.API.DIRECT.GET.")) return std::nullopt;
    IncomingMessage nothing;
    nothing.status = 404;
    return nothing;
  };
  OverdueMinutes minutes{now - 1};
  EXPECT_EQ(RunToEnd(ReleaseOverdue(lagging, 0, minutes, {100})).value_or(-1), 0);
  EXPECT_EQ(minutes.next, now - 1);
  EXPECT_FALSE(RunToEnd(ShelfIsEmpty(lagging, kSite)));
  EXPECT_EQ(Overdue(minutes), 1);
  EXPECT_TRUE(RunToEnd(ShelfIsEmpty(lagging, kSite)));
}

TEST_F(ShelfTest, WhatCannotBeAskedIsNotEmpty) {
  LeaderlessBroker leaderless(*broker_, "$JS.API.STREAM.MSG.GET.");
  leaderless.leaderless = 1;
  EXPECT_FALSE(RunToEnd(ShelfIsEmpty(leaderless, kSite)));
  EXPECT_TRUE(RunToEnd(ShelfIsEmpty(leaderless, kSite)));
}

TEST_F(ShelfTest, AnEmptyShelfCostsOneQuestion) {
  OverdueMinutes minutes{0};
  EXPECT_EQ(Overdue(minutes), 0);
  EXPECT_GE(minutes.next, Now());
  EXPECT_THAT(watched_->requests(), SizeIs(1));
}

}  // namespace
}  // namespace goniec::queue
