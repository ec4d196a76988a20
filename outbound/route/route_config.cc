#include "outbound/route/route_config.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/smtp/address.h"

namespace goniec::outbound {
namespace {

constexpr char kForm[] = "\" is no host; use for example relay.example:587, 192.0.2.1:25 or [2001:db8::1]:25";

absl::Status NotAHost(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text), kForm));
}

absl::StatusOr<std::string> ParseName(std::string_view text) {
  // In a file of names for the DNS a final dot is usual; in an address it would be an error.
  const absl::StatusOr<smtp::Domain> domain =
      smtp::ParseDomain(text.substr(0, text.size() - text.ends_with('.')));
  if (!domain.ok() || domain->kind != smtp::Domain::Kind::kName) {
    return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text), "\" is no host name"));
  }
  return domain->ascii;
}

absl::StatusOr<net::IpAddress> ParseIp(std::string_view text) {
  const auto ip = net::IpAddress::Parse(text);
  if (!ip) return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text), "\" is no IP address"));
  return *ip;
}

// "*", "*.name", a name or an address literal.
absl::StatusOr<std::string> ParsePattern(std::string_view text) {
  if (text == "*") return std::string(text);
  const bool below = text.starts_with("*.");
  const absl::StatusOr<smtp::Domain> domain = smtp::ParseDomain(below ? text.substr(2) : text);
  if (!domain.ok() || (below && domain->kind != smtp::Domain::Kind::kName)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text), "\" is no pattern; use example.com, *.example.com or *"));
  }
  return below ? absl::StrCat("*.", domain->ascii) : domain->ascii;
}

void ReadRoutes(const config::Section& delivery, RouteConfig& config) {
  const config::Section section = delivery.Sub("routes");
  for (const auto& [key, entry] : delivery.Entries("routes")) {
    DomainRoute route;
    absl::StatusOr<std::string> pattern = ParsePattern(key);
    if (!pattern.ok()) {
      section.Problem(key, Message(pattern.status()));
      continue;
    }
    route.pattern = *std::move(pattern);
    const auto same = [&](const DomainRoute& other) { return other.pattern == route.pattern; };
    if (std::any_of(config.routes.begin(), config.routes.end(), same)) {
      section.Problem(key, absl::StrCat("is there twice (as ", route.pattern, ")"));
    }
    entry.Parsed("smart_host", route.smart_host,
                 [&](std::string_view text) { return ParseSmartHost(text, config.smtp_port); });
    entry.Flag("mx", route.mx);
    if (route.mx && net::IpAddress::Parse(route.smart_host.host)) {
      entry.Problem("mx", "an address has no MX records; leave mx out, or name a domain as smart_host");
    }
    config.routes.push_back(std::move(route));
  }
}

}  // namespace

absl::StatusOr<SmartHost> ParseSmartHost(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return NotAHost(text);
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || rest.size() == 1)) return NotAHost(text);
    if (!rest.empty()) port = rest.substr(1);
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return NotAHost(text);
  }
  SmartHost parsed{.port = default_port};
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
    if (error != std::errc() || end != port.data() + port.size() || parsed.port == 0) return NotAHost(text);
  }
  if (const auto ip = net::IpAddress::Parse(host)) {
    parsed.host = ip->ToString();
    return parsed;
  }
  absl::StatusOr<std::string> name = ParseName(host);
  if (!name.ok()) return NotAHost(text);
  parsed.host = *std::move(name);
  return parsed;
}

RouteConfig ReadRouteConfig(const config::Section& delivery) {
  RouteConfig config;
  delivery.Integer<std::uint16_t>("smtp_port", config.smtp_port, {1, 65535});
  delivery.Choice<dns::Families>(
      "address_families", config.families,
      {{"both", dns::Families::kBoth}, {"ipv4", dns::Families::kIPv4}, {"ipv6", dns::Families::kIPv6}});
  std::vector<net::Network> networks;
  if (delivery.ParsedList("allow_networks", networks, net::Network::Parse)) {
    config.allow_networks = net::NetworkSet(std::move(networks));
  }
  delivery.ParsedList("own_hosts", config.own_hosts, ParseName);
  delivery.ParsedList("own_addresses", config.own_addresses, ParseIp);
  ReadRoutes(delivery, config);
  return config;
}

}  // namespace goniec::outbound
