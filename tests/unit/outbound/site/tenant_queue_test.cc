#include "outbound/site/tenant_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Queue = TenantQueue<std::string>;

std::vector<std::string> Drained(Queue& queue) {
  std::vector<std::string> taken;
  while (std::optional<std::string> next = queue.Take()) taken.push_back(*next);
  return taken;
}

constexpr auto kAny = [](const std::string&) { return true; };

TEST(TenantQueueTest, ATenantsMailsGoInTheirOrder) {
  Queue queue;
  for (const char* mail : {"1", "2", "3"}) queue.Push({"a", false}, mail);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(Drained(queue), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(queue.empty());
}

TEST(TenantQueueTest, TenantsTakeTurns) {
  Queue queue;
  for (int i = 0; i < 4; ++i) queue.Push({"large", false}, "l" + std::to_string(i));
  for (int i = 0; i < 2; ++i) queue.Push({"small", false}, "s" + std::to_string(i));
  EXPECT_THAT(Drained(queue), ElementsAre("l0", "s0", "l1", "s1", "l2", "l3"));
}

TEST(TenantQueueTest, TransactionalGoesBeforeBulkOfAnyTenant) {
  Queue queue;
  queue.Push({"a", true}, "a-bulk");
  queue.Push({"b", true}, "b-bulk");
  queue.Push({"b", false}, "b");
  queue.Push({"a", false}, "a");
  EXPECT_THAT(Drained(queue), ElementsAre("a", "b", "a-bulk", "b-bulk"));
}

TEST(TenantQueueTest, WhatWasPutBackIsTheNext) {
  Queue queue;
  queue.Push({"a", false}, "a1");
  queue.Push({"b", false}, "b1");
  queue.PushFirst({"b", false}, "b0");
  EXPECT_THAT(Drained(queue), ElementsAre("b0", "a1", "b1"));
}

TEST(TenantQueueTest, ForWantOfRoomTheLastOfTheLargestGoes) {
  Queue queue;
  for (const char* mail : {"1", "2", "3"}) queue.Push({"large", false}, mail);
  queue.Push({"small", true}, "s");
  EXPECT_EQ(queue.TakeOfLargest(kAny), "3");
  EXPECT_EQ(queue.TakeOfLargest(kAny), "2");
  EXPECT_THAT(Drained(queue), ElementsAre("1", "s"));
  EXPECT_EQ(queue.TakeOfLargest(kAny), std::nullopt);
}

TEST(TenantQueueTest, OfTheLargestItsBulkGoesFirst) {
  Queue queue;
  queue.Push({"a", true}, "bulk");
  queue.Push({"a", false}, "transactional");
  EXPECT_EQ(queue.TakeOfLargest(kAny), "bulk");
  EXPECT_EQ(queue.TakeOfLargest(kAny), "transactional");
}

TEST(TenantQueueTest, OnlyWhatMayGoCounts) {
  Queue queue;
  for (const char* mail : {"k1", "k2", "k3"}) queue.Push({"large", false}, mail);
  queue.Push({"small", false}, "s");
  const auto may_go = [](const std::string& mail) { return mail[0] != 'k'; };
  EXPECT_EQ(queue.TakeOfLargest(may_go), "s");
  EXPECT_EQ(queue.TakeOfLargest(may_go), std::nullopt);
  EXPECT_EQ(queue.size(), 3u);
}

TEST(TenantQueueTest, TakesAllThatFulfilACondition) {
  Queue queue;
  queue.Push({"a", false}, "x1");
  queue.Push({"a", true}, "y1");
  queue.Push({"b", false}, "x2");
  EXPECT_THAT(queue.TakeAll([](const std::string& mail) { return mail[0] == 'x'; }), ElementsAre("x1", "x2"));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_THAT(queue.TakeAll([](const std::string&) { return false; }), IsEmpty());
  EXPECT_THAT(Drained(queue), ElementsAre("y1"));
}

}  // namespace
}  // namespace goniec::outbound
