// The settings of delivery by SMTP: section `delivery` of goniec-outbound's configuration, without the keys
// of routing (outbound/route). Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/units.h"
#include "outbound/site/site_rules.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

struct SessionConfig;

enum class TlsMode { kOff, kOpportunistic };

struct DeliverConfig {
  // delivery.helo: the name in EHLO. Receivers want it to resolve to this host. Default: the host's name.
  std::string helo;
  // delivery.tls: opportunistic (STARTTLS when it is offered, any certificate, plain text if the handshake
  // fails) or off.
  TlsMode tls = TlsMode::kOpportunistic;

  // delivery.connections_per_site: open connections to one site, of all workers together. 1 to 1000.
  std::size_t connections_per_site = 20;
  // delivery.connections: open connections in all. 1 to 60000.
  std::size_t connections = 1000;
  // delivery.reserved_percent: the part of `connections` that is kept for sites which took mail in the last
  // ten minutes and where nothing takes longer than max_wait at the moment. 0 to 90.
  std::uint32_t reserved_percent = 20;
  // delivery.mails_per_site: mails that wait in hand for one site at most, unless it works them off in half
  // of max_wait; as few as a quarter of worker.slots that other sites leave. Further ones go to the site's
  // shelf. 1 to 100000.
  std::size_t mails_per_site = 100;
  // What may wait in hand in all: the slots of section `worker`, set when the configuration is read.
  std::size_t slots = 1000;
  // delivery.messages_per_connection: transactions on one connection, after which it is closed. 1 to 1000000.
  std::size_t messages_per_connection = 500;
  // delivery.recipients_per_transaction: RFC 5321 §4.5.3.1.8 promises 100. 1 to 1000.
  std::size_t recipients_per_transaction = 100;
  // delivery.addresses_per_attempt: addresses of a site that are tried before the attempt has failed, some of
  // each host. A route keeps up to 20 to choose from. 1 to 20.
  std::size_t addresses_per_attempt = 5;
  // delivery.chunking_from: bodies of this size and larger go by BDAT where it is offered (RFC 3030), at a
  // mail's first attempt; where it fails, by DATA at once. 0B to 1GiB.
  ByteCount chunking_from = KiB(256);

  // delivery.idle_timeout: how long a connection without work is kept. 0ms to 5m.
  std::chrono::milliseconds idle_timeout{4'000};
  // delivery.connection_max_age: after that a connection takes no more mail. 1s to 1d.
  std::chrono::milliseconds connection_max_age{5 * 60'000};
  // delivery.sites: other limits for some sites (site/site_rules.h).
  std::vector<SiteRule> sites;
  // delivery.max_wait: how long a job may wait in hand before it starts; then it is moved. 10ms to 10m.
  std::chrono::milliseconds max_wait{5'000};
  // delivery.attempt_timeout: time for finding an address that greets, over all that are tried. 10ms to 1h.
  std::chrono::milliseconds attempt_timeout{15 * 60'000};
  // delivery.connect_timeout: TCP connect to one address. 10ms to 5m.
  std::chrono::milliseconds connect_timeout{30'000};
  // delivery.failed_site_pause: how long a site that could not be connected is not tried again; doubles with
  // each failure in a row up to ten times as much. 0ms to 1h.
  std::chrono::milliseconds failed_site_pause{30'000};
  // delivery.time_limit_percent: scales the time limits of the protocol (RFC 5321 §4.5.3.2). 1 to 1000.
  std::uint32_t time_limit_percent = 100;
  // delivery.follow_limit: the next transaction is sent behind the end of data of the one before only where
  // the peer took less than this to accept a message; behind a slow peer mails would wait in line. 0ms
  // (never) to 1m.
  std::chrono::milliseconds follow_limit{1'000};
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadDeliverConfig(config::Section section, DeliverConfig& config);

// With the host's name for `helo`, if it is empty.
DeliverConfig WithHelo(DeliverConfig config);
// Those of one site, by Route::site.
SiteLimits LimitsOf(const DeliverConfig& config, std::string_view site);
// What a session needs of it.
SessionConfig SessionConfigOf(const DeliverConfig& config, bool tls);

}  // namespace goniec::outbound
