// The service extensions that a server offers in its answer to EHLO (RFC 5321 §4.1.1.1), as far as the
// sending session makes use of them. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "common/smtp/reply.h"

namespace goniec::outbound {

struct Extensions {
  bool pipelining = false;             // RFC 2920
  bool size = false;                   // RFC 1870
  std::uint64_t size_limit = 0;        // 0: none stated
  bool eight_bit_mime = false;         // RFC 6152
  bool smtputf8 = false;               // RFC 6531
  bool chunking = false;               // RFC 3030
  bool enhanced_status_codes = false;  // RFC 2034
  bool starttls = false;               // RFC 3207
  bool dsn = false;                    // RFC 3461
};

// Extensions that a server offers and does not have: it refused what they allow, or broke at it. The mail
// goes without them, and they are not made use of there for a while. Those that a message can need are not
// among them: mail would be returned for what the server made of another.
struct BrokenExtensions {
  bool pipelining = false;
  bool size = false;
  bool chunking = false;
  bool dsn = false;

  [[nodiscard]] bool any() const { return pipelining || size || chunking || dsn; }
  void Add(const BrokenExtensions& more);
};

// What may be made use of.
Extensions Without(Extensions offered, const BrokenExtensions& broken);

// The server does not know the command (RFC 5321 §4.2.4), or lost count of what belongs to it: no word about
// the mail.
bool IsNotImplemented(const smtp::Reply& reply);
// The server does not know a parameter of MAIL or RCPT (RFC 5321 §4.1.1.11), or so it may be: 501 is said of
// addresses as well, and then names them in its enhanced code, if it has one.
bool RefusesParameters(const smtp::Reply& reply);

// Keywords that are not known are skipped; a parameter that is not understood counts as absent.
Extensions ParseExtensions(const smtp::Reply& ehlo_reply);

}  // namespace goniec::outbound
