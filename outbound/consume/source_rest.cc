#include "outbound/consume/source_rest.h"

#include <algorithm>

namespace goniec::outbound {

bool SourceRest::Heed(const queue::ResetNotice& notice, WallTime now, std::chrono::milliseconds ack_wait) {
  look_up_to_ = std::max(look_up_to_, notice.last_sequence);
  const WallTime until = queue::RestEnd(notice, now, ack_wait);
  if (until <= std::max(until_, now)) return false;
  until_ = until;
  return true;
}

}  // namespace goniec::outbound
