// Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): SIZE, BODY, SMTPUTF8, and DSN's (RFC 3461), which are
// known but refused with 555 until the extension is offered. Used by the command parser. Pure functions;
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/smtp/reply.h"

namespace goniec::smtp {

// The extensions with parameters that EHLO offers.
struct Extensions {
  bool size = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool dsn = false;
  bool auth = false;
};

enum class BodyType { kUnspecified, k7Bit, k8BitMime };
enum class DsnReturn { kUnspecified, kFull, kHeaders };

struct MailParameters {
  std::optional<uint64_t> size;  // octets, as the client estimates (RFC 1870 §5)
  BodyType body = BodyType::kUnspecified;
  bool smtputf8 = false;
  DsnReturn ret = DsnReturn::kUnspecified;
  std::string envid;  // decoded from xtext
};

struct DsnNotify {
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;
};

struct RcptParameters {
  std::optional<DsnNotify> notify;
  std::string orcpt;  // "type;address", the address decoded from xtext
};

// `text` is what follows the path. The reply that refuses, or nullopt and `*parameters` filled in.
std::optional<Reply> ParseMailParameters(std::string_view text, const Extensions& offered,
                                         MailParameters* parameters);
std::optional<Reply> ParseRcptParameters(std::string_view text, const Extensions& offered,
                                         RcptParameters* parameters);

}  // namespace goniec::smtp
