// How long each mail took, in little memory and at a fixed cost: buckets whose width is below 1 % of their
// value, as in HdrHistogram. Used by the tally. Confined to one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace goniec::load {

class LatencyHistogram {
 public:
  // What is below zero counts as zero.
  void Record(std::chrono::nanoseconds latency);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Exact. Zero without a record.
  [[nodiscard]] std::chrono::nanoseconds max() const { return max_; }
  // The smallest bucket's upper end that at least `percent` of all are not above, and never more than max();
  // zero without a record. `percent` is above 0 and at most 100.
  [[nodiscard]] std::chrono::nanoseconds Percentile(double percent) const;

 private:
  // Each power of two is cut into so many buckets; what is below twice that is exact.
  static constexpr int kBits = 7;
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(64 - kBits + 1) << kBits;
  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t LargestIn(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{0};
};

}  // namespace goniec::load
