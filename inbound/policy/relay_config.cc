#include "inbound/policy/relay_config.h"

#include <string_view>

#include "absl/status/statusor.h"
#include "common/config/document.h"
#include "inbound/policy/relay_policy.h"

namespace goniec::inbound {
namespace {

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

}  // namespace

void ReadRelayConfig(config::Section section, RelayRules& rules) {
  section.ParsedList("domains", rules.domains, ParseRelayDomain);
  section.ParsedList("trusted_networks", rules.trusted_networks, ParseTrustedNetwork);
}

}  // namespace goniec::inbound
