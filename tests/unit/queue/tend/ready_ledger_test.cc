// What lies between the sequences that events have named.
#include "common/queue/tend/ready_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace goniec::queue {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const WallTime kCreated = WallTime(std::chrono::hours(400'000));

// Record n is stored n minutes after the stream was made.
WallTime StoredAt(std::uint64_t sequence) {
  return kCreated + std::chrono::minutes(sequence);
}

ReadyLedger NewLedger(std::size_t most_ranges = 1'000) {
  ReadyLedger ledger(most_ranges);
  ledger.Restart(kCreated);
  return ledger;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Gaps(const ReadyLedger& ledger, std::uint64_t last,
                                                          std::uint64_t from = 1, std::size_t most = 100) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  for (const ReadyLedger::Gap& gap : ledger.Gaps(from, last, most)) gaps.emplace_back(gap.first, gap.last);
  return gaps;
}

TEST(ReadyLedger, OfANewStreamAllIsJudged) {
  ReadyLedger ledger = NewLedger();
  EXPECT_THAT(Gaps(ledger, 0), IsEmpty());
  EXPECT_THAT(Gaps(ledger, 3), ElementsAre(Pair(1, 3)));
  EXPECT_EQ(ledger.begin(), 1U);
}

TEST(ReadyLedger, WhatWasToldSplitsAndJoins) {
  ReadyLedger ledger = NewLedger();
  for (const std::uint64_t told : {4, 9, 5, 5, 3, 7}) ledger.Add(told, StoredAt(told));
  EXPECT_THAT(Gaps(ledger, 10), ElementsAre(Pair(1, 2), Pair(6, 6), Pair(8, 8), Pair(10, 10)));
  EXPECT_EQ(ledger.ranges(), 3U);
  EXPECT_THAT(Gaps(ledger, 10, 7), ElementsAre(Pair(8, 8), Pair(10, 10)));
  EXPECT_THAT(Gaps(ledger, 10, 1, 2), ElementsAre(Pair(1, 2), Pair(6, 6)));
  EXPECT_THAT(Gaps(ledger, 8), ElementsAre(Pair(1, 2), Pair(6, 6), Pair(8, 8)));
  ledger.Add(8, StoredAt(8));
  ledger.Add(6, StoredAt(6));
  EXPECT_EQ(ledger.ranges(), 1U);
}

TEST(ReadyLedger, AGapSaysWhenItsRecordsWereStored) {
  ReadyLedger ledger = NewLedger();
  ledger.Add(2, StoredAt(2));
  ledger.Add(5, StoredAt(5));
  const std::vector<ReadyLedger::Gap> gaps = ledger.Gaps(1, 7, 10);
  ASSERT_EQ(gaps.size(), 3U);
  EXPECT_EQ(gaps[0].after, kCreated);
  EXPECT_EQ(gaps[0].before, StoredAt(2));
  EXPECT_EQ(gaps[1].after, StoredAt(2));
  EXPECT_EQ(gaps[1].before, StoredAt(5));
  EXPECT_EQ(gaps[2].after, StoredAt(5));
  EXPECT_FALSE(gaps[2].before.has_value());
}

TEST(ReadyLedger, WhatIsOlderThanTheEventsIsNotJudged) {
  ReadyLedger ledger = NewLedger();
  for (const std::uint64_t told : {2, 10, 14}) ledger.Add(told, StoredAt(told));
  ledger.BeginAt(StoredAt(8));
  EXPECT_EQ(ledger.begin(), 10U);
  EXPECT_THAT(Gaps(ledger, 15), ElementsAre(Pair(11, 13), Pair(15, 15)));
  ledger.Add(5, StoredAt(5));
  EXPECT_THAT(Gaps(ledger, 15), ElementsAre(Pair(11, 13), Pair(15, 15)));
  ledger.BeginAt(StoredAt(20));
  EXPECT_THAT(Gaps(ledger, 30), IsEmpty()) << "nothing is known of that time yet";
  ledger.Add(25, StoredAt(25));
  EXPECT_THAT(Gaps(ledger, 30), ElementsAre(Pair(26, 30)));
}

TEST(ReadyLedger, ABeginningBeforeTheStreamChangesNothing) {
  ReadyLedger ledger = NewLedger();
  ledger.Add(1, kCreated + seconds(1));
  ledger.BeginAt(kCreated - seconds(1));
  EXPECT_THAT(Gaps(ledger, 3), ElementsAre(Pair(2, 3)));
}

TEST(ReadyLedger, AnotherStreamOfTheSameNameBeginsAnew) {
  ReadyLedger ledger = NewLedger();
  ledger.Add(2, StoredAt(2));
  ledger.Close(1, 1);
  const WallTime again = StoredAt(100);
  ledger.Restart(again);
  ledger.Add(3, StoredAt(3));  // an event about a record of the stream before
  EXPECT_THAT(Gaps(ledger, 4), ElementsAre(Pair(1, 4)));
  ledger.Add(3, again + seconds(1));
  EXPECT_THAT(Gaps(ledger, 4), ElementsAre(Pair(1, 2), Pair(4, 4)));
}

TEST(ReadyLedger, WhatWasDealtWithByHandIsNoGap) {
  ReadyLedger ledger = NewLedger();
  ledger.Add(1, StoredAt(1));
  ledger.Add(10, StoredAt(10));
  ledger.Close(3, 4);
  ledger.Close(8, 20);
  EXPECT_THAT(Gaps(ledger, 25), ElementsAre(Pair(2, 2), Pair(5, 7), Pair(21, 25)));
  ledger.Close(1, 100);
  EXPECT_THAT(Gaps(ledger, 25), IsEmpty());
}

TEST(ReadyLedger, BeyondItsLimitTheOldestIsForgotten) {
  ReadyLedger ledger = NewLedger(3);
  for (std::uint64_t told = 2; told <= 20; told += 2) ledger.Add(told, StoredAt(told));
  EXPECT_EQ(ledger.ranges(), 3U);
  EXPECT_EQ(ledger.begin(), 16U);
  EXPECT_THAT(Gaps(ledger, 20), ElementsAre(Pair(17, 17), Pair(19, 19)));
}

TEST(ReadyLedger, TheOrderOfTellingDoesNotMatter) {
  std::minstd_rand random(7);  // NOLINT(bugprone-random-generator-seed): repeatable
  for (int round = 0; round < 200; ++round) {
    constexpr std::uint64_t kLast = 40;
    std::vector<std::uint64_t> told;
    for (std::uint64_t each = 1; each <= kLast; ++each) {
      if (random() % 3 != 0) told.push_back(each);
    }
    std::shuffle(told.begin(), told.end(), random);
    ReadyLedger ledger = NewLedger();
    for (const std::uint64_t each : told) ledger.Add(each, StoredAt(each));
    std::set<std::uint64_t> in_gaps;
    for (const auto& [first, last] : Gaps(ledger, kLast)) {
      for (std::uint64_t each = first; each <= last; ++each) in_gaps.insert(each);
    }
    for (std::uint64_t each = 1; each <= kLast; ++each) {
      EXPECT_NE(in_gaps.contains(each), std::find(told.begin(), told.end(), each) != told.end()) << each;
    }
  }
}

}  // namespace
}  // namespace goniec::queue
