#include "inbound/accept/session_penalty.h"

namespace goniec::inbound {

void SessionPenalty::NoteBad(const net::IpAddress& ip, Time now) {
  if (most_ == 0) return;
  const net::IpAddress key = net::ClientNetwork(ip);
  const std::lock_guard lock(mutex_);
  DropOld(now);
  const auto known = records_.find(key);
  if (known != records_.end() && now - known->second.since < kPeriod) {
    if (known->second.bad < most_) ++known->second.bad;
    return;
  }
  if (known == records_.end() && records_.size() >= kMostClients) return;
  records_[key] = {now, 1};
  any_ = true;
}

bool SessionPenalty::IsBarred(const net::IpAddress& ip, Time now) {
  if (!any_) return false;
  const std::lock_guard lock(mutex_);
  const auto known = records_.find(net::ClientNetwork(ip));
  return known != records_.end() && known->second.bad >= most_ && now - known->second.since < kPeriod;
}

void SessionPenalty::DropOld(Time now) {
  // All at once and once a period: cheap, and what is kept is at most two periods old.
  if (now - dropped_ < kPeriod) return;
  dropped_ = now;
  absl::erase_if(records_, [now](const auto& entry) { return now - entry.second.since >= kPeriod; });
  any_ = !records_.empty();
}

}  // namespace goniec::inbound
