#include "common/base/clock.h"

#include <ctime>

namespace goniec {
namespace {

class RealClock final : public Clock {
 public:
  WallTime Wall() const override { return std::chrono::system_clock::now(); }
  BootTime Boot() const override { return BootClock::now(); }
};

}  // namespace

BootClock::time_point BootClock::now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

const Clock& Clock::Real() {
  static const RealClock clock;
  return clock;
}

}  // namespace goniec
