// The pure part of routing by MX records (RFC 5321 §5.1): which hosts count, in which groups, under which
// key, and in which order their addresses are tried. Used by Router only. Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/dns/resolver.h"
#include "common/net/ip_address.h"
#include "outbound/route/route.h"

namespace goniec::outbound {

// A uniform number below n (n > 0). Must be thread-safe.
using Choose = std::function<size_t(size_t n)>;
Choose ChooseAtRandom();

// More hosts than this are not looked at: an MX set costs look-ups that its owner chooses. Large providers
// have 5.
inline constexpr size_t kMaxHosts = 20;

struct MxHosts {
  // Groups of equal preference, the best first; no host is in two of them.
  std::vector<std::vector<std::string>> groups;
  // RFC 7505: the domain says that it takes no mail.
  bool null_mx = false;
  // A record named one of our own hosts: it and what is not better was left out.
  bool cut_at_ourselves = false;

  [[nodiscard]] std::vector<std::string> All() const;
};
MxHosts SelectHosts(std::vector<dns::MxRecord> records, const absl::flat_hash_set<std::string>& own_hosts);

// The site's key; see Route::site.
std::string MxSite(std::vector<std::string> hosts, std::uint16_t port);

struct HostAddresses {
  std::string host;
  std::vector<net::IpAddress> addresses;
};
// The addresses of hosts of one preference: hosts in random order take turns, one address each, so that a few
// attempts reach many hosts; each host alternates its families, and neighbours begin with different ones, so
// that a family that does not get through costs half of the attempts and no more.
std::vector<Candidate> OrderCandidates(std::vector<HostAddresses> hosts, std::uint16_t port,
                                       const Choose& choose);

// At most `limit` of the candidates, in their order, and of each host as many as of any other: so no host's
// addresses, however many, hide those of the hosts behind it. With fewer places than hosts, the first get
// one.
std::vector<Candidate> SomeOfEachHost(const std::vector<Candidate>& candidates, size_t limit);

}  // namespace goniec::outbound
