#include "outbound/config.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/config/units.h"
#include "common/net/ip_address.h"
#include "common/smtp/host_name.h"

namespace goniec::outbound {
namespace {

constexpr std::chrono::milliseconds kShortestDrain{1'000};
constexpr std::chrono::milliseconds kLongestDrain{3'600'000};

std::string MachineName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

void ReadNames(const config::Section& root, OutboundConfig& config) {
  config.hostname = MachineName();
  root.Parsed("hostname", config.hostname, smtp::ParseHostName);
  if (!root.Has("hostname") && !smtp::ParseHostName(config.hostname).ok()) {
    root.Problem("hostname", absl::StrCat("must be set, for the machine's name, \"",
                                          Printable(config.hostname, 80), "\", is not a domain name"));
  }
  config.deliver.helo = config.hostname;
  const config::Section http = root.Sub("http");
  if (http.Text("listen", config.http_listen)) {
    const auto endpoint = net::Endpoint::Parse(config.http_listen);
    if (!endpoint.ok()) http.Problem("listen", Message(endpoint.status()));
  }
}

void ReadRoles(const config::Section& root, Roles& roles) {
  std::vector<std::string> names;
  if (!root.Texts("roles", names)) return;
  if (names.empty()) return root.Problem("roles", "is empty: give some of deliver, api, tend");
  roles = {.deliver = false, .api = false, .tend = false};
  for (std::size_t i = 0; i < names.size(); ++i) {
    bool* role = names[i] == "deliver" ? &roles.deliver
                 : names[i] == "api"   ? &roles.api
                 : names[i] == "tend"  ? &roles.tend
                                       : nullptr;
    if (role == nullptr) {
      root.ProblemAt("roles", i, "is no role; there are deliver, api and tend");
    } else if (std::exchange(*role, true)) {
      root.ProblemAt("roles", i, "is there twice");
    }
  }
}

// Events must be there for as long as anybody may ask about a mail that still lives.
void CheckEventRetention(const config::Section& root, OutboundConfig& config) {
  const auto longest = std::max({config.retry.lifetime, config.retry.bulk_lifetime,
                                 config.retry.null_sender_lifetime, config.api.max_life});
  const auto needed = std::chrono::ceil<std::chrono::hours>(longest + std::chrono::hours(24));
  queue::QueueConfig& queue = config.queue;
  if (queue.event_retention_least >= needed) return;
  const bool given = root.Sub("queue").Has("event_retention_least");
  if (!given && needed <= queue.event_retention) {
    queue.event_retention_least = needed;
    return;
  }
  root.Problem("queue",
               absl::StrCat(given ? "event_retention_least" : "event_retention",
                            " must be at least the longest life of a mail (retry.*lifetime, api.max_life) "
                            "and a day: ",
                            config::FormatDuration(needed)));
}

}  // namespace

std::string Roles::ToString() const {
  std::vector<std::string> names;
  if (deliver) names.emplace_back("deliver");
  if (api) names.emplace_back("api");
  if (tend) names.emplace_back("tend");
  return absl::StrJoin(names, ",");
}

absl::StatusOr<OutboundConfig> LoadOutboundConfig(const std::string& path) {
  absl::StatusOr<config::Document> document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  const config::Section root = document->root();
  OutboundConfig config;
  ReadNames(root, config);
  ReadRoles(root, config.roles);
  root.Duration("drain_limit", config.drain_limit, {kShortestDrain, kLongestDrain});
  const config::Section delivery = root.Sub("delivery");
  config.route = ReadRouteConfig(delivery);
  ReadDeliverConfig(delivery, config.deliver);
  ReadRetryPolicy(root.Sub("retry"), config.retry);
  ReadWorkerConfig(root.Sub("worker"), config.worker);
  config.deliver.slots = config.worker.slots;
  ReadApiConfig(root.Sub("api"), config.api);
  config.dns = dns::ReadDnsConfig(root.Sub("dns"));
  config::Section queue = root.Sub("queue");
  config.queue = queue::ReadQueueConfig(queue);
  observe::ReadLogConfig(root.Sub("log"), config.log);
  CheckEventRetention(root, config);
  if (absl::Status problems = document->Finish(); !problems.ok()) return problems;
  return config;
}

}  // namespace goniec::outbound
