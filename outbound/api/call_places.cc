#include "outbound/api/call_places.h"

#include <algorithm>

namespace goniec::outbound {

CallPlaces::Place CallPlaces::Take(const std::string& tenant, bool shared) {
  const std::lock_guard lock(mutex_);
  const auto of_tenant = by_tenant_.find(tenant);
  const int has = of_tenant == by_tenant_.end() ? 0 : of_tenant->second;
  const int share = shared ? std::max(1, (most_ - (taken_ - has)) / 3) : most_;
  if (taken_ >= most_ || has >= share) return {};
  ++taken_;
  by_tenant_[tenant] = has + 1;
  return {this, tenant};
}

void CallPlaces::Leave(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  --taken_;
  const auto of_tenant = by_tenant_.find(tenant);
  if (--of_tenant->second == 0) by_tenant_.erase(of_tenant);
}

}  // namespace goniec::outbound
