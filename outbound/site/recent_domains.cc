#include "outbound/site/recent_domains.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/smtp/address.h"

namespace goniec::outbound {

void RecentDomains::Note(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at + 1 == address.size()) return;
  const std::string_view domain = address.substr(at + 1);
  const bool known = std::any_of(domains_.begin(), domains_.end(),
                                 [&](const std::string& other) { return EqualsIgnoreCase(other, domain); });
  if (known) return;
  if (domains_.size() < kMostRecentDomains) {
    domains_.emplace_back(domain);
    return;
  }
  domains_[next_] = domain;
  next_ = (next_ + 1) % kMostRecentDomains;
}

std::vector<std::string> RecentDomains::All() const {
  std::vector<std::string> all;
  all.reserve(domains_.size());
  for (const std::string& domain : domains_) all.push_back(smtp::DomainOf("x@" + domain));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace goniec::outbound
