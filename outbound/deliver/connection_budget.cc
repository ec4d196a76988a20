#include "outbound/deliver/connection_budget.h"

#include "outbound/deliver/site.h"

namespace goniec::outbound {

bool ConnectionBudget::HasRoom(const Site& site, BootTime now) const {
  if (open_ >= limit_) return false;
  return site.IsProven(now) || !InReserve() || trials_.size() < most_trials_;
}

void ConnectionBudget::Opened(const Connection* connection, const Site& site, BootTime now) {
  if (InReserve() && !site.IsProven(now)) trials_.insert(connection);
  ++open_;
}

void ConnectionBudget::Closed(const Connection* connection) {
  --open_;
  trials_.erase(connection);
}

bool ConnectionBudget::Await(Site& site, BootTime now) {
  return (site.IsProven(now) ? proven_in_line_ : unproven_in_line_).Add(site);
}

void ConnectionBudget::Serve(const std::function<void(Site&)>& serve) {
  // First those whom the proven ones would leave nothing.
  const auto trial = [this] { return open_ < limit_ && trials_.size() < most_trials_; };
  ServeLine(unproven_in_line_, trial, serve);
  ServeLine(proven_in_line_, [this] { return open_ < limit_; }, serve);
  ServeLine(unproven_in_line_, [this] { return open_ < limit_ - reserve_; }, serve);
}

void ConnectionBudget::ServeLine(SiteLine& line, const std::function<bool()>& has_room,
                                 const std::function<void(Site&)>& serve) {
  for (std::size_t left = line.size(); left > 0 && has_room(); --left) serve(*line.Take());
}

void ConnectionBudget::Forget(Site& site) {
  proven_in_line_.Remove(site);
  unproven_in_line_.Remove(site);
}

}  // namespace goniec::outbound
