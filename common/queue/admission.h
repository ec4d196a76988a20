// When new mail may be taken: the marks of a store that fills (invariant: a full store never stops delivery).
// Pure; confined.
#pragma once

#include <cstdint>

namespace goniec::queue {

// Of queue.capacity, in percent: acceptance stops at the mark and goes on ten points below it. What lies
// above is for events, copies and bounces.
inline constexpr int kTransactionalMark = 80;
inline constexpr int kBulkMark = 60;
inline constexpr int kResumePoints = 10;

class AdmissionMark {
 public:
  explicit AdmissionMark(int percent) : percent_(percent) {}

  // Whether mail is taken at this level.
  bool Update(std::uint64_t used, std::uint64_t capacity);
  [[nodiscard]] bool open() const { return open_; }

 private:
  const int percent_;
  bool open_ = true;
};

}  // namespace goniec::queue
