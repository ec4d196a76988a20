// IP addresses, with and without a port, and which of them mail from outside must not be sent to. Used by
// policy, routing and the shells; opens nothing. Networks are in network.h. Values; pure; thread-safe.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::net {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:192.0.2.1) *is* the IPv4 address: it compares
// equal, prints as IPv4 and matches IPv4 networks, so no rule can be passed by the other spelling.
class IpAddress {
 public:
  IpAddress() = default;  // ::
  static IpAddress V4(std::array<uint8_t, 4> bytes);
  static IpAddress V6(std::array<uint8_t, 16> bytes);
  // "192.0.2.1", "2001:db8::1" (no brackets, no scope, no RFC 5321 "IPv6:" tag).
  static std::optional<IpAddress> Parse(std::string_view text);

  [[nodiscard]] bool IsV4() const;
  // The 16 bytes of the IPv6 form; of an IPv4 address the mapped one.
  [[nodiscard]] const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // Only if IsV4().
  [[nodiscard]] std::array<uint8_t, 4> v4_bytes() const {
    return {bytes_[12], bytes_[13], bytes_[14], bytes_[15]};
  }
  [[nodiscard]] std::string ToString() const;
  // As RFC 5321 §4.1.3 writes it: "[192.0.2.1]", "[IPv6:2001:db8::1]".
  [[nodiscard]] std::string ToLiteral() const;

  auto operator<=>(const IpAddress&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& ip) {
    return H::combine(std::move(h), ip.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// What counts as one client: an IPv4 address, or the /64 of an IPv6 one, which is what one customer has.
IpAddress ClientNetwork(const IpAddress& ip);

// Why an address that DNS or a literal gave is no destination on the public internet: "loopback", "private",
// "link-local", "shared (CGNAT)", "unique local", "multicast", "unspecified", "documentation", "reserved".
// Nothing for a public one. IPv4 inside NAT64 and 6to4 addresses is looked at as well (IANA special-purpose
// registries).
std::optional<std::string_view> SpecialUse(const IpAddress& ip);
inline bool IsSpecialUse(const IpAddress& ip) {
  return SpecialUse(ip).has_value();
}

// Address and port.
struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;

  // "127.0.0.1:2525", "[::1]:25". No names.
  static absl::StatusOr<Endpoint> Parse(std::string_view text);
  [[nodiscard]] std::string ToString() const;
  auto operator<=>(const Endpoint&) const = default;
};

// The kernel's form: an IPv4 address as AF_INET. Returns its size.
socklen_t ToSockaddr(const Endpoint& endpoint, sockaddr_storage& out);
// :: and port 0 for what is neither IPv4 nor IPv6.
Endpoint FromSockaddr(const sockaddr_storage& storage);

}  // namespace goniec::net
