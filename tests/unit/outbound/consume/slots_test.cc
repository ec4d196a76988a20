#include "outbound/consume/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace goniec::outbound {
namespace {

using Taken = std::array<std::int64_t, kKinds>;  // transactional, bulk, due

struct FreeCase {
  const char* name;
  Kind kind;
  std::int64_t limit;
  Taken taken;
  std::int64_t free;
};

class FreeForTest : public ::testing::TestWithParam<FreeCase> {};

TEST_P(FreeForTest, LeavesToOthersWhatIsKeptForThem) {
  EXPECT_EQ(FreeFor(GetParam().kind, GetParam().limit, GetParam().taken), GetParam().free);
}

INSTANTIATE_TEST_SUITE_P(
    All, FreeForTest,
    ::testing::Values(
        FreeCase{"NewMailAlone", Kind::kTransactional, 1000, {0, 0, 0}, 800},
        FreeCase{"BulkAlone", Kind::kBulk, 1000, {0, 0, 0}, 600},
        FreeCase{"DueAlone", Kind::kDue, 1000, {0, 0, 0}, 600},
        FreeCase{"NewMailHasAllItMayHave", Kind::kTransactional, 1000, {800, 0, 0}, 0},
        FreeCase{"BulkBesideAFloodOfNewMail", Kind::kBulk, 1000, {800, 0, 0}, 100},
        FreeCase{"DueBesideAFloodOfNewMail", Kind::kDue, 1000, {800, 0, 0}, 100},
        FreeCase{"NewMailBesideAFloodOfDue", Kind::kTransactional, 1000, {0, 0, 600}, 300},
        FreeCase{"NewMailBesideAFloodOfBulk", Kind::kTransactional, 1000, {0, 600, 0}, 300},
        FreeCase{"NewMailBesideFloodsOfBoth", Kind::kTransactional, 1000, {0, 300, 400}, 300},
        FreeCase{"WhatIsUsedIsNotKeptTwice", Kind::kTransactional, 1000, {0, 100, 100}, 800},
        FreeCase{"TooMuchLeavesNothing", Kind::kDue, 1000, {900, 0, 200}, 0},
        FreeCase{"TheOwnPartIsFreeWhateverOthersTook", Kind::kTransactional, 1000, {10, 0, 5000}, 290},
        FreeCase{"OneSlotIsOneForEach", Kind::kBulk, 1, {1, 0, 1}, 1},
        FreeCase{"OneSlotIsNotTwo", Kind::kBulk, 1, {0, 1, 0}, 0}),
    [](const auto& param) { return param.param.name; });

WorkerConfig Config() {
  WorkerConfig config;
  config.slots = 1000;
  config.bytes_in_hand = MiB(10);
  config.records_in_hand = 1000;
  return config;
}

// All kinds asking in turn, whatever each asks for coming: the bounds hold, and each gets its part.
TEST(RecordsToAskTest, AllTogetherStayWithinTheBoundsAndEachGetsItsPart) {
  InHandByKind in_hand{};
  const RecordSize size{4, 4096};
  for (bool any = true; any;) {
    any = false;
    for (const Kind kind : {Kind::kDue, Kind::kBulk, Kind::kTransactional}) {
      const int records = RecordsToAsk(Config(), kind, in_hand, size);
      any = any || records > 0;
      in_hand[static_cast<std::size_t>(kind)] +=
          {records, 4 * records, 4096 * records, 4 * records, 4096 * records};
    }
  }
  EXPECT_LE(in_hand[0].waiting_mails + in_hand[1].waiting_mails + in_hand[2].waiting_mails, 1000 + 3 * 3);
  EXPECT_GE(in_hand[0].waiting_mails, 300);
  EXPECT_GE(in_hand[1].waiting_mails, 100);
  EXPECT_GE(in_hand[2].waiting_mails, 100);
}

struct AskCase {
  const char* name;
  InHand transactional;
  RecordSize size;
  int records;
};

class RecordsToAskCaseTest : public ::testing::TestWithParam<AskCase> {};

TEST_P(RecordsToAskCaseTest, TheTightestBoundCounts) {
  EXPECT_EQ(RecordsToAsk(Config(), Kind::kTransactional, {GetParam().transactional}, GetParam().size),
            GetParam().records);
}

constexpr std::int64_t kMiB = 1 << 20;
INSTANTIATE_TEST_SUITE_P(
    All, RecordsToAskCaseTest,
    ::testing::Values(AskCase{"NothingInHand", {}, {1, 1000}, 32},
                      AskCase{"WhatIsOnTheWireTakesNoSlot", {700, 5000, kMiB, 0, 0}, {1, 1000}, 32},
                      AskCase{"WhatHasNotStartedDoes", {790, 790, kMiB, 790, kMiB}, {1, 1000}, 10},
                      AskCase{"AsManyRecordsAsTheirMailsFit", {1, 500, kMiB, 500, kMiB}, {100, 1000}, 3},
                      AskCase{"ARecordForTheLastSlot", {1, 799, kMiB, 799, kMiB}, {100, 1000}, 1},
                      AskCase{"SlotsAreFull", {1, 800, kMiB, 800, kMiB}, {1, 1000}, 0},
                      AskCase{"BytesThatWaitAreHalf", {8, 8, 4 * kMiB, 8, 4 * kMiB}, {1, 1000}, 0},
                      AskCase{"BytesOnTheWireLeaveTheOtherHalf", {8, 8, 4 * kMiB, 0, 0}, {1, kMiB / 2}, 8},
                      AskCase{"BytesInAll", {8, 8, 8 * kMiB, 0, 0}, {1, 1000}, 0},
                      AskCase{"Records", {795, 795, kMiB, 0, 0}, {1, 1000}, 5}),
    [](const auto& param) { return param.param.name; });

// Whatever the two other kinds have taken of a bound, each kind may still ask: no backlog stands before
// another kind's mail.
struct FloodCase {
  const char* name;
  InHand others;  // each of the two
};

class BesideAFloodTest : public ::testing::TestWithParam<FloodCase> {};

TEST_P(BesideAFloodTest, EveryKindGetsItsPartOfEveryBound) {
  for (const Kind kind : {Kind::kTransactional, Kind::kBulk, Kind::kDue}) {
    InHandByKind in_hand{};
    in_hand.fill(GetParam().others);
    in_hand[static_cast<std::size_t>(kind)] = {};
    EXPECT_GT(RecordsToAsk(Config(), kind, in_hand, {1, 1000}), 0) << static_cast<int>(kind);
  }
}

TEST_P(BesideAFloodTest, AFloodingKindGetsNoMore) {
  for (const Kind kind : {Kind::kTransactional, Kind::kBulk, Kind::kDue}) {
    InHandByKind in_hand{};
    in_hand[static_cast<std::size_t>(kind)] = GetParam().others;
    EXPECT_EQ(RecordsToAsk(Config(), kind, in_hand, {1, 1000}), 0) << static_cast<int>(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(All, BesideAFloodTest,
                         ::testing::Values(FloodCase{"OfMailsThatWait", {1, 1'000, 1'000, 1'000, 1'000}},
                                           FloodCase{"OfBytesThatWait", {1, 1, 5 * kMiB, 1, 5 * kMiB}},
                                           FloodCase{"OfBytesOnTheWire", {1, 1, 10 * kMiB, 0, 0}},
                                           FloodCase{"OfRecords", {1'000, 1'000, 1'000, 0, 0}}),
                         [](const auto& param) { return param.param.name; });

TEST(ShareOfLaneTest, LanesShareWhatIsAskedForAndNoneIsLeftOut) {
  EXPECT_EQ(ShareOfLane(32, 1), 32);
  EXPECT_EQ(ShareOfLane(32, 4), 8);
  EXPECT_EQ(ShareOfLane(3, 4), 1);
  EXPECT_EQ(ShareOfLane(0, 4), 0);
}

TEST(RecordSizeTest, FollowsWhatComes) {
  RecordSize size{1, 1000};
  for (int i = 0; i < 50; ++i) size.Note(100, 300'000);
  EXPECT_NEAR(size.mails, 100, 1);
  EXPECT_NEAR(size.bytes, 300'000, 3'000);
}

}  // namespace
}  // namespace goniec::outbound
