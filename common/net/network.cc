#include "common/net/network.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::net {
namespace {

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

absl::StatusOr<Network> Network::Parse(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text, 80), "\" ", ToAbsl(why)));
  };
  const size_t slash = text.find('/');
  const auto ip = IpAddress::Parse(text.substr(0, slash));
  if (!ip.has_value()) return wrong("is not a network; use for example 10.0.0.0/8 or 2001:db8::/32");
  // What was written decides how the prefix counts: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const bool v4_notation = text.substr(0, slash).find(':') == std::string_view::npos;
  const int offset = v4_notation ? kV4Offset : 0;
  int prefix = 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto parsed = digits.empty() ? std::nullopt : ParseDecimal(digits, 128 - offset);
    if (!parsed.has_value())
      return wrong(absl::StrCat("must end with a prefix length of 0 to ", 128 - offset));
    prefix = *parsed + offset;
  }
  const Network network(IpAddress::V6(Masked(ip->bytes(), prefix)), prefix);
  if (network.base_ != *ip) {
    return wrong(absl::StrCat("has bits set after its prefix; did you mean ", network.ToString(), "?"));
  }
  return network;
}

bool Network::IsV4() const {
  return base_.IsV4() && prefix_ >= kV4Offset;
}

bool Network::Contains(const IpAddress& ip) const {
  return ip.IsV4() == IsV4() && Masked(ip.bytes(), prefix_) == base_.bytes();
}

std::string Network::ToString() const {
  return absl::StrCat(base_.ToString(), "/", prefix());
}

absl::StatusOr<NetworkSet> NetworkSet::Parse(const std::vector<std::string>& networks) {
  NetworkSet set;
  for (const std::string& text : networks) {
    auto network = Network::Parse(text);
    if (!network.ok()) return network.status();
    set.Add(*network);
  }
  return set;
}

bool NetworkSet::Contains(const IpAddress& ip) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& network) { return network.Contains(ip); });
}

}  // namespace goniec::net
