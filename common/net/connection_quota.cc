#include "common/net/connection_quota.h"

namespace goniec::net {

std::optional<ConnectionQuota::Slot> ConnectionQuota::Enter(const IpAddress& ip, Refusal* why) {
  const IpAddress key = ClientNetwork(ip);
  const std::lock_guard lock(mutex_);
  if (open_ >= total_) {
    if (why != nullptr) *why = Refusal::kTotal;
    return {};
  }
  size_t& here = by_address_[key];
  if (here >= per_address_) {
    if (here == 0) by_address_.erase(key);  // a limit of zero must not leave entries behind
    if (why != nullptr) *why = Refusal::kPerAddress;
    return {};
  }
  ++here;
  ++open_;
  return Slot(this, key);
}

void ConnectionQuota::Leave(const IpAddress& key) {
  const std::lock_guard lock(mutex_);
  --open_;
  const auto entry = by_address_.find(key);
  if (--entry->second == 0) by_address_.erase(entry);
}

size_t ConnectionQuota::size() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace goniec::net
