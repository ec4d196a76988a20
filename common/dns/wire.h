// The few record formats that mail needs, from the bytes that a resolver hands over (RFC 1035 §3.3, RFC 3596
// §2.2; uncompressed, as libunbound returns them), and the combination of two families' answers into one.
// Pure functions: thread-safe. Bytes that do not parse give nothing, never an error: a broken record is as
// good as none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/dns/resolver.h"

namespace goniec::dns {

inline constexpr int kTypeA = 1;
inline constexpr int kTypeMx = 15;
inline constexpr int kTypeAaaa = 28;

// Lower case, without the trailing dot.
std::string NormalName(std::string_view name);

// True for what may be asked for: 1 to 253 bytes of letters, digits, '-', '_' in labels of 1 to 63.
bool IsHostName(std::string_view name);

// An uncompressed name that is all of `wire`. Bytes that no host name has are shown as \DDD, so that
// IsHostName() refuses them later.
std::optional<std::string> ParseName(std::string_view wire);
std::optional<MxRecord> ParseMx(std::string_view rdata);
// `type` is kTypeA or kTypeAaaa.
std::optional<net::IpAddress> ParseAddress(int type, std::string_view rdata);

// Either may be missing (nullptr), not both.
AddressAnswer Combine(const AddressAnswer* ipv4, const AddressAnswer* ipv6);

}  // namespace goniec::dns
