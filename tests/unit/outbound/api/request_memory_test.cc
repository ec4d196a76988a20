#include "outbound/api/request_memory.h"

#include <gtest/gtest.h>

#include "common/observe/metrics.h"

namespace goniec::outbound {
namespace {

TEST(RequestMemory, RefusesBeyondTheLimitAndTakesBack) {
  observe::Metrics metrics;
  const observe::Gauge gauge = metrics.AddGauge("goniec_test_bytes", "Test.");
  RequestMemory memory(100, gauge);
  auto first = memory.Reserve("a", 60, 100);
  EXPECT_TRUE(first);
  EXPECT_FALSE(memory.Reserve("a", 41, 100));
  EXPECT_EQ(memory.used(), 60u);
  {
    auto moved = std::move(first);
    EXPECT_TRUE(memory.Reserve("b", 40, 100));
    EXPECT_EQ(gauge.Value(), 60);
  }
  EXPECT_EQ(memory.used(), 0u);
  EXPECT_EQ(gauge.Value(), 0);
  EXPECT_FALSE(memory.Reserve("a", ~0ULL, 100));
}

TEST(RequestMemory, OneTenantLeavesSomethingForTheOthers) {
  observe::Metrics metrics;
  RequestMemory memory(100, metrics.AddGauge("goniec_test_bytes", "Test."));
  const auto first = memory.Reserve("a", 30, 50);
  EXPECT_TRUE(first);
  EXPECT_FALSE(memory.Reserve("a", 21, 50));
  const auto second = memory.Reserve("b", 50, 50);
  EXPECT_TRUE(second);
  EXPECT_TRUE(memory.Reserve("a", 20, 50));
}

TEST(RequestMemory, AReservationGrowsWithinTheSameLimits) {
  observe::Metrics metrics;
  RequestMemory memory(100, metrics.AddGauge("goniec_test_bytes", "Test."));
  auto first = memory.Reserve("a", 30, 50);
  EXPECT_FALSE(first.Grow(21, 50));
  EXPECT_TRUE(first.Grow(20, 50));
  auto second = memory.Reserve("b", 40, 50);
  EXPECT_FALSE(second.Grow(11, 60)) << "the limit";
  EXPECT_EQ(memory.used(), 90u);
  first = {};
  EXPECT_EQ(memory.used(), 40u);
  EXPECT_FALSE(RequestMemory::Reservation().Grow(1, 50));
}

}  // namespace
}  // namespace goniec::outbound
