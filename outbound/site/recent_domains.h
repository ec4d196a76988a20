// Some of the domains that had mail for a site lately: thousands may share it, and people want to know whose
// mail it is. A value, small while there are few; confined to its owner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goniec::outbound {

inline constexpr std::size_t kMostRecentDomains = 16;

class RecentDomains {
 public:
  // The domain of a recipient's address, as it stands there. Of more than kMostRecentDomains the one that
  // came first goes.
  void Note(std::string_view address);
  // As recipients are grouped by them (smtp::DomainOf), sorted.
  [[nodiscard]] std::vector<std::string> All() const;

 private:
  std::vector<std::string> domains_;
  std::size_t next_ = 0;  // to be replaced, once there are kMostRecentDomains
};

}  // namespace goniec::outbound
