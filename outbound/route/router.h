// Finds the way of a recipient's domain: configured smart hosts first, then address literals, else MX records
// as RFC 5321 §5.1 and RFC 7505 want it. Asked by the worker once for each domain of a record; it keeps no
// cache (the resolver has one) and does not connect. Immutable after construction, thread-safe; the executor
// of the coroutine that awaits Find() runs one handler at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/dns/resolver.h"
#include "common/net/ip_address.h"
#include "outbound/route/mx_hosts.h"
#include "outbound/route/route.h"
#include "outbound/route/route_config.h"

namespace goniec::outbound {

class Router {
 public:
  // `resolver` must outlive the router. `interfaces`: InterfaceAddresses().
  Router(RouteConfig config, dns::Resolver& resolver, std::vector<net::IpAddress> interfaces,
         Choose choose = ChooseAtRandom());
  ~Router();

  // `domain` as smtp::Domain::ascii gives it: lower case, A-labels, literals in brackets.
  [[nodiscard]] asio::awaitable<RouteResult> Find(std::string domain) const;

  // The same answer without an await, where no DNS is needed: literals and smart hosts that are addresses.
  // Nothing for all else.
  [[nodiscard]] std::optional<RouteResult> FindWithoutDns(std::string_view domain) const;

 private:
  struct State;
  const std::unique_ptr<const State> state_;
};

}  // namespace goniec::outbound
