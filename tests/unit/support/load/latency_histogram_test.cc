#include "tests/support/load/latency_histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace goniec::load {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogram, IsZeroWithoutARecord) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.Percentile(50), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(LatencyHistogram, OneRecordIsEveryPercentile) {
  LatencyHistogram histogram;
  histogram.Record(nanoseconds(1'234'567));
  for (const double percent : {0.1, 50.0, 99.9, 100.0}) {
    EXPECT_EQ(histogram.Percentile(percent), nanoseconds(1'234'567)) << percent;
  }
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int n = 1; n <= 200; ++n) histogram.Record(nanoseconds(n));
  EXPECT_EQ(histogram.Percentile(0.5), nanoseconds(1));
  EXPECT_EQ(histogram.Percentile(50), nanoseconds(100));
  EXPECT_EQ(histogram.Percentile(99), nanoseconds(198));
  EXPECT_EQ(histogram.Percentile(100), nanoseconds(200));
}

// Each value in turn: never below it, and less than 1 % above.
TEST(LatencyHistogram, IsWithinOnePercentAtAllMagnitudes) {
  for (std::int64_t value = 1; value < std::numeric_limits<std::int64_t>::max() / 3; value = value * 3 + 1) {
    LatencyHistogram histogram;
    histogram.Record(nanoseconds(value));
    histogram.Record(nanoseconds(std::numeric_limits<std::int64_t>::max()));
    const std::int64_t shown = histogram.Percentile(50).count();
    EXPECT_GE(shown, value);
    EXPECT_LT(static_cast<double>(shown - value), static_cast<double>(value) * 0.01) << value;
  }
}

TEST(LatencyHistogram, PercentilesOfManyAreTheirOrder) {
  LatencyHistogram histogram;
  for (int n = 1; n <= 10'000; ++n) histogram.Record(std::chrono::microseconds(n));
  const auto near = [&](double percent, double microseconds) {
    const double shown = static_cast<double>(histogram.Percentile(percent).count()) / 1e3;
    EXPECT_NEAR(shown, microseconds, microseconds * 0.01) << percent;
  };
  near(50, 5'000);
  near(90, 9'000);
  near(99, 9'900);
  near(99.9, 9'990);
  EXPECT_EQ(histogram.Percentile(100), std::chrono::microseconds(10'000));
  EXPECT_EQ(histogram.max(), std::chrono::microseconds(10'000));
}

TEST(LatencyHistogram, ExtremesHaveTheirPlace) {
  LatencyHistogram histogram;
  histogram.Record(nanoseconds(-5));
  histogram.Record(nanoseconds::max());
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.Percentile(50), nanoseconds(0));
  EXPECT_EQ(histogram.Percentile(100), nanoseconds::max());
}

}  // namespace
}  // namespace goniec::load
