#include "outbound/site/site_rules.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/smtp/host_name.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

// What large providers bear from one sender without further agreement, by their MX hosts.
struct Provider {
  std::string_view host;
  std::size_t connections;  // 0: the general limit
  std::size_t messages_per_connection;
};
constexpr Provider kProviders[] = {
    {"google.com", 5, 50},
    {"googlemail.com", 5, 50},
    {"yahoodns.net", 0, 20},
    {"olc.protection.outlook.com", 5, 50},
    {"mail.protection.outlook.com", 5, 50},
    {"mx.microsoft", 5, 50},
    {"mail.icloud.com", 0, 5},
    {"orange.fr", 2, 0},
};

bool Matches(std::string_view host, std::string_view name) {
  if (!host.ends_with(name)) return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

// "mx:a.example,b.example:25" and "host:a.example:587" have hosts, "ip:..." has none.
std::vector<std::string_view> HostsOf(std::string_view site) {
  const std::size_t begin = site.find(':');
  const std::size_t end = site.rfind(':');
  if (begin == std::string_view::npos || end <= begin) return {};
  std::vector<std::string_view> hosts;
  std::string_view rest = site.substr(begin + 1, end - begin - 1);
  while (true) {
    const std::size_t comma = rest.find(',');
    hosts.push_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) return hosts;
    rest.remove_prefix(comma + 1);
  }
}

void LowerTo(std::size_t limit, std::size_t& value) {
  if (limit != 0) value = std::min(value, limit);
}

const SiteRule* FindRule(const std::vector<std::string_view>& hosts, const std::vector<SiteRule>& rules) {
  const SiteRule* found = nullptr;
  std::size_t longest = 0;
  for (const std::string_view host : hosts) {
    for (const SiteRule& rule : rules) {
      for (const std::string& name : rule.match) {
        if (name.size() <= longest || !Matches(host, name)) continue;
        longest = name.size();
        found = &rule;
      }
    }
  }
  return found;
}

template <typename T>
void Set(const std::optional<T>& from, T& to) {
  if (from) to = *from;
}

}  // namespace

SiteLimits LimitsOf(std::string_view site, const SiteLimits& general, const std::vector<SiteRule>& rules) {
  SiteLimits limits = general;
  const std::vector<std::string_view> hosts = HostsOf(site);
  for (const std::string_view host : hosts) {
    for (const Provider& provider : kProviders) {
      if (!Matches(host, provider.host)) continue;
      LowerTo(provider.connections, limits.connections);
      LowerTo(provider.messages_per_connection, limits.messages_per_connection);
    }
  }
  const SiteRule* const rule = FindRule(hosts, rules);
  if (rule == nullptr) return limits;
  Set(rule->connections, limits.connections);
  Set(rule->messages_per_connection, limits.messages_per_connection);
  Set(rule->idle_timeout, limits.idle_timeout);
  Set(rule->max_age, limits.max_age);
  if (rule->messages) limits.messages = rule->messages;
  if (rule->recipients) limits.recipients = rule->recipients;
  return limits;
}

namespace {

template <typename T, typename Read>
void ReadOptional(std::optional<T>& out, const Read& read) {
  T value{};
  if (read(value)) out = value;
}

SiteRule ReadRule(const config::Section& section) {
  SiteRule rule;
  if (!section.Has("match"))
    section.Problem("match", "is missing: name MX hosts, each stands for names below it");
  section.ParsedList("match", rule.match, smtp::ParseHostName);
  for (std::string& name : rule.match) name = AsciiLower(name);
  ReadOptional(rule.connections, [&](std::size_t& value) {
    return section.Integer<std::size_t>("connections", value, {1, 1'000});
  });
  ReadOptional(rule.messages_per_connection, [&](std::size_t& value) {
    return section.Integer<std::size_t>("messages_per_connection", value, {1, 1'000'000});
  });
  ReadOptional(rule.messages, [&](Rate& value) { return section.Parsed("messages", value, ParseRate); });
  ReadOptional(rule.recipients, [&](Rate& value) { return section.Parsed("recipients", value, ParseRate); });
  ReadOptional(rule.idle_timeout, [&](milliseconds& value) {
    return section.Duration("idle_timeout", value, {milliseconds(0), std::chrono::minutes(5)});
  });
  ReadOptional(rule.max_age, [&](milliseconds& value) {
    return section.Duration("max_age", value, {std::chrono::seconds(1), std::chrono::hours(24)});
  });
  return rule;
}

}  // namespace

std::vector<SiteRule> ReadSiteRules(const config::Section& delivery, std::size_t connections) {
  std::vector<SiteRule> rules;
  std::vector<config::Section> sections = delivery.Items("sites");
  // Where each name stands: rule, and place in its list.
  std::map<std::string, std::pair<std::size_t, std::size_t>> seen;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const SiteRule& rule = rules.emplace_back(ReadRule(sections[i]));
    if (rule.connections && *rule.connections > connections) {
      sections[i].Problem("connections", absl::StrCat("is ", *rule.connections,
                                                      ", above delivery.connections (", connections, ")"));
      delivery.Problem("connections", absl::StrCat("is ", connections, ", below ", sections[i].path(),
                                                   ".connections (", *rule.connections, ")"));
    }
    for (std::size_t j = 0; j < rule.match.size(); ++j) {
      const auto [first, fresh] = seen.try_emplace(rule.match[j], i, j);
      if (fresh) continue;
      const auto [other, place] = first->second;
      sections[i].ProblemAt(
          "match", j,
          absl::StrCat("\"", rule.match[j], "\" stands in ", sections[other].path(), ".match as well"));
      sections[other].ProblemAt(
          "match", place,
          absl::StrCat("\"", rule.match[j], "\" stands in ", sections[i].path(), ".match as well"));
    }
  }
  return rules;
}

}  // namespace goniec::outbound
