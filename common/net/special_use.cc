// The IANA special-purpose address registries (RFC 6890 and its updates), as far as mail must not be sent
// there.
#include <array>

#include "common/net/ip_address.h"
#include "common/net/network.h"

namespace goniec::net {
namespace {

struct Special {
  std::string_view network;
  std::string_view use;
};

// The first that matches names the use, so narrower networks stand before wider ones.
constexpr std::array kSpecial = {
    Special{"0.0.0.0/8", "unspecified"},          // RFC 791 §3.2
    Special{"10.0.0.0/8", "private"},             // RFC 1918
    Special{"100.64.0.0/10", "shared (CGNAT)"},   // RFC 6598
    Special{"127.0.0.0/8", "loopback"},           // RFC 1122 §3.2.1.3
    Special{"169.254.0.0/16", "link-local"},      // RFC 3927
    Special{"172.16.0.0/12", "private"},          // RFC 1918
    Special{"192.0.0.0/24", "reserved"},          // RFC 6890 §2.1
    Special{"192.0.2.0/24", "documentation"},     // RFC 5737
    Special{"192.88.99.0/24", "reserved"},        // RFC 7526
    Special{"192.168.0.0/16", "private"},         // RFC 1918
    Special{"198.18.0.0/15", "benchmarking"},     // RFC 2544
    Special{"198.51.100.0/24", "documentation"},  // RFC 5737
    Special{"203.0.113.0/24", "documentation"},   // RFC 5737
    Special{"224.0.0.0/4", "multicast"},          // RFC 5771
    Special{"240.0.0.0/4", "reserved"},           // RFC 1112 §4, broadcast included
    Special{"::/128", "unspecified"},             // RFC 4291
    Special{"::1/128", "loopback"},               // RFC 4291
    Special{"64:ff9b:1::/48", "private"},         // RFC 8215
    Special{"100::/64", "reserved"},              // RFC 6666, discard-only
    Special{"2001:2::/48", "benchmarking"},       // RFC 5180
    Special{"2001:db8::/32", "documentation"},    // RFC 3849
    Special{"2001::/23", "reserved"},             // RFC 2928; Teredo and ORCHID among them
    Special{"3fff::/20", "documentation"},        // RFC 9637
    Special{"5f00::/16", "reserved"},             // RFC 9602
    Special{"fc00::/7", "unique local"},          // RFC 4193
    Special{"fe80::/10", "link-local"},           // RFC 4291
    Special{"fec0::/10", "reserved"},             // RFC 3879, once site-local
    Special{"ff00::/8", "multicast"},             // RFC 4291
};

struct Entry {
  Network network;
  std::string_view use;
};

const std::vector<Entry>& Entries() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> all;
    all.reserve(std::size(kSpecial));
    for (const Special& special : kSpecial)
      all.push_back({Network::Parse(special.network).value(), special.use});
    return all;
  }();
  return entries;
}

// The IPv4 address that a transition address leads to: NAT64 (RFC 6052) and 6to4 (RFC 3056).
std::optional<IpAddress> Embedded(const IpAddress& ip) {
  static const Network nat64 = Network::Parse("64:ff9b::/96").value();
  static const Network six_to_four = Network::Parse("2002::/16").value();
  const auto& b = ip.bytes();
  if (nat64.Contains(ip)) return IpAddress::V4({b[12], b[13], b[14], b[15]});
  if (six_to_four.Contains(ip)) return IpAddress::V4({b[2], b[3], b[4], b[5]});
  return {};
}

}  // namespace

std::optional<std::string_view> SpecialUse(const IpAddress& ip) {
  for (const Entry& entry : Entries()) {
    if (entry.network.Contains(ip)) return entry.use;
  }
  if (const auto v4 = Embedded(ip)) return SpecialUse(*v4);
  // ::a.b.c.d, the deprecated IPv4-compatible form (RFC 4291 §2.5.5.1), leads nowhere.
  static const Network compatible = Network::Parse("::/96").value();
  if (compatible.Contains(ip)) return "reserved";
  return {};
}

}  // namespace goniec::net
