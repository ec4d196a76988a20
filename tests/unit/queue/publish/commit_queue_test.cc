#include "common/queue/publish/commit_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/queue/publish/publisher.h"

namespace goniec::queue {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BootTime kBegin{seconds(1'000)};

class CommitQueueTest : public testing::Test {
 protected:
  void Add(const std::string& tenant, BootTime since, std::size_t bytes = 1'000) {
    WaitingMail waiting;
    waiting.mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    waiting.mail.set_tenant(tenant);
    waiting.bytes = bytes;
    waiting.since = since;
    queue_.Add(std::move(waiting));
  }
  // Whose turn it is, with all of its mails; "" if nobody's.
  std::string Next(BootTime now) {
    const auto turn = queue_.Next(now);
    if (!turn.has_value()) return "";
    last_ = *turn;
    taken_ = 0;
    while (queue_.FrontBytes(turn->key).has_value()) {
      (void)queue_.TakeFront(turn->key);
      ++taken_;
    }
    return turn->key.tenant;
  }
  void Ended(BootTime::duration took, BootTime now) {
    queue_.Ended(last_.key, last_.lane, taken_, took, now);
  }

  CommitQueue queue_{1};
  CommitQueue::Turn last_;
  std::size_t taken_ = 0;
};

TEST_F(CommitQueueTest, ALoneMailGoesAtOnce) {
  Add("acme", kBegin);
  EXPECT_EQ(Next(kBegin), "acme");
  Ended(milliseconds(1), kBegin + milliseconds(1));
  Add("acme", kBegin + milliseconds(1));
  EXPECT_EQ(Next(kBegin + milliseconds(1)), "acme");
}

TEST_F(CommitQueueTest, AGroupHasOneRecordInFlightForEachLane) {
  Add("acme", kBegin);
  EXPECT_EQ(Next(kBegin), "acme");
  Add("acme", kBegin);
  EXPECT_EQ(Next(kBegin), "");
  Add("other", kBegin);
  EXPECT_EQ(Next(kBegin), "other");
  EXPECT_EQ(queue_.in_flight(), 2);
}

TEST_F(CommitQueueTest, AfterSeveralMailsItPausesAsLongAsTheCommitTook) {
  Add("acme", kBegin);
  Add("acme", kBegin);
  EXPECT_EQ(Next(kBegin), "acme");
  const BootTime ended = kBegin + microseconds(600);
  Ended(microseconds(600), ended);
  Add("acme", ended);
  EXPECT_EQ(Next(ended), "");
  EXPECT_EQ(queue_.PauseEnd(ended), ended + microseconds(600));
  EXPECT_EQ(Next(ended + microseconds(599)), "");
  EXPECT_EQ(Next(ended + microseconds(600)), "acme");
}

TEST_F(CommitQueueTest, APauseHasALimit) {
  Add("acme", kBegin);
  Add("acme", kBegin);
  Next(kBegin);
  const BootTime ended = kBegin + seconds(2);
  Ended(seconds(2), ended);
  Add("acme", ended);
  EXPECT_EQ(queue_.PauseEnd(ended), ended + CommitQueue::kLongestPause);
}

TEST_F(CommitQueueTest, WhoHasEnoughDoesNotPause) {
  Add("acme", kBegin);
  Add("acme", kBegin);
  Next(kBegin);
  const BootTime ended = kBegin + milliseconds(1);
  Ended(milliseconds(1), ended);
  for (std::size_t i = 1; i < CommitQueue::kEnoughMails; ++i) Add("acme", ended);
  EXPECT_EQ(Next(ended), "");
  Add("acme", ended);
  EXPECT_EQ(Next(ended), "acme");
  Ended(milliseconds(1), ended + milliseconds(1));
  Add("acme", ended, CommitQueue::kEnoughBytes);
  EXPECT_EQ(Next(ended + milliseconds(1)), "acme");
}

TEST_F(CommitQueueTest, WhoHasWaitedLongestForATurnIsNext) {
  Add("flood", kBegin);
  EXPECT_EQ(Next(kBegin), "flood");
  Ended(milliseconds(1), kBegin + milliseconds(1));
  // The flood's mail is older, but it had a turn.
  Add("flood", kBegin - seconds(5));
  Add("acme", kBegin - milliseconds(1));
  EXPECT_EQ(Next(kBegin + milliseconds(1)), "acme");
  EXPECT_EQ(Next(kBegin + milliseconds(1)), "flood");
}

TEST_F(CommitQueueTest, APauseHoldsUpNobodyElse) {
  Add("acme", kBegin);
  Add("acme", kBegin);
  Next(kBegin);
  Ended(milliseconds(1), kBegin + milliseconds(1));
  Add("acme", kBegin + milliseconds(1));
  Add("other", kBegin + milliseconds(2));
  EXPECT_EQ(Next(kBegin + milliseconds(1)), "other");
}

TEST_F(CommitQueueTest, StaleMailLeavesUnsent) {
  Add("acme", kBegin);
  Add("acme", kBegin + seconds(1));
  EXPECT_EQ(queue_.TakeStale(kBegin).size(), 1);
  EXPECT_EQ(Next(kBegin + seconds(1)), "acme");
  EXPECT_EQ(taken_, 1);
}

TEST_F(CommitQueueTest, QuietIsWhoseNextRecordNeedsAnotherEvent) {
  EXPECT_TRUE(queue_.QuietGroups(kBegin).empty());
  Add("acme", kBegin);
  EXPECT_TRUE(queue_.QuietGroups(kBegin).empty()) << "it may begin a record now";
  Add("acme", kBegin);
  Next(kBegin);
  ASSERT_EQ(queue_.QuietGroups(kBegin).size(), 1) << "in flight";
  EXPECT_FALSE(queue_.QuietGroups(kBegin)[0].room.has_value());
  const BootTime ended = kBegin + milliseconds(1);
  Ended(milliseconds(1), ended);
  EXPECT_TRUE(queue_.QuietGroups(ended).empty()) << "nothing wakes it for the first mail of its pause";
  Add("acme", ended);
  ASSERT_EQ(queue_.QuietGroups(ended).size(), 1) << "it pauses";
  ASSERT_TRUE(queue_.QuietGroups(ended)[0].room.has_value());
  EXPECT_EQ(queue_.QuietGroups(ended)[0].room->mails, CommitQueue::kEnoughMails - 1);
  EXPECT_EQ(queue_.QuietGroups(ended)[0].room->bytes, CommitQueue::kEnoughBytes - 1'000);
  EXPECT_TRUE(queue_.QuietGroups(ended + milliseconds(1)).empty());
}

TEST(CommitQueueRoom, IsFilledByMailsOrByOctets) {
  CommitQueue::Room room{2, 1'000};
  EXPECT_FALSE(room.IsFilledBy(10));
  EXPECT_TRUE(room.IsFilledBy(10));
  room = {2, 1'000};
  EXPECT_TRUE(room.IsFilledBy(5'000));
}

// Nobody would come for a mail that neither a record in flight nor a timer sees to.
TEST_F(CommitQueueTest, WhatMayNotGoNowHasATimeAtWhichItMay) {
  Add("acme", kBegin);
  Add("acme", kBegin);
  Next(kBegin);
  EXPECT_FALSE(queue_.empty() && queue_.in_flight() == 0);
  const BootTime ended = kBegin + microseconds(700);
  Ended(microseconds(700), ended);
  EXPECT_TRUE(queue_.empty());
  Add("acme", ended);
  EXPECT_FALSE(queue_.empty());
  for (auto now = ended; now < ended + milliseconds(1); now += microseconds(50)) {
    if (const bool pauses = Next(now).empty(); !pauses) break;
    const auto end = queue_.PauseEnd(now);
    ASSERT_TRUE(end.has_value()) << (now - ended).count();
    EXPECT_GT(*end, now);
  }
  EXPECT_TRUE(queue_.empty());
}

TEST_F(CommitQueueTest, AGroupWithoutMailIsForgotten) {
  Add("acme", kBegin);
  Next(kBegin);
  Ended(milliseconds(1), kBegin + milliseconds(1));
  EXPECT_EQ(Next(kBegin + seconds(1)), "");
  EXPECT_EQ(queue_.PauseEnd(kBegin + seconds(1)), std::nullopt);
}

TEST(CommitQueueLanes, ALaneEachBeforeAnyTwice) {
  CommitQueue queue(2);
  const auto add = [&queue] {
    WaitingMail waiting;
    waiting.mail.set_tenant("acme");
    waiting.bytes = 1;
    queue.Add(std::move(waiting));
  };
  add();
  const auto first = queue.Next(kBegin);
  (void)queue.TakeFront(first->key);
  add();
  const auto second = queue.Next(kBegin);
  (void)queue.TakeFront(second->key);
  EXPECT_NE(first->lane, second->lane);
  add();
  EXPECT_FALSE(queue.Next(kBegin).has_value());
}

}  // namespace
}  // namespace goniec::queue
