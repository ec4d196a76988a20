#include "outbound/api/request_memory.h"

namespace goniec::outbound {

RequestMemory::Reservation RequestMemory::Reserve(const std::string& tenant, std::uint64_t octets,
                                                  std::uint64_t share) {
  if (!Take(tenant, octets, share)) return {};
  return {this, tenant, octets};
}

bool RequestMemory::Reservation::Grow(std::uint64_t octets, std::uint64_t share) {
  if (owner_ == nullptr || !owner_->Take(tenant_, octets, share)) return false;
  octets_ += octets;
  return true;
}

bool RequestMemory::Take(const std::string& tenant, std::uint64_t octets, std::uint64_t share) {
  const std::lock_guard lock(mutex_);
  const auto of_tenant = by_tenant_.find(tenant);
  const std::uint64_t has = of_tenant == by_tenant_.end() ? 0 : of_tenant->second;
  if (octets > limit_ - used_ || has + octets > share) return false;
  used_ += octets;
  by_tenant_[tenant] = has + octets;
  gauge_.Set(static_cast<double>(used_));
  return true;
}

std::uint64_t RequestMemory::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void RequestMemory::Release(const std::string& tenant, std::uint64_t octets) {
  const std::lock_guard lock(mutex_);
  used_ -= octets;
  gauge_.Set(static_cast<double>(used_));
  const auto of_tenant = by_tenant_.find(tenant);
  if ((of_tenant->second -= octets) == 0) by_tenant_.erase(of_tenant);
}

}  // namespace goniec::outbound
