#include "inbound/policy/relay_policy.h"

#include <array>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/smtp/replies.h"

namespace goniec::inbound {
namespace {

// Shorter prefixes hold a large part of the internet. fc00::/7 (all private IPv6) is the widest sensible one.
constexpr int kShortestV4Prefix = 8;
constexpr int kShortestV6Prefix = 7;

// Top-level names that only private networks have (RFC 6761, RFC 6762, ICANN's .internal), so "*.test" is no
// mistake.
bool IsPrivateTopLevel(std::string_view name) {
  constexpr std::array<std::string_view, 7> kPrivate = {"test",  "example",  "invalid", "localhost",
                                                        "local", "internal", "lan"};
  for (const std::string_view known : kPrivate) {
    if (name == known) return true;
  }
  return false;
}

// What some mail servers take for a further hop once the domain is theirs: user%other@here, other!user@here,
// "user@other"@here (RFC 5321 §4.1.2 leaves the local part to the domain's owner; a relay's only chance to
// protect one that still obeys them is here).
bool HasRouteInLocalPart(const smtp::Mailbox& mailbox) {
  return mailbox.UnquotedLocal().find_first_of("%!@") != std::string::npos;
}

absl::Status Bad(const char* setting, const std::string& entry, std::string_view why) {
  return absl::InvalidArgumentError(std::string(setting) + ": \"" + Printable(entry) +
                                    "\": " + std::string(why));
}

}  // namespace

absl::StatusOr<RelayPolicy> RelayPolicy::Create(const RelayRules& rules) {
  RelayPolicy policy;
  for (const std::string& domain : rules.domains) GONIEC_RETURN_IF_ERROR(policy.AddDomain(domain));
  for (const std::string& network : rules.trusted_networks)
    GONIEC_RETURN_IF_ERROR(policy.AddNetwork(network));
  return policy;
}

absl::Status RelayPolicy::AddDomain(const std::string& text) {
  constexpr const char* kSetting = "relay domain";
  constexpr std::string_view kWildcard = "*.";
  if (text == "*") return Bad(kSetting, text, "would relay for everybody to everywhere");
  const bool wildcard = std::string_view(text).substr(0, kWildcard.size()) == kWildcard;
  absl::StatusOr<smtp::Domain> domain =
      smtp::ParseDomain(std::string_view(text).substr(wildcard ? kWildcard.size() : 0));
  if (!domain.ok()) return Bad(kSetting, text, Message(domain.status()));
  if (wildcard && (domain->IsLiteral() ||
                   (domain->ascii.find('.') == std::string::npos && !IsPrivateTopLevel(domain->ascii)))) {
    return Bad(kSetting, text, "would relay to a whole top-level domain");
  }
  (wildcard ? parents_ : exact_).insert(std::move(domain->ascii));
  return absl::OkStatus();
}

absl::Status RelayPolicy::AddNetwork(const std::string& text) {
  constexpr const char* kSetting = "trusted network";
  absl::StatusOr<net::Network> network = net::Network::Parse(text);
  if (!network.ok()) return WithContext(network.status(), kSetting);
  if (network->prefix() < (network->IsV4() ? kShortestV4Prefix : kShortestV6Prefix)) {
    return Bad(kSetting, text, "so large a network would make an open relay");
  }
  trusted_.Add(*network);
  return absl::OkStatus();
}

bool RelayPolicy::IsTrusted(const net::IpAddress& address) const {
  return trusted_.Contains(address);
}

bool RelayPolicy::IsRelayDomain(const smtp::Domain& domain) const {
  if (domain.empty()) return false;
  if (exact_.contains(domain.ascii)) return true;
  if (domain.IsLiteral() || parents_.empty()) return false;
  std::string_view name = domain.ascii;
  for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    name.remove_prefix(dot + 1);
    if (parents_.contains(ToAbsl(name))) return true;
  }
  return false;
}

std::optional<smtp::Reply> RelayPolicy::CheckSender(const PeerInfo& /*peer*/,
                                                    const smtp::Path& /*path*/) const {
  // Who may say which sender is for authentication to judge; relaying depends on the recipient alone.
  return std::nullopt;
}

std::optional<smtp::Reply> RelayPolicy::CheckRecipient(const PeerInfo& peer, const smtp::Path& path) const {
  if (path.mailbox.domain.kind == smtp::Domain::Kind::kGeneral)
    return smtp::Reply(smtp::replies::kUnroutableLiteral);
  // RFC 5321 §F.2: the route of a source-routed address is never followed; who may relay gets the last hop
  // only.
  if (IsTrusted(peer.address)) return std::nullopt;
  if (!IsRelayDomain(path.mailbox.domain)) return smtp::Reply(smtp::replies::kRelayDenied);
  if (!path.source_route.empty() || HasRouteInLocalPart(path.mailbox)) {
    return smtp::Reply(smtp::replies::kRoutedAddressDenied);
  }
  return std::nullopt;
}

}  // namespace goniec::inbound
