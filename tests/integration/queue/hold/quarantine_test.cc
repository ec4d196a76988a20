// What is set aside can be listed and put back, and is nowhere twice.
#include "common/queue/hold/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kReady[] = "ready.0.transactional.acme.17";
constexpr char kReleased[] = "due.0.held.bulk.site1.acme.17.500000";
constexpr char kDue[] = "due.0.bulk.acme.01aryz6s41tsv4rrffq69g5fav.2.test.sink";

class QuarantineTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }

  void SetRecordAside(const std::string& subject, std::uint64_t sequence,
                      const std::string& payload = "bytes") {
    const absl::Status stored =
        RunToEnd(Quarantine(*broker_, subject, "READY_0", sequence, payload, "not a record"));
    ASSERT_TRUE(stored.ok()) << stored;
  }
  std::vector<SetAside> List() {
    auto records = RunToEnd(ListSetAside(*broker_));
    EXPECT_TRUE(records.ok()) << records.status();
    return records.ok() ? *std::move(records) : std::vector<SetAside>();
  }
};

TEST_F(QuarantineTest, ListsWhatIsThereWithWhereItWasAndWhy) {
  EXPECT_THAT(List(), IsEmpty());
  SetRecordAside(kReady, 5);
  SetRecordAside(kReady, 5);  // the answer to the first was lost
  SetRecordAside(kDue, 6, std::string("\0\xff", 2));
  const auto records = List();
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].subject, kReady);
  EXPECT_EQ(records[0].origin, "READY_0 5");
  EXPECT_EQ(records[0].why, "not a record");
  EXPECT_EQ(records[0].payload, "bytes");
  EXPECT_LT(std::chrono::abs(records[0].since - std::chrono::system_clock::now()), std::chrono::minutes(1));
  EXPECT_EQ(records[1].payload, std::string("\0\xff", 2));
  EXPECT_EQ(RunToEnd(FindSetAside(*broker_, records[1].sequence))->subject, kDue);
  EXPECT_TRUE(absl::IsNotFound(RunToEnd(FindSetAside(*broker_, 99)).status()));
}

TEST_F(QuarantineTest, AReturnedRecordIsInReadyToBeLookedAt) {
  SetRecordAside(kReady, 5);
  const SetAside record = List().at(0);
  const auto returned = RunToEnd(ReturnSetAside(*broker_, config_, record));
  ASSERT_TRUE(returned.ok()) << returned.status();
  EXPECT_THAT(List(), IsEmpty());
  // Whoever did it before us and died before it was deleted: it is stored once.
  EXPECT_FALSE(RunToEnd(ReturnSetAside(*broker_, config_, record)).ok()) << "there is nothing to delete";
  const auto stored = RunToEnd(GetNextMessage(*broker_, ReadyStream(0), "ready.>"));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->subject, kReady);
  EXPECT_EQ(stored->data, "bytes");
  EXPECT_EQ(stored->sequence, returned->sequence);
  EXPECT_THAT(stored->headers, testing::Contains(testing::Pair(kHeaderResend, "1")));
  EXPECT_TRUE(absl::IsNotFound(
      RunToEnd(GetNextMessage(*broker_, ReadyStream(0), "ready.>", stored->sequence + 1)).status()));
}

TEST_F(QuarantineTest, AReturnedCopyIsDueAtOnce) {
  SetRecordAside(kDue, 6);
  ASSERT_TRUE(RunToEnd(ReturnSetAside(*broker_, config_, List().at(0))).ok());
  ASSERT_TRUE(test::WaitUntil([&] { return RunToEnd(GetNextMessage(*broker_, WaitStream(0), kDue)).ok(); }));
  EXPECT_EQ(RunToEnd(GetNextMessage(*broker_, WaitStream(0), kDue))->data, "bytes");
  EXPECT_THAT(List(), IsEmpty());
}

// A schedule under their subject would take the place of the first.
TEST_F(QuarantineTest, RecordsFromAShelfThatShareASubjectAllReturn) {
  SetRecordAside(kReleased, 6, "one");
  SetRecordAside(kReleased, 7, "another");
  for (const SetAside& record : List()) {
    const auto returned = RunToEnd(ReturnSetAside(*broker_, config_, record));
    ASSERT_TRUE(returned.ok()) << returned.status();
    EXPECT_EQ(returned->stream, WaitStream(0));
    EXPECT_FALSE(RunToEnd(ReturnSetAside(*broker_, config_, record)).ok()) << "it is stored once";
  }
  EXPECT_THAT(List(), IsEmpty());
  std::vector<std::string> due;
  for (std::uint64_t from = 1;;) {
    const auto stored = RunToEnd(GetNextMessage(*broker_, WaitStream(0), kReleased, from));
    if (!stored.ok()) break;
    due.push_back(stored->data);
    from = stored->sequence + 1;
  }
  EXPECT_THAT(due, ElementsAre("one", "another"));
  EXPECT_TRUE(absl::IsNotFound(RunToEnd(GetNextMessage(*broker_, WaitStream(0), "wait.>")).status()));
}

TEST_F(QuarantineTest, WhatNoWorkerTakesStays) {
  SetRecordAside("elsewhere.1", 6);
  EXPECT_TRUE(absl::IsFailedPrecondition(RunToEnd(ReturnSetAside(*broker_, config_, List().at(0))).status()));
  EXPECT_THAT(List(), SizeIs(1));
}

TEST_F(QuarantineTest, WithoutABrokerNothingIsSaidNorDone) {
  SetRecordAside(kReady, 5);
  const SetAside record = List().at(0);
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(ListSetAside(*broker_)).status()));
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(ReturnSetAside(*broker_, config_, record)).status()));
}

}  // namespace
}  // namespace goniec::queue
