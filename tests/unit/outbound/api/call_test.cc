#include "outbound/api/call.h"

#include <gtest/gtest.h>

#include "common/observe/metrics.h"

namespace goniec::outbound {
namespace {

TEST(InFlight, RefusesBeyondTheLimitAndGivesBack) {
  observe::Metrics metrics;
  const observe::Gauge gauge = metrics.AddGauge("goniec_test_bytes", "Test.");
  InFlight in_flight(100, gauge);
  auto first = in_flight.Reserve(60);
  EXPECT_TRUE(first);
  EXPECT_FALSE(in_flight.Reserve(41));
  EXPECT_EQ(in_flight.used(), 60u);
  {
    auto moved = std::move(first);
    EXPECT_TRUE(in_flight.Reserve(40));
    EXPECT_EQ(gauge.Value(), 60);
  }
  EXPECT_EQ(in_flight.used(), 0u);
  EXPECT_EQ(gauge.Value(), 0);
}

}  // namespace
}  // namespace goniec::outbound
