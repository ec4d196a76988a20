// What routing makes of a recipient's domain: where its mail goes, or why it goes nowhere. Made by Router;
// read by the worker, which groups recipients by site, and by the delivery, which connects. Values, immutable
// once shared; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/net/ip_address.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

// One address to try.
struct Candidate {
  net::Endpoint endpoint;
  // The MX host or smart host that the address belongs to, for TLS (SNI, certificate), logs and events. Of an
  // address literal the address itself, without brackets.
  std::string host;
};

// More addresses than this are not kept of a route. RFC 5321 §5.1 leaves the number to us; an attempt tries
// fewer, and the next one others.
inline constexpr std::size_t kMaxAddresses = 20;

struct Route {
  // The key under which domains share connections, limits and health: the hosts that serve them, not their
  // addresses. "mx:mx1.example,mx2.example:25", "host:relay.example:587", "ip:192.0.2.1:25". Lower case; the
  // same set of hosts gives the same key in every process.
  std::string site;
  // In the order of trying; at least one, at most kMaxAddresses, some of each host. What an attempt takes of
  // them is Site::CandidatesOf's.
  std::vector<Candidate> candidates;
  // From the configuration (a smart host), not from the DNS.
  bool configured = false;
  // The MX records were validated by DNSSEC (RFC 7672 asks for that before TLSA records count). False for
  // configured routes and literals.
  bool secure = false;
};

// Made by Router of rows of outcome/outcomes.h.
struct RouteFailure {
  queue::v1::Reason reason = queue::v1::REASON_DNS_TEMPORARY;
  // True: no other attempt fares better as long as the DNS and the configuration stay as they are.
  bool permanent = false;
  // True: we did not get to look (our own limits). Says nothing about the domain and is no attempt;
  // `permanent` is false.
  bool not_tried = false;
  // What a server would answer for this, for bounces and SMTP: 550, 556, 451.
  int reply_code = 451;
  // RFC 3463.
  std::string enhanced_code;
  // One line for people, at most 500 bytes, printable.
  std::string text;
};

// A route is never null.
using RouteResult = std::variant<std::shared_ptr<const Route>, RouteFailure>;

// What it comes to for `recipients`.
Result ResultOf(const RouteFailure& failure, std::vector<std::uint32_t> recipients);

// `site` as one token of a subject: 26 characters of [a-z2-7], the first 130 bits of its SHA-256.
std::string SiteToken(std::string_view site);

}  // namespace goniec::outbound
