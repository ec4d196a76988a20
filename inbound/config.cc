#include "inbound/config.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/config/units.h"
#include "common/net/ip_address.h"
#include "common/smtp/address.h"
#include "common/smtp/host_name.h"
#include "inbound/policy/relay_policy.h"

namespace goniec::inbound {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

std::string MachineName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

void ReadNames(const config::Section& root, InboundConfig& config) {
  config.session.host_name = MachineName();
  root.Parsed("hostname", config.session.host_name, smtp::ParseHostName);
  if (!root.Has("hostname") && !smtp::ParseHostName(config.session.host_name).ok()) {
    root.Problem("hostname",
                 absl::StrCat("must be set, for the machine's name, \"",
                              Printable(config.session.host_name, 80), "\", is not a domain name"));
  }
}

// A worker must not delete the events of a mail that still lives, and knows no lives but its own
// configuration's.
void CheckEventRetention(const config::Section& root, const InboundConfig& config) {
  const auto longest = std::max(config.mail.lifetime, config.mail.null_sender_lifetime);
  if (config.queue.event_retention_least >= longest + hours(24)) return;
  root.Problem("queue", absl::StrCat("event_retention_least must be at least the longest life of a mail "
                                     "(mail.lifetime, mail.null_sender_lifetime) and a day, ",
                                     config::FormatDuration(longest + hours(24)),
                                     ", here and in the configuration of goniec-outbound"));
}

// Mail for postmaster has to get somewhere: a domain that is relayed does, the server's own name rarely.
std::string PostmasterDomain(const RelayRules& relay, const std::string& host_name) {
  for (const std::string& domain : relay.domains) {
    if (const auto name = smtp::ParseHostName(domain); name.ok()) return *name;
  }
  return host_name;
}

}  // namespace

std::vector<std::string> Warnings(const InboundConfig& config) {
  std::vector<std::string> warnings;
  const auto policy = RelayPolicy::Create(config.relay);
  const auto domain = smtp::ParseDomain(config.session.postmaster_domain);
  if (policy.ok() && domain.ok() && !policy->IsRelayDomain(*domain)) {
    warnings.push_back(absl::StrCat(
        "mail for <Postmaster> is accepted from everybody (RFC 5321 4.5.1) and goes to postmaster@",
        config.session.postmaster_domain,
        ", which is none of relay.domains: set smtp.postmaster_domain to a domain where it is read"));
  }
  return warnings;
}

absl::StatusOr<InboundConfig> LoadInboundConfig(const std::string& path) {
  absl::StatusOr<config::Document> document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  const config::Section root = document->root();
  InboundConfig config;
  ReadNames(root, config);
  const config::Section http = root.Sub("http");
  if (http.Text("listen", config.http_listen)) {
    const auto endpoint = net::Endpoint::Parse(config.http_listen);
    if (!endpoint.ok()) http.Problem("listen", Message(endpoint.status()));
  }
  root.Duration("drain_limit", config.drain_limit, {seconds(1), hours(1)});
  const config::Section smtp = root.Sub("smtp");
  ReadSmtpConfig(smtp, config.smtp);
  ReadSessionConfig(smtp, config.session);
  config.tls = ReadTlsConfig(root.Sub("tls"));
  config.session.tls_available = config.tls.has_value();
  ReadRelayConfig(root.Sub("relay"), config.relay);
  if (config.session.postmaster_domain.empty())
    config.session.postmaster_domain = PostmasterDomain(config.relay, config.session.host_name);
  ReadMailConfig(root.Sub("mail"), config.mail);
  config::Section queue = root.Sub("queue");
  config.queue = queue::ReadQueueConfig(queue);
  CheckEventRetention(root, config);
  observe::ReadLogConfig(root.Sub("log"), config.log);
  if (absl::Status problems = document->Finish(); !problems.ok()) return problems;
  return config;
}

}  // namespace goniec::inbound
