#include "outbound/api/request_memory.h"

#include <gtest/gtest.h>

#include "common/observe/metrics.h"

namespace goniec::outbound {
namespace {

TEST(RequestMemory, RefusesBeyondTheLimitAndTakesBack) {
  observe::Metrics metrics;
  const observe::Gauge gauge = metrics.AddGauge("goniec_test_bytes", "Test.");
  RequestMemory memory(100, 100, gauge);
  auto first = memory.Reserve("a", 60);
  EXPECT_TRUE(first);
  EXPECT_FALSE(memory.Reserve("a", 41));
  EXPECT_EQ(memory.used(), 60u);
  {
    auto moved = std::move(first);
    EXPECT_TRUE(memory.Reserve("b", 40));
    EXPECT_EQ(gauge.Value(), 60);
  }
  EXPECT_EQ(memory.used(), 0u);
  EXPECT_EQ(gauge.Value(), 0);
  EXPECT_FALSE(memory.Reserve("a", ~0ULL));
}

TEST(RequestMemory, OneTenantLeavesSomethingForTheOthers) {
  observe::Metrics metrics;
  RequestMemory memory(100, 50, metrics.AddGauge("goniec_test_bytes", "Test."));
  const auto first = memory.Reserve("a", 30);
  EXPECT_TRUE(first);
  EXPECT_FALSE(memory.Reserve("a", 21));
  const auto second = memory.Reserve("b", 50);
  EXPECT_TRUE(second);
  EXPECT_TRUE(memory.Reserve("a", 20));
}

}  // namespace
}  // namespace goniec::outbound
