// The two clocks of the project. Wall time stamps what people and other machines read; boot time (which goes
// on while the machine is suspended or the process is frozen, and never jumps) measures ages and time limits.
// Thread-safe.
#pragma once

#include <chrono>

namespace goniec {

using WallTime = std::chrono::system_clock::time_point;

// A point on CLOCK_BOOTTIME.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
using BootTime = BootClock::time_point;

// What code under test may be given instead of the machine's clocks.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime Wall() const = 0;
  [[nodiscard]] virtual BootTime Boot() const = 0;

  // The machine's clocks; lives as long as the process.
  static const Clock& Real();
};

}  // namespace goniec
