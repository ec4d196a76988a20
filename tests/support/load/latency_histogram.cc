#include "tests/support/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace goniec::load {

// The value's highest kBits + 1 bits say where in its power of two it is.
std::size_t LatencyHistogram::BucketOf(std::uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
  return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t LatencyHistogram::LargestIn(std::size_t bucket) {
  const std::size_t shift = bucket < (std::size_t{2} << kBits) ? 0 : (bucket >> kBits) - 1;
  const std::uint64_t top = bucket - (shift << kBits);
  return ((top + 1) << shift) - 1;
}

void LatencyHistogram::Record(std::chrono::nanoseconds latency) {
  const auto value = std::max(latency, std::chrono::nanoseconds(0));
  ++buckets_[BucketOf(static_cast<std::uint64_t>(value.count()))];
  ++count_;
  max_ = std::max(max_, value);
}

std::chrono::nanoseconds LatencyHistogram::Percentile(double percent) const {
  const double share = static_cast<double>(count_) * percent / 100;
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets && count_ > 0; ++bucket) {
    seen += buckets_[bucket];
    if (seen < wanted) continue;
    return std::min(max_, std::chrono::nanoseconds(static_cast<std::int64_t>(LargestIn(bucket))));
  }
  return max_;
}

}  // namespace goniec::load
