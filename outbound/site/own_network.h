// Whether it is our own network that is down, and not the sites that we cannot reach: if the last different
// sites that we heard of have all failed, and there were several, we may be the one who is cut off. A worker
// that suspects so closes no site; what it cannot deliver is tried again by the retry policy.
//
// Pure; confined to its owner.
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace goniec::outbound {

// So many different sites in a row are no chance.
inline constexpr std::size_t kSitesInARow = 5;

class OwnNetwork {
 public:
  // No address of the site let us in.
  void Failed(const std::string& site) {
    if (failed_.size() < kSitesInARow) failed_.insert(site);
  }
  // Somebody let us in: whatever fails, we are connected.
  void Worked() { failed_.clear(); }
  [[nodiscard]] bool IsSuspect() const { return failed_.size() >= kSitesInARow; }

 private:
  // Different sites that failed since one worked.
  std::set<std::string> failed_;
};

}  // namespace goniec::outbound
