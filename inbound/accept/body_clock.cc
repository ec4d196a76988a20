#include "inbound/accept/body_clock.h"

namespace goniec::inbound {

BodyClock::End BodyClock::end() const {
  End end{last_ + limits_.pause, Limit::kPause};
  const auto earlier = [&end](Clock::time_point at, Limit limit) {
    if (at < end.at) end = {at, limit};
  };
  earlier(begun_ + limits_.whole, Limit::kWhole);
  if (limits_.min_rate > 0) {
    const std::chrono::duration<double> earned(static_cast<double>(received_) /
                                               static_cast<double>(limits_.min_rate));
    earlier(begun_ + excused_ + limits_.pause + std::chrono::duration_cast<Clock::duration>(earned),
            Limit::kRate);
  }
  return end;
}

}  // namespace goniec::inbound
