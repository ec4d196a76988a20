#include "outbound/deliver/deliver_config.h"

#include <unistd.h>

#include <array>

#include "common/base/status.h"
#include "common/config/document.h"
#include "common/smtp/address.h"
#include "outbound/deliver/client_session.h"

namespace goniec::outbound {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace

DeliverConfig WithHelo(DeliverConfig config) {
  if (config.helo.empty()) config.helo = HostName();
  return config;
}

SiteLimits LimitsOf(const DeliverConfig& config, std::string_view site) {
  SiteLimits general;
  general.connections = config.connections_per_site;
  general.messages_per_connection = config.messages_per_connection;
  general.idle_timeout = config.idle_timeout;
  general.max_age = config.connection_max_age;
  return LimitsOf(site, general, config.sites);
}

SessionConfig SessionConfigOf(const DeliverConfig& config, bool tls) {
  SessionConfig session;
  session.helo = config.helo;
  session.tls = tls ? SessionConfig::Tls::kIfOffered : SessionConfig::Tls::kNever;
  session.chunking_from = config.chunking_from.bytes;
  session.follow_limit = config.follow_limit;
  session.time_limit_percent = config.time_limit_percent;
  return session;
}

void ReadDeliverConfig(config::Section section, DeliverConfig& config) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  if (section.Text("helo", config.helo)) {
    if (const auto domain = smtp::ParseDomain(config.helo); !domain.ok()) {
      section.Problem("helo", Message(domain.status()));
    } else if (domain->ascii.find('_') != std::string::npos) {
      section.Problem("helo", "receivers refuse a name with an underscore");
    }
  }
  section.Choice<TlsMode>("tls", config.tls,
                          {{"opportunistic", TlsMode::kOpportunistic}, {"off", TlsMode::kOff}});
  section.Integer<std::size_t>("connections_per_site", config.connections_per_site, {1, 1'000});
  section.Integer<std::size_t>("connections", config.connections, {1, 60'000});
  if (section.Has("connections_per_site") && section.Has("connections") &&
      config.connections_per_site > config.connections) {
    section.Problem("connections_per_site", "is above connections: no site could have so many");
    section.Problem("connections", "is below connections_per_site: no site could have so many");
  }
  section.Integer<std::uint32_t>("reserved_percent", config.reserved_percent, {0, 90});
  section.Integer<std::size_t>("mails_per_site", config.mails_per_site, {1, 100'000});
  section.Integer<std::size_t>("messages_per_connection", config.messages_per_connection, {1, 1'000'000});
  section.Integer<std::size_t>("recipients_per_transaction", config.recipients_per_transaction, {1, 1'000});
  section.Integer<std::size_t>("addresses_per_attempt", config.addresses_per_attempt, {1, 20});
  section.Bytes("chunking_from", config.chunking_from, {ByteCount{0}, GiB(1)});
  section.Duration("idle_timeout", config.idle_timeout, {milliseconds(0), minutes(5)});
  section.Duration("connection_max_age", config.connection_max_age,
                   {std::chrono::seconds(1), std::chrono::hours(24)});
  config.sites = ReadSiteRules(section, config.connections);
  section.Duration("max_wait", config.max_wait, {milliseconds(10), minutes(10)});
  section.Duration("attempt_timeout", config.attempt_timeout, {milliseconds(10), minutes(60)});
  section.Duration("connect_timeout", config.connect_timeout, {milliseconds(10), minutes(5)});
  section.Duration("failed_site_pause", config.failed_site_pause, {milliseconds(0), minutes(60)});
  section.Integer<std::uint32_t>("time_limit_percent", config.time_limit_percent, {1, 1'000});
  section.Duration("follow_limit", config.follow_limit, {milliseconds(0), minutes(1)});
}

}  // namespace goniec::outbound
