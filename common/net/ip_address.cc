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

std::string IpAddress::ToLiteral() const {
  return absl::StrCat(IsV4() ? "[" : "[IPv6:", ToString(), "]");
}

IpAddress ClientNetwork(const IpAddress& ip) {
  if (ip.IsV4()) return ip;
  auto bytes = ip.bytes();
  for (size_t i = 8; i < bytes.size(); ++i) bytes[i] = 0;
  return IpAddress::V6(bytes);
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
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!ip.has_value() || error != std::errc() || stop != digits.data() + digits.size()) return wrong();
  if (bracketed != (host.find(':') != std::string_view::npos)) return wrong();
  return Endpoint{*ip, port};
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
