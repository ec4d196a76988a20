// Addresses of the envelope: RFC 5321 §4.1.2 (Mailbox, Path, Reverse-path, address literals) with RFC 6531's
// UTF-8. Used by the receiving session, the sending session, routing and the API. Judges the form only:
// whether an address exists, may be relayed to or may be connected to is for others to say. Pure functions
// and values; thread-safe.
//
// Status codes of the parsers: kInvalidArgument: not an address; kOutOfRange: longer than a limit of
// limits.h. Messages are fit for the end of "address: …" and never contain bytes of the input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::smtp {

struct Domain {
  enum class Kind {
    kNone,     // only for <Postmaster> (RFC 5321 §4.1.1.3)
    kName,     // a domain name
    kIpv4,     // [192.0.2.1]
    kIpv6,     // [IPv6:2001:db8::1]
    kGeneral,  // [tag:content], which nothing can route
  };
  Kind kind = Kind::kNone;
  // As written: what goes on the wire.
  std::string text;
  // What is compared, routed and looked up: lower case; U-labels as A-labels (UTS #46, non-transitional);
  // literals in their shortest form, in brackets.
  std::string ascii;

  bool empty() const { return kind == Kind::kNone; }
  bool IsLiteral() const { return kind != Kind::kNone && kind != Kind::kName; }
  // "192.0.2.1" or "2001:db8::1"; empty if this is not an address literal that IP can reach.
  std::string IpText() const;
};
// Equal if the canonical forms are.
bool operator==(const Domain& a, const Domain& b);

struct Mailbox {
  // As written, with its quotes if it has some.
  std::string local;
  Domain domain;

  // "local@domain" as written, without angle brackets; "Postmaster" alone if there is no domain.
  std::string ToString() const;
  // Equal for what RFC 5321 holds to be the same: domain canonical, local part unquoted where it can be
  // ("a"@b is a@b), its case kept (§2.4) but for postmaster's (§4.5.1).
  std::string Canonical() const;
  // The local part without quotes and backslashes: what the mailbox is called.
  std::string UnquotedLocal() const;
  bool IsPostmaster() const;
  // False if the wire form needs SMTPUTF8 (RFC 6531).
  bool IsAscii() const;
};
bool operator==(const Mailbox& a, const Mailbox& b);

struct Path {
  // Set only for a reverse-path: "<>", the sender of bounces (RFC 5321 §4.5.5). `mailbox` is empty then.
  bool null = false;
  // "a.example" and "b.example" of "<@a.example,@b.example:user@c.example>", as written. RFC 5321 §F.2: to be
  // ignored or refused, never obeyed.
  std::vector<std::string> source_route;
  Mailbox mailbox;
};

// A whole "local@domain" without brackets, as API users and configurations write it.
absl::StatusOr<Mailbox> ParseMailbox(std::string_view text);

// The domain of an address that was accepted, in the form by which recipients are grouped: the same in every
// process. Of what is no address, whatever stands behind the last "@".
std::string DomainOf(const std::string& address);

// A whole domain name or address literal. A trailing dot is not part of either (RFC 5321 §2.3.5).
absl::StatusOr<Domain> ParseDomain(std::string_view text);

// Takes "<…>" from the front of `text` and moves `text` behind it; unchanged on errors. Non-ASCII is
// accepted: the caller checks Mailbox::IsAscii() once it has seen the SMTPUTF8 parameter behind the path.
absl::StatusOr<Path> TakeReversePath(std::string_view* text);
// The same; "<>" is an error, "<Postmaster>" is not.
absl::StatusOr<Path> TakeForwardPath(std::string_view* text);

}  // namespace goniec::smtp
