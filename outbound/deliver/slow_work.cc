#include "outbound/deliver/slow_work.h"

#include "outbound/deliver/site.h"

namespace goniec::outbound {

void SlowWork::Began(const void* work, Site& site, BootTime now) {
  Ended(work);
  places_[work] = begun_.insert(begun_.end(), {work, &site, now});
}

void SlowWork::Ended(const void* work) {
  const auto place = places_.find(work);
  if (place == places_.end()) return;
  const auto at = place->second;
  if (at->slow) at->site->SlowWorkEnded();
  (at->slow ? slow_ : begun_).erase(at);
  places_.erase(place);
}

void SlowWork::Judge(BootTime since) {
  while (!begun_.empty() && begun_.front().since < since) {
    begun_.front().slow = true;
    begun_.front().site->SlowWorkFound();
    slow_.splice(slow_.end(), begun_, begun_.begin());
  }
}

}  // namespace goniec::outbound
