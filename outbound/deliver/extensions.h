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

// Keywords that are not known are skipped; a parameter that is not understood counts as absent.
Extensions ParseExtensions(const smtp::Reply& ehlo_reply);

}  // namespace goniec::outbound
