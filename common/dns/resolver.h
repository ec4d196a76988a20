// What routing asks of the DNS: MX records of a domain and addresses of a host. Implemented by
// UnboundResolver and, in tests, by a fake. It does not decide what an answer means for a mail (see
// outbound/route), and does not filter addresses. Implementations are thread-safe: a lookup may be awaited
// from any executor and resumes on it.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.h"

namespace goniec::dns {

// Names, wherever they appear here: lower case, no trailing dot. The root (RFC 7505's null MX) is empty.

enum class Result {
  kFound,      // there are records
  kNoData,     // the name exists, but has no records of this type
  kNoDomain,   // NXDOMAIN, or a name that cannot exist (a label over 63 bytes, a character no host may have)
  kTemporary,  // asked, and no answer that counts: timeout, SERVFAIL, failed validation; ask again later
  kNotAsked,   // nobody was asked: our own limits, our own stop; says nothing about the name
};
std::string_view ToString(Result result);

struct Answer {
  Result result = Result::kTemporary;
  // How long the answer holds. Zero when temporary or not asked.
  std::chrono::seconds ttl{0};
  // Validated by DNSSEC down from a trust anchor. Always false without a trust anchor.
  bool secure = false;
  // The name at the end of the CNAME chain; the name that was asked for when there is none.
  std::string canonical_name;
  // Of what is temporary or was not asked: why, for the log and the outcome. Holds no bytes of a peer that
  // are not printable.
  std::string reason;
};

struct MxRecord {
  std::uint16_t preference = 0;
  std::string exchange;
  friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

struct MxAnswer : Answer {
  // In the order of the answer: not sorted.
  std::vector<MxRecord> records;
};

struct AddressAnswer : Answer {
  // IPv4 before IPv6, otherwise in the order of the answer.
  std::vector<net::IpAddress> addresses;
};

enum class Families { kBoth, kIPv4, kIPv6 };

class Resolver {
 public:
  virtual ~Resolver() = default;

  // `domain` in A-label form. CNAMEs are followed (RFC 5321 §5.1). No data says nothing about addresses.
  virtual asio::awaitable<MxAnswer> LookupMx(std::string domain) = 0;
  // Both families are asked for at once; found as soon as one of them has addresses, even if the other
  // failed.
  virtual asio::awaitable<AddressAnswer> LookupAddresses(std::string host, Families families) = 0;
};

}  // namespace goniec::dns
