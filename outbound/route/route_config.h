// The keys of section `delivery` that routing reads (the others are DeliverConfig's).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/dns/resolver.h"
#include "common/net/ip_address.h"
#include "common/net/network.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

// Where a configured route sends mail: "relay.example", "relay.example:587", "192.0.2.1:25",
// "[2001:db8::1]:25".
struct SmartHost {
  // Lower case, A-labels; or an address without brackets. Empty: none, the domain's own MX records count.
  std::string host;
  std::uint16_t port = 25;
};
absl::StatusOr<SmartHost> ParseSmartHost(std::string_view text, std::uint16_t default_port);

struct DomainRoute {
  // "example.com", "*.example.com" (any name below it, not itself) or "*" (all else, address literals
  // included).
  std::string pattern;
  // delivery.routes.PATTERN.smart_host: default none, that is, the domain's own MX records, whatever a wider
  // pattern says. Its port is delivery.smtp_port unless it names one.
  SmartHost smart_host;
  // delivery.routes.PATTERN.mx: true: look up the MX records of smart_host. False: connect to smart_host
  // itself.
  bool mx = false;
};

struct RouteConfig {
  // delivery.smtp_port: where MX hosts listen. Other than 25 for tests only. 1 to 65535.
  std::uint16_t smtp_port = 25;
  // delivery.address_families: both, ipv4 or ipv6.
  dns::Families families = dns::Families::kBoth;
  // delivery.allow_networks: special networks (private, loopback, …) to which the DNS and address literals
  // may lead mail all the same. Default none: else anyone who can send mail could reach services inside.
  // Smart hosts are exempt.
  net::NetworkSet allow_networks;
  // delivery.own_hosts: names of this mail system. An MX record that names one of them, and those with the
  // same or a higher preference number, are not used (RFC 5321 §5.1); mail with no other way is refused as a
  // loop. Default none.
  std::vector<std::string> own_hosts;
  // delivery.own_addresses: its addresses, for example of the load balancer; the interfaces' addresses of
  // this machine count without being named. Default none.
  std::vector<net::IpAddress> own_addresses;
  // delivery.routes: the most specific pattern counts. Default none: all by MX records.
  std::vector<DomainRoute> routes;
};

// Problems are reported through the section (see common/config).
RouteConfig ReadRouteConfig(const config::Section& delivery);

}  // namespace goniec::outbound
