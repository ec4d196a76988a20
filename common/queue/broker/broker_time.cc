// The broker's time of day, as a process that asked for it now and then reckons it.
#include "common/queue/broker/broker.h"

namespace goniec::queue {

WallTime Broker::Now(const Clock& ours) const {
  const std::int64_t ahead = ahead_of_boot_;
  if (ahead == kNotLearned) return ours.Wall();
  return WallTime(std::chrono::duration_cast<WallTime::duration>(ours.Boot().time_since_epoch() +
                                                                 std::chrono::nanoseconds(ahead)));
}

void Broker::LearnTime(WallTime theirs, BootTime at) {
  ahead_of_boot_ = std::chrono::duration_cast<std::chrono::nanoseconds>(theirs.time_since_epoch()).count() -
                   at.time_since_epoch().count();
}

}  // namespace goniec::queue
