// IP addresses and networks in CIDR notation, as the policy compares them. An IPv4-mapped IPv6 address is the
// IPv4 address that it stands for: a dual-stack socket shows IPv4 peers so. Used by the relay policy and the
// session. Values; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::inbound {

class IpAddress {
 public:
  // 0.0.0.0
  IpAddress() = default;
  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; a zone ("%eth0") is dropped.
  static absl::StatusOr<IpAddress> Parse(std::string_view text);

  bool is_v4() const { return v4_; }
  // The shortest usual form.
  std::string ToString() const;
  // As RFC 5321 §4.1.3 writes it: "[192.0.2.1]", "[IPv6:2001:db8::1]".
  std::string ToLiteral() const;

 private:
  friend class Network;
  bool v4_ = true;
  std::array<uint8_t, 16> bytes_{};  // IPv4 uses the first four
};

class Network {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix must be zero: 10.1.2.3/8 is a slip
  // of somebody who meant something else.
  static absl::StatusOr<Network> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;
  int prefix() const { return prefix_; }
  bool is_v4() const { return base_.v4_; }
  std::string ToString() const;

 private:
  IpAddress base_;
  int prefix_ = 0;
};

}  // namespace goniec::inbound
