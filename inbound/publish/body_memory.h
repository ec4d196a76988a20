// The memory that bodies on their way in may take, all sessions together. Under overload it stays flat:
// whoever would pass the limit is told to come back. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

namespace goniec::inbound {

class BodyMemory {
 public:
  explicit BodyMemory(uint64_t limit) : limit_(limit) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;

  // False if there is no room; then nothing is taken.
  [[nodiscard]] bool Take(uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    Give(bytes);
    return false;
  }
  void Give(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const uint64_t limit_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace goniec::inbound
