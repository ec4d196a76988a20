#include "outbound/consume/ready_turns.h"

#include <algorithm>

namespace goniec::outbound {

std::set<std::string> YieldingTenants(const Backlog& backlog) {
  if (backlog.size() < 2) return {};
  const auto least = std::ranges::min_element(backlog, {}, [](const auto& tenant) { return tenant.second; });
  std::set<std::string> yielding;
  for (const auto& [tenant, records] : backlog) {
    if (records >= kLeastBacklog && records / kUnequal > least->second) yielding.insert(tenant);
  }
  return yielding;
}

void ReadyTurns::Note(Kind kind, int lane, const Backlog& backlog) {
  std::set<std::string> yielding = YieldingTenants(backlog);
  if (yielding.empty()) {
    yielding_.erase({kind, lane});
  } else {
    yielding_[{kind, lane}] = std::move(yielding);
  }
}

bool ReadyTurns::MustYield(Kind kind, int lane, const std::string& tenant) const {
  const auto found = yielding_.find({kind, lane});
  return found != yielding_.end() && found->second.contains(tenant);
}

}  // namespace goniec::outbound
