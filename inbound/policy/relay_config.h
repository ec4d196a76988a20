// Who may send to whom: section `relay` of goniec-inbound's configuration. Values.
#pragma once

#include <string>
#include <vector>

namespace goniec::config {
class Section;
}

namespace goniec::inbound {

struct RelayRules {
  // relay.domains: anybody may send to these. "example.com" alone, "*.example.com" for everything below it.
  // Default: none.
  std::vector<std::string> domains;
  // relay.trusted_networks: these may send to everybody; CIDR. Default: none, not even loopback: service
  // meshes and load balancers present strangers as local addresses.
  std::vector<std::string> trusted_networks;
};

// Reads the keys above; problems are reported through the section (common/config). An entry that RelayPolicy
// would not take is a problem at its line.
void ReadRelayConfig(config::Section section, RelayRules& rules);

}  // namespace goniec::inbound
