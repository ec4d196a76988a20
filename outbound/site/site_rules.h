// The limits of a site: the general ones, those of large providers that are known, and the rules of the
// operator (delivery.sites), each over the one before. Read by SitePool and by the worker. Values and pure
// functions; thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outbound/site/rate_limit.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

// All are of the whole cluster, but those of one connection.
struct SiteLimits {
  std::size_t connections = 20;
  std::size_t messages_per_connection = 500;
  std::chrono::milliseconds idle_timeout{4'000};
  std::chrono::milliseconds max_age{5 * 60'000};
  // Nothing: as fast as it goes.
  std::optional<Rate> messages;
  std::optional<Rate> recipients;
};

// One of delivery.sites: what it names, for sites with an MX host that it matches.
struct SiteRule {
  // match: names of MX hosts; each stands for itself and all names below it.
  std::vector<std::string> match;
  // connections: open ones, of all workers together. 1 to 1000, not above delivery.connections.
  std::optional<std::size_t> connections;
  // messages_per_connection: 1 to 1000000.
  std::optional<std::size_t> messages_per_connection;
  // messages, recipients: in a time, of all workers together, as "600/1m".
  std::optional<Rate> messages;
  std::optional<Rate> recipients;
  // idle_timeout: 0ms to 5m.
  std::optional<std::chrono::milliseconds> idle_timeout;
  // max_age: of a connection, after which it takes no more mail. 1s to 1d.
  std::optional<std::chrono::milliseconds> max_age;
};

// `site` is Route::site. Of several rules that match its hosts the one with the longest name holds, among
// equals the one whose host is first in the site's name: the same in every process. What is known of a
// provider only lowers `general`; a rule sets what it says.
SiteLimits LimitsOf(std::string_view site, const SiteLimits& general, const std::vector<SiteRule>& rules);

// The list `sites` of section `delivery`; problems are reported through it. `connections`: those in all.
std::vector<SiteRule> ReadSiteRules(const config::Section& delivery, std::size_t connections);

}  // namespace goniec::outbound
