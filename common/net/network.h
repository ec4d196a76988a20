// IP networks, as policy and routing compare addresses with them. Values; pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/ip_address.h"

namespace goniec::net {

// A network: "10.0.0.0/8", "2001:db8::/32", or a lone address.
class Network {
 public:
  // Bits beyond the prefix must be zero; the error proposes the network that was meant.
  static absl::StatusOr<Network> Parse(std::string_view text);
  // An IPv4 address is in IPv4 networks only: "::/0" is all of IPv6.
  [[nodiscard]] bool Contains(const IpAddress& ip) const;
  [[nodiscard]] bool IsV4() const;
  // 0 to 32 of an IPv4 network, 0 to 128 of an IPv6 one.
  [[nodiscard]] int prefix() const { return IsV4() ? prefix_ - kV4Offset : prefix_; }
  [[nodiscard]] std::string ToString() const;

 private:
  // Of the 128-bit form, in which an IPv4 address is the mapped IPv6 one.
  static constexpr int kV4Offset = 96;

  Network(IpAddress base, int prefix) : base_(base), prefix_(prefix) {}
  IpAddress base_;
  int prefix_;  // of the 128-bit form
};

class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(std::vector<Network> networks) : networks_(std::move(networks)) {}
  static absl::StatusOr<NetworkSet> Parse(const std::vector<std::string>& networks);
  void Add(const Network& network) { networks_.push_back(network); }
  [[nodiscard]] bool Contains(const IpAddress& ip) const;
  [[nodiscard]] bool empty() const { return networks_.empty(); }
  [[nodiscard]] const std::vector<Network>& networks() const { return networks_; }

 private:
  std::vector<Network> networks_;
};

}  // namespace goniec::net
