// How many log lines of one kind may be written: a few at once, then so many a second. Counts those that are
// left out, so that somebody can say how many. Used for lines that a stranger can cause: by the log for each
// kind of the whole process (LogLimited), by a session for its own. Pure: the time is given. Confined to its
// owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

namespace goniec::observe {

class LineLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  LineLimit(double per_second, double burst) : per_second_(per_second), burst_(burst), room_(burst) {}

  // True if a line may be written at `now`, which never goes back; else the line is counted as left out.
  [[nodiscard]] bool Admit(Time now);
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  // The lines left out since the last call.
  std::uint64_t TakeLeftOut() { return std::exchange(left_out_, 0); }

 private:
  const double per_second_;
  const double burst_;
  double room_;
  Time filled_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace goniec::observe
