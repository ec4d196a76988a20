#include "outbound/route/router.h"

#include <algorithm>
#include <asio/this_coro.hpp>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "outbound/outcome/outcomes.h"
#include "outbound/route/host_lookups.h"

namespace goniec::outbound {
namespace {

RouteFailure Failure(const OutcomeRow& row, std::initializer_list<std::string_view> values) {
  return {.reason = row.reason,
          .permanent = row.verdict == Verdict::kPermanent,
          .not_tried = row.verdict == Verdict::kNotTried,
          .reply_code = static_cast<int>(row.reply_code),
          .enhanced_code = std::string(row.enhanced_code),
          .text = TextOf(row, values)};
}

RouteFailure DnsFailed(std::string_view name, const dns::Answer& answer) {
  const bool not_asked = answer.result == dns::Result::kNotAsked;
  return Failure(not_asked ? outcomes::kLookupNotMade : outcomes::kLookupFailed,
                 {Printable(name), Printable(answer.reason)});
}

bool Failed(const dns::Answer& answer) {
  return answer.result == dns::Result::kTemporary || answer.result == dns::Result::kNotAsked;
}

RouteFailure Unroutable(std::string_view domain, std::string_view why) {
  return Failure(outcomes::kUnroutable, {Printable(domain), why});
}

RouteFailure Loop(std::string_view domain) {
  return Failure(outcomes::kLoop, {Printable(domain)});
}

RouteFailure Misconfigured(const SmartHost& smart_host, std::string_view why) {
  return Failure(outcomes::kSmartHostUnusable, {smart_host.host, why});
}

// How long the hosts are waited for that are not needed while the better ones work.
constexpr std::chrono::seconds kPatienceWithBackups(1);

RouteResult Share(Route route) {
  return std::make_shared<const Route>(std::move(route));
}

// A route that the operator wrote.
struct Configured {
  SmartHost smart_host;
  bool mx = false;
  // Set if the smart host is an address: then nothing is left to find out.
  std::shared_ptr<const Route> ready;
};

Configured Prepare(const DomainRoute& route) {
  Configured configured{route.smart_host, route.mx, nullptr};
  if (const auto ip = net::IpAddress::Parse(route.smart_host.host)) {
    const net::Endpoint endpoint{*ip, route.smart_host.port};
    configured.ready = std::make_shared<const Route>(
        Route{absl::StrCat("host:", endpoint.ToString()), {{endpoint, route.smart_host.host}}, true, false});
  }
  return configured;
}

bool IsLiteral(std::string_view domain) {
  return domain.starts_with('[');
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3).
std::optional<net::IpAddress> ParseLiteral(std::string_view domain) {
  if (domain.size() < 2 || !domain.ends_with(']')) return std::nullopt;
  std::string_view inside = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kTag = "IPv6:";
  const bool tagged = EqualsIgnoreCase(inside.substr(0, kTag.size()), kTag);
  if (tagged) inside.remove_prefix(kTag.size());
  if (tagged != (inside.find(':') != std::string_view::npos)) return std::nullopt;
  return net::IpAddress::Parse(inside);
}

// What looking up the hosts of an MX set has brought so far.
struct Progress {
  std::vector<Candidate> candidates;
  std::optional<RouteFailure> failure;  // the last lookup that failed for now
  std::string refused;                  // the last address that mail must not go to, and why
  bool ourselves = false;
};

}  // namespace

struct Router::State {
  State(RouteConfig route_config, dns::Resolver& dns, const std::vector<net::IpAddress>& interfaces,
        Choose chooser);

  const Configured* Match(std::string_view domain) const;
  bool Wanted(const net::IpAddress& ip) const;
  // Why mail must not go to this address, which the sender or the owner of a domain has chosen.
  std::optional<std::string> Refusal(const net::IpAddress& ip) const;
  RouteResult ToLiteral(std::string_view domain) const;
  asio::awaitable<RouteResult> ByMx(std::string domain, std::uint16_t port, bool configured) const;
  bool AddGroup(std::vector<HostAddresses> group, std::uint16_t port, bool configured,
                Progress& progress) const;
  asio::awaitable<void> LookUpHosts(MxHosts hosts, std::uint16_t port, bool configured,
                                    Progress& progress) const;
  asio::awaitable<RouteResult> ToHost(SmartHost smart_host) const;
  asio::awaitable<RouteResult> ToSmartHost(Configured configured) const;

  const RouteConfig config;
  dns::Resolver& resolver;
  const Choose choose;
  absl::flat_hash_set<std::string> own_hosts;
  absl::flat_hash_set<net::IpAddress> own_addresses;
  absl::flat_hash_map<std::string, Configured> exact;
  absl::flat_hash_map<std::string, Configured> below;  // by the name behind "*."
  std::optional<Configured> rest;                      // "*"
};

Router::State::State(RouteConfig route_config, dns::Resolver& dns,
                     const std::vector<net::IpAddress>& interfaces, Choose chooser)
    : config(std::move(route_config)), resolver(dns), choose(std::move(chooser)) {
  for (const std::string& host : config.own_hosts) own_hosts.insert(AsciiLower(host));
  own_addresses.insert(config.own_addresses.begin(), config.own_addresses.end());
  for (const net::IpAddress& ip : interfaces) {
    if (!config.allow_networks.Contains(ip)) own_addresses.insert(ip);
  }
  for (const DomainRoute& route : config.routes) {
    if (route.pattern == "*") {
      rest = Prepare(route);
    } else if (route.pattern.starts_with("*.")) {
      below.emplace(route.pattern.substr(2), Prepare(route));
    } else {
      exact.emplace(route.pattern, Prepare(route));
    }
  }
}

// The most specific pattern: the domain itself, else the longest name above it, else "*".
const Configured* Router::State::Match(std::string_view domain) const {
  if (const auto found = exact.find(ToAbsl(domain)); found != exact.end()) return &found->second;
  for (size_t dot = domain.find('.'); !IsLiteral(domain) && dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (const auto found = below.find(ToAbsl(domain.substr(dot + 1))); found != below.end())
      return &found->second;
  }
  return rest ? &*rest : nullptr;
}

bool Router::State::Wanted(const net::IpAddress& ip) const {
  if (config.families == dns::Families::kBoth) return true;
  return ip.IsV4() == (config.families == dns::Families::kIPv4);
}

std::optional<std::string> Router::State::Refusal(const net::IpAddress& ip) const {
  const auto special = net::SpecialUse(ip);
  if (!special || config.allow_networks.Contains(ip)) return std::nullopt;
  return absl::StrCat("this system does not deliver to ", ip.ToString(), " (", ToAbsl(*special), ")");
}

RouteResult Router::State::ToLiteral(std::string_view domain) const {
  const auto ip = ParseLiteral(domain);
  if (!ip) return Failure(outcomes::kNoSuchLiteral, {Printable(domain)});
  if (own_addresses.contains(*ip)) return Loop(domain);
  if (const auto refusal = Refusal(*ip)) return Unroutable(domain, *refusal);
  if (!Wanted(*ip)) return Unroutable(domain, "its address family is not in use here");
  const net::Endpoint endpoint{*ip, config.smtp_port};
  return Share({absl::StrCat("ip:", endpoint.ToString()), {{endpoint, ip->ToString()}}, false, false});
}

// False if the group holds one of our own addresses: then neither it nor what follows may be used.
bool Router::State::AddGroup(std::vector<HostAddresses> group, std::uint16_t port, bool configured,
                             Progress& progress) const {
  for (HostAddresses& host : group) {
    if (!configured && std::any_of(host.addresses.begin(), host.addresses.end(),
                                   [this](const auto& ip) { return own_addresses.contains(ip); })) {
      progress.ourselves = true;
      return false;
    }
    std::erase_if(host.addresses, [&](const net::IpAddress& ip) {
      const auto refusal = configured ? std::nullopt : Refusal(ip);
      if (refusal) progress.refused = *refusal;
      return refusal.has_value();
    });
  }
  for (Candidate& candidate : OrderCandidates(std::move(group), port, choose)) {
    progress.candidates.push_back(std::move(candidate));
  }
  return true;
}

// All are asked at once. The best hosts that have addresses are waited for as long as that takes, those
// behind them a little; who has not answered then is left out, with all that might come after it.
asio::awaitable<void> Router::State::LookUpHosts(MxHosts hosts, std::uint16_t port, bool configured,
                                                 Progress& progress) const {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto lookups = HostLookups::Start(executor, resolver, hosts.All(), config.families);
  std::size_t first = 0;
  auto deadline = std::chrono::steady_clock::time_point::max();
  for (const std::vector<std::string>& group : hosts.groups) {
    if (const bool answered = co_await lookups->FirstAnswered(first + group.size(), deadline); !answered)
      break;
    std::vector<HostAddresses> found;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const dns::AddressAnswer& answer = *lookups->answer(first + i);
      if (Failed(answer)) progress.failure = DnsFailed(group[i], answer);
      found.push_back({group[i], answer.addresses});
    }
    if (!AddGroup(std::move(found), port, configured, progress)) break;
    first += group.size();
    if (deadline == std::chrono::steady_clock::time_point::max() && !progress.candidates.empty()) {
      deadline = std::chrono::steady_clock::now() + kPatienceWithBackups;
    }
  }
}

namespace {

RouteFailure WhyNone(std::string_view domain, bool implicit, bool cut_at_ourselves,
                     const Progress& progress) {
  if (progress.failure) return *progress.failure;
  if (progress.ourselves || cut_at_ourselves) return Loop(domain);
  if (!progress.refused.empty()) return Unroutable(domain, progress.refused);
  return Unroutable(domain,
                    implicit ? "it has neither MX nor address records" : "no MX host of it has an address");
}

}  // namespace

asio::awaitable<RouteResult> Router::State::ByMx(std::string domain, std::uint16_t port,
                                                 bool configured) const {
  static const absl::flat_hash_set<std::string> kNobody;
  dns::MxAnswer answer = co_await resolver.LookupMx(domain);
  if (Failed(answer)) co_return DnsFailed(domain, answer);
  if (answer.result == dns::Result::kNoDomain) {
    co_return Failure(outcomes::kNoSuchDomain, {Printable(domain)});
  }
  // RFC 5321 §5.1: without MX records the domain (or what its CNAME names) is its own, with preference 0.
  const bool implicit = answer.result == dns::Result::kNoData;
  if (implicit) answer.records = {{0, answer.canonical_name.empty() ? domain : answer.canonical_name}};
  const MxHosts hosts = SelectHosts(std::move(answer.records), configured ? kNobody : own_hosts);
  if (hosts.null_mx) {
    co_return Failure(outcomes::kNullMx, {Printable(domain)});
  }
  Progress progress;
  co_await LookUpHosts(hosts, port, configured, progress);
  if (progress.candidates.empty()) co_return WhyNone(domain, implicit, hosts.cut_at_ourselves, progress);
  co_return Share({MxSite(hosts.All(), port), SomeOfEachHost(progress.candidates, kMaxAddresses), configured,
                   !configured && answer.secure});
}

asio::awaitable<RouteResult> Router::State::ToHost(SmartHost smart_host) const {
  Progress progress;
  MxHosts alone;
  alone.groups.push_back({smart_host.host});
  co_await LookUpHosts(std::move(alone), smart_host.port, true, progress);
  if (progress.candidates.empty() && progress.failure) co_return *progress.failure;
  if (progress.candidates.empty()) co_return Misconfigured(smart_host, "it has no address");
  co_return Share({absl::StrCat("host:", smart_host.host, ":", smart_host.port),
                   SomeOfEachHost(progress.candidates, kMaxAddresses), true, false});
}

asio::awaitable<RouteResult> Router::State::ToSmartHost(Configured configured) const {
  if (!configured.mx) co_return co_await ToHost(configured.smart_host);
  RouteResult result = co_await ByMx(configured.smart_host.host, configured.smart_host.port, true);
  if (const auto* failure = std::get_if<RouteFailure>(&result); failure != nullptr && failure->permanent) {
    co_return Misconfigured(configured.smart_host, failure->text);
  }
  co_return result;
}

Router::Router(RouteConfig config, dns::Resolver& resolver, std::vector<net::IpAddress> interfaces,
               Choose choose)
    : state_(std::make_unique<const State>(std::move(config), resolver, interfaces, std::move(choose))) {}

Router::~Router() = default;

std::optional<RouteResult> Router::FindWithoutDns(std::string_view domain) const {
  const Configured* configured = state_->Match(domain);
  if (configured != nullptr && configured->ready) return configured->ready;
  if (configured != nullptr && !configured->smart_host.host.empty()) return std::nullopt;
  if (IsLiteral(domain)) return state_->ToLiteral(domain);
  return std::nullopt;
}

asio::awaitable<RouteResult> Router::Find(std::string domain) const {
  if (std::optional<RouteResult> known = FindWithoutDns(domain)) co_return *std::move(known);
  const Configured* configured = state_->Match(domain);
  if (configured != nullptr && !configured->smart_host.host.empty()) {
    co_return co_await state_->ToSmartHost(*configured);
  }
  co_return co_await state_->ByMx(std::move(domain), state_->config.smtp_port, false);
}

}  // namespace goniec::outbound
