#include "common/dns/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/text.h"

namespace goniec::dns {
namespace {

constexpr size_t kMaxName = 253;
constexpr size_t kMaxLabel = 63;

bool IsHostCharacter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

void AppendLabel(std::string_view label, std::string& name) {
  for (const char byte : label) {
    const auto c = static_cast<unsigned char>(byte);
    if (IsHostCharacter(c)) {
      name += byte;
    } else {
      name += {'\\', static_cast<char>('0' + c / 100), static_cast<char>('0' + c / 10 % 10),
               static_cast<char>('0' + c % 10)};
    }
  }
}

// The answer that says more about the name wins when neither has addresses: a failure might hide some.
AddressAnswer Stronger(const AddressAnswer& a, const AddressAnswer& b) {
  if (a.result == Result::kTemporary) return a;
  if (b.result == Result::kTemporary) return b;
  if (a.result == Result::kNotAsked) return a;
  if (b.result == Result::kNotAsked) return b;
  return a.result == Result::kNoDomain ? a : b;
}

}  // namespace

std::string NormalName(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return AsciiLower(name);
}

bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!IsHostCharacter(static_cast<unsigned char>(c)) || ++label > kMaxLabel) {
      return false;
    }
  }
  return label > 0;
}

std::optional<std::string> ParseName(std::string_view wire) {
  std::string name;
  while (!wire.empty()) {
    const auto length = static_cast<unsigned char>(wire[0]);
    wire.remove_prefix(1);
    if (length == 0) return wire.empty() ? std::optional(AsciiLower(name)) : std::nullopt;
    if (length > kMaxLabel || length > wire.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    AppendLabel(wire.substr(0, length), name);
    wire.remove_prefix(length);
  }
  return std::nullopt;
}

std::optional<MxRecord> ParseMx(std::string_view rdata) {
  if (rdata.size() < 3) return std::nullopt;
  std::optional<std::string> exchange = ParseName(rdata.substr(2));
  if (!exchange) return std::nullopt;
  const auto preference = static_cast<std::uint16_t>((static_cast<unsigned char>(rdata[0]) << 8) |
                                                     static_cast<unsigned char>(rdata[1]));
  return MxRecord{preference, std::move(*exchange)};
}

std::optional<net::IpAddress> ParseAddress(int type, std::string_view rdata) {
  if (type == kTypeA) {
    std::array<std::uint8_t, 4> bytes;
    if (rdata.size() != bytes.size()) return std::nullopt;
    std::memcpy(bytes.data(), rdata.data(), bytes.size());
    return net::IpAddress::V4(bytes);
  }
  std::array<std::uint8_t, 16> bytes;
  if (type != kTypeAaaa || rdata.size() != bytes.size()) return std::nullopt;
  std::memcpy(bytes.data(), rdata.data(), bytes.size());
  return net::IpAddress::V6(bytes);
}

AddressAnswer Combine(const AddressAnswer* ipv4, const AddressAnswer* ipv6) {
  if (ipv4 == nullptr || ipv6 == nullptr) return ipv4 == nullptr ? *ipv6 : *ipv4;
  const bool found4 = ipv4->result == Result::kFound;
  const bool found6 = ipv6->result == Result::kFound;
  if (!found4 && !found6) return Stronger(*ipv4, *ipv6);
  if (found4 != found6) return found4 ? *ipv4 : *ipv6;
  AddressAnswer both = *ipv4;
  both.addresses.insert(both.addresses.end(), ipv6->addresses.begin(), ipv6->addresses.end());
  both.ttl = std::min(ipv4->ttl, ipv6->ttl);
  both.secure = ipv4->secure && ipv6->secure;
  return both;
}

}  // namespace goniec::dns
