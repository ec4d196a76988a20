#include "outbound/route/mx_hosts.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/dns/wire.h"

namespace goniec::outbound {
namespace {

template <typename T>
void Shuffle(std::vector<T>& items, const Choose& choose) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[choose(i)]);
}

// A, A, B, B becomes A, B, A, B, beginning with the family that is asked for.
std::vector<net::IpAddress> Alternate(const std::vector<net::IpAddress>& addresses, bool ipv4_first) {
  std::vector<net::IpAddress> first;
  std::vector<net::IpAddress> second;
  for (const net::IpAddress& ip : addresses) (ip.IsV4() == ipv4_first ? first : second).push_back(ip);
  std::vector<net::IpAddress> mixed;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

}  // namespace

Choose ChooseAtRandom() {
  return [](size_t n) {
    thread_local std::minstd_rand engine{std::random_device{}()};
    return std::uniform_int_distribution<size_t>(0, n - 1)(engine);
  };
}

std::vector<std::string> MxHosts::All() const {
  std::vector<std::string> all;
  for (const auto& group : groups) all.insert(all.end(), group.begin(), group.end());
  return all;
}

MxHosts SelectHosts(std::vector<dns::MxRecord> records, const absl::flat_hash_set<std::string>& own_hosts) {
  MxHosts selected;
  // RFC 7505 §3: a null MX stands alone; beside others the root is merely a name that is no host.
  if (records.size() == 1 && records[0].exchange.empty()) {
    selected.null_mx = true;
    return selected;
  }
  std::erase_if(records, [](const dns::MxRecord& record) { return !dns::IsHostName(record.exchange); });
  // By name inside a preference, so that every process cuts a long set at the same place and gets the same
  // site.
  std::sort(records.begin(), records.end(), [](const dns::MxRecord& a, const dns::MxRecord& b) {
    return std::pair(a.preference, std::string_view(a.exchange)) <
           std::pair(b.preference, std::string_view(b.exchange));
  });
  const auto ourselves = std::find_if(records.begin(), records.end(), [&](const dns::MxRecord& record) {
    return own_hosts.contains(record.exchange);
  });
  if (ourselves != records.end()) {
    selected.cut_at_ourselves = true;
    const std::uint16_t ours = ourselves->preference;
    std::erase_if(records, [ours](const dns::MxRecord& record) { return record.preference >= ours; });
  }
  absl::flat_hash_set<std::string> seen;
  int last_preference = -1;
  for (dns::MxRecord& record : records) {
    if (seen.size() == kMaxHosts) break;
    if (!seen.insert(record.exchange).second) continue;
    if (record.preference != last_preference) selected.groups.emplace_back();
    last_preference = record.preference;
    selected.groups.back().push_back(std::move(record.exchange));
  }
  return selected;
}

std::string MxSite(std::vector<std::string> hosts, std::uint16_t port) {
  std::sort(hosts.begin(), hosts.end());
  return absl::StrCat("mx:", absl::StrJoin(hosts, ","), ":", port);
}

std::vector<Candidate> OrderCandidates(std::vector<HostAddresses> hosts, std::uint16_t port,
                                       const Choose& choose) {
  Shuffle(hosts, choose);
  size_t most = 0;
  bool ipv4_first = true;
  for (HostAddresses& host : hosts) {
    Shuffle(host.addresses, choose);
    host.addresses = Alternate(host.addresses, ipv4_first);
    ipv4_first = !ipv4_first;
    most = std::max(most, host.addresses.size());
  }
  std::vector<Candidate> ordered;
  for (size_t turn = 0; turn < most; ++turn) {
    for (const HostAddresses& host : hosts) {
      if (turn < host.addresses.size()) ordered.push_back({{host.addresses[turn], port}, host.host});
    }
  }
  return ordered;
}

std::vector<Candidate> SomeOfEachHost(const std::vector<Candidate>& candidates, size_t limit) {
  if (candidates.size() <= limit) return candidates;
  // In rounds: each host's first, then each host's second …; the order among those taken stays.
  std::vector<bool> taken(candidates.size(), false);
  size_t places = limit;
  for (size_t round = 1; places > 0; ++round) {
    absl::flat_hash_map<std::string_view, size_t> seen;
    for (size_t i = 0; i < candidates.size() && places > 0; ++i) {
      if (++seen[candidates[i].host] != round) continue;
      taken[i] = true;
      --places;
    }
  }
  std::vector<Candidate> some;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (taken[i]) some.push_back(candidates[i]);
  }
  return some;
}

}  // namespace goniec::outbound
