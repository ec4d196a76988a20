#include "common/net/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::net {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

// `bytes` with all bits after the first `prefix` cleared.
std::array<uint8_t, 16> Masked(std::array<uint8_t, 16> bytes, int prefix) {
  for (int i = 0; i < 16; ++i) {
    const int bits = std::clamp(prefix - 8 * i, 0, 8);
    const auto mask = static_cast<uint8_t>(0xFF00 >> bits);
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(bytes[static_cast<size_t>(i)] & mask);
  }
  return bytes;
}

std::optional<int> ParseDecimal(std::string_view text, int max) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.front() == '-' || value > max)
    return {};
  return value;
}

}  // namespace

IpAddress IpAddress::V4(std::array<uint8_t, 4> bytes) {
  IpAddress ip;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin() + 12);
  return ip;
}

IpAddress IpAddress::V6(std::array<uint8_t, 16> bytes) {
  IpAddress ip;
  ip.bytes_ = bytes;
  return ip;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return {};
  char zero_terminated[INET6_ADDRSTRLEN];
  std::memcpy(zero_terminated, text.data(), text.size());
  zero_terminated[text.size()] = '\0';
  if (std::strlen(zero_terminated) != text.size()) return {};
  if (std::array<uint8_t, 4> v4{}; inet_pton(AF_INET, zero_terminated, v4.data()) == 1) return V4(v4);
  if (std::array<uint8_t, 16> v6{}; inet_pton(AF_INET6, zero_terminated, v6.data()) == 1) return V6(v6);
  return {};
}

bool IpAddress::IsV4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (IsV4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

IpAddress ClientNetwork(const IpAddress& ip) {
  if (ip.IsV4()) return ip;
  auto bytes = ip.bytes();
  for (size_t i = 8; i < bytes.size(); ++i) bytes[i] = 0;
  return IpAddress::V6(bytes);
}

absl::StatusOr<Cidr> Cidr::Parse(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text, 80), "\" ", ToAbsl(why)));
  };
  const size_t slash = text.find('/');
  const auto ip = IpAddress::Parse(text.substr(0, slash));
  if (!ip.has_value()) return wrong("is not a network; use for example 10.0.0.0/8 or 2001:db8::/32");
  // What was written decides how the prefix counts: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const bool v4_notation = text.substr(0, slash).find(':') == std::string_view::npos;
  const int offset = v4_notation ? kMappedBits : 0;
  int prefix = 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto parsed = digits.empty() ? std::nullopt : ParseDecimal(digits, 128 - offset);
    if (!parsed.has_value())
      return wrong(absl::StrCat("must end with a prefix length of 0 to ", 128 - offset));
    prefix = *parsed + offset;
  }
  const Cidr network(IpAddress::V6(Masked(ip->bytes(), prefix)), prefix);
  if (network.network_ != *ip) {
    return wrong(absl::StrCat("has bits set after its prefix; did you mean ", network.ToString(), "?"));
  }
  return network;
}

bool Cidr::IsV4() const {
  return network_.IsV4() && prefix_ >= kMappedBits;
}

bool Cidr::Contains(const IpAddress& ip) const {
  return ip.IsV4() == IsV4() && Masked(ip.bytes(), prefix_) == network_.bytes();
}

std::string Cidr::ToString() const {
  return absl::StrCat(network_.ToString(), "/", IsV4() ? prefix_ - kMappedBits : prefix_);
}

absl::StatusOr<CidrSet> CidrSet::Parse(const std::vector<std::string>& networks) {
  CidrSet set;
  for (const std::string& text : networks) {
    auto network = Cidr::Parse(text);
    if (!network.ok()) return network.status();
    set.networks_.push_back(*std::move(network));
  }
  return set;
}

bool CidrSet::Contains(const IpAddress& ip) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Cidr& network) { return network.Contains(ip); });
}

absl::StatusOr<Endpoint> Endpoint::Parse(std::string_view text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, 80),
                     "\" is not an address with a port; use for example 127.0.0.1:25 "
                     "or [::1]:25"));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return wrong();
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto ip = IpAddress::Parse(host);
  const auto port = ParseDecimal(text.substr(colon + 1), 65535);
  if (!ip.has_value() || !port.has_value()) return wrong();
  if (bracketed != (host.find(':') != std::string_view::npos)) return wrong();
  return Endpoint{*ip, static_cast<uint16_t>(*port)};
}

std::string Endpoint::ToString() const {
  return ip.IsV4() ? absl::StrCat(ip.ToString(), ":", port) : absl::StrCat("[", ip.ToString(), "]:", port);
}

socklen_t ToSockaddr(const Endpoint& endpoint, sockaddr_storage& out) {
  out = {};
  if (endpoint.ip.IsV4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.ip.v4_bytes().data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.ip.bytes().data(), 16);
  return sizeof v6;
}

Endpoint FromSockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, 4);
    return {IpAddress::V4(bytes), ntohs(v4.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, 16);
    return {IpAddress::V6(bytes), ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace goniec::net
