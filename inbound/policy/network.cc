#include "inbound/policy/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace goniec::inbound {
namespace {

constexpr int kV4Bits = 32;
constexpr int kV6Bits = 128;
constexpr size_t kMappedPrefixBytes = 12;
constexpr int kMappedPrefixBits = 96;

bool IsMapped(const std::array<uint8_t, 16>& bytes) {
  constexpr std::array<uint8_t, kMappedPrefixBytes> kPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(kPrefix.begin(), kPrefix.end(), bytes.begin());
}

// True if `a` and `b` agree in their first `bits`.
bool SamePrefix(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b, int bits) {
  const int whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int mask = 0xFF << (8 - rest) & 0xFF;
  const auto index = static_cast<size_t>(whole);
  return (a[index] & mask) == (b[index] & mask);
}

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  absl::Status bad = absl::InvalidArgumentError("not an IP address");
  if (text.find('\0') != std::string_view::npos) return bad;
  const std::string plain(text.substr(0, text.find('%')));
  IpAddress address;
  if (inet_pton(AF_INET, plain.c_str(), address.bytes_.data()) == 1) return address;
  if (inet_pton(AF_INET6, plain.c_str(), address.bytes_.data()) != 1) return bad;
  address.v4_ = IsMapped(address.bytes_);
  if (address.v4_) {
    std::copy_n(address.bytes_.begin() + kMappedPrefixBytes, 4, address.bytes_.begin());
    std::fill(address.bytes_.begin() + 4, address.bytes_.end(), uint8_t{0});
  }
  return address;
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> shown{};
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), shown.data(), shown.size());
  return shown.data();
}

std::string IpAddress::ToLiteral() const {
  return (v4_ ? "[" : "[IPv6:") + ToString() + ']';
}

absl::StatusOr<Network> Network::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view base = text.substr(0, slash);
  absl::StatusOr<IpAddress> address = IpAddress::Parse(base);
  if (!address.ok() || base.find('%') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "not a network: an address, or an address, '/' and the prefix's length");
  }
  Network network;
  network.base_ = *address;
  network.prefix_ = address->v4_ ? kV4Bits : kV6Bits;
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const bool mapped = address->v4_ && base.find(':') != std::string_view::npos;
  int prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (mapped) prefix -= kMappedPrefixBits;
  if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '-' || prefix < 0 ||
      prefix > network.prefix_) {
    return absl::InvalidArgumentError("the prefix's length is not one");
  }
  network.prefix_ = prefix;
  const int bits = address->v4_ ? kV4Bits : kV6Bits;
  std::array<uint8_t, 16> rest = network.base_.bytes_;
  for (int bit = 0; bit < prefix; ++bit)
    rest[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  if (!SamePrefix(rest, {}, bits)) {
    return absl::InvalidArgumentError("bits behind the prefix are set; write the network's first address");
  }
  return network;
}

bool Network::Contains(const IpAddress& address) const {
  return address.v4_ == base_.v4_ && SamePrefix(address.bytes_, base_.bytes_, prefix_);
}

std::string Network::ToString() const {
  return base_.ToString() + '/' + std::to_string(prefix_);
}

}  // namespace goniec::inbound
