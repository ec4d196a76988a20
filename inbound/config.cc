#include "inbound/config.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/config/units.h"
#include "common/smtp/address.h"
#include "common/smtp/host_name.h"

namespace goniec::inbound {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// The most recipients whose record, with addresses of usual length, stays within the envelope's limit.
constexpr size_t kMostRecipients = 1000;

std::string MachineName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

absl::StatusOr<std::string> ParseTenant(std::string_view text) {
  if (queue::IsValidTenant(text)) return std::string(text);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Printable(text, 80), "\" is no tenant's name: a-z, 0-9 and -, 1 to 32 characters"));
}

// Each entry is judged alone, so that the problem stands at its line.
absl::StatusOr<std::string> ParseRelayDomain(std::string_view text) {
  const auto policy = RelayPolicy::Create({.domains = {std::string(text)}});
  if (!policy.ok()) return policy.status();
  return std::string(text);
}

absl::StatusOr<std::string> ParseTrustedNetwork(std::string_view text) {
  const auto policy = RelayPolicy::Create({.trusted_networks = {std::string(text)}});
  if (!policy.ok()) return policy.status();
  return std::string(text);
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

void ReadSession(const config::Section& section, SessionConfig& session) {
  ByteCount size{session.max_message_size};
  if (section.Bytes("max_message_size", size, {KiB(1), GiB(1)})) session.max_message_size = size.bytes;
  if (section.Bytes("max_refused_size", size, {KiB(1), GiB(4)})) session.max_refused_size = size.bytes;
  section.Integer<size_t>("max_recipients", session.max_recipients, {1, kMostRecipients});
  section.Integer<int>("max_errors", session.max_errors, {1, 1000});
  section.Integer<int>("max_refusals", session.max_refusals, {1, 1'000'000});
  section.Integer<int>("max_idle_commands", session.max_idle_commands, {1, 1'000'000});
  section.Parsed("postmaster_domain", session.postmaster_domain, smtp::ParseHostName);
}

void ReadSmtp(const config::Section& section, InboundConfig& config) {
  SmtpConfig& smtp = config.smtp;
  section.ParsedList("listen", smtp.listen, net::Endpoint::Parse);
  if (smtp.listen.empty()) section.Problem("listen", "needs at least one address, for example 0.0.0.0:2525");
  section.Integer<size_t>("threads", smtp.threads, {0, 256});
  section.Integer<size_t>("max_connections", smtp.max_connections, {1, 1'000'000});
  section.Integer<size_t>("max_connections_per_client", smtp.max_connections_per_client, {1, 1'000'000});
  section.Bytes("max_memory", smtp.max_memory, {MiB(16), GiB(64)});
  section.Duration("command_timeout", smtp.command_timeout, {seconds(1), hours(1)});
  section.Duration("data_timeout", smtp.data_timeout, {seconds(1), hours(1)});
  section.Duration("message_timeout", smtp.message_timeout, {seconds(10), hours(24)});
  section.Bytes("min_rate", smtp.min_rate, {ByteCount{0}, GiB(1)});
  section.Duration("session_timeout", smtp.session_timeout, {seconds(1), hours(7 * 24)});
  section.Duration("greeting_delay", smtp.greeting_delay, {seconds(0), seconds(2)});
  section.Integer<int>("max_bad_sessions", smtp.max_bad_sessions, {0, 1'000'000});

  ReadSession(section, config.session);
}

void ReadTls(const config::Section& section, InboundConfig& config) {
  net::TlsServerConfig tls;
  const bool certificate = section.Text("cert_file", tls.certificate_file);
  const bool key = section.Text("key_file", tls.key_file);
  section.Choice<net::TlsVersion>("min_version", tls.min_version,
                                  {{"1.2", net::TlsVersion::kTls12}, {"1.3", net::TlsVersion::kTls13}});
  if (certificate != key)
    section.Problem(certificate ? "key_file" : "cert_file", "is missing beside the other file");
  if (certificate && key) config.tls = std::move(tls);
  config.session.tls_available = config.tls.has_value();
}

void ReadMail(const config::Section& section, MailConfig& mail) {
  section.Parsed("tenant", mail.tenant, ParseTenant);
  section.Choice<queue::MailClass>(
      "class", mail.mail_class,
      {{"transactional", queue::MailClass::kTransactional}, {"bulk", queue::MailClass::kBulk}});
  section.Duration("lifetime", mail.lifetime, {minutes(1), hours(30 * 24)});
  section.Duration("null_sender_lifetime", mail.null_sender_lifetime, {minutes(1), hours(30 * 24)});
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
  ReadSmtp(root.Sub("smtp"), config);
  ReadTls(root.Sub("tls"), config);
  const config::Section relay = root.Sub("relay");
  relay.ParsedList("domains", config.relay.domains, ParseRelayDomain);
  relay.ParsedList("trusted_networks", config.relay.trusted_networks, ParseTrustedNetwork);
  if (config.session.postmaster_domain.empty())
    config.session.postmaster_domain = PostmasterDomain(config.relay, config.session.host_name);
  ReadMail(root.Sub("mail"), config.mail);
  config::Section queue = root.Sub("queue");
  config.queue = queue::ReadQueueConfig(queue);
  CheckEventRetention(root, config);
  observe::ReadLogConfig(root.Sub("log"), config.log);
  if (absl::Status problems = document->Finish(); !problems.ok()) return problems;
  return config;
}

}  // namespace goniec::inbound
