// The command lines of a client: which verb, and what a verb's argument says (RFC 5321 §4.1.1, RFC 3030).
// Used by the receiving session. Says nothing about order or permission. Pure functions; thread-safe. Views
// in results are valid as long as the line is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/smtp/address.h"
#include "common/smtp/parameters.h"
#include "common/smtp/reply.h"

namespace goniec::smtp {

enum class Verb {
  kEhlo,
  kHelo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kHelp,
  kQuit,
  kStartTls,
  kNotImplemented,  // a verb of SMTP that this server does not have: 502
  kForeign,         // the first line of another protocol, such as a browser's POST
  kUnknown,         // 500
};

// "MAIL", …; for logs and tests.
std::string_view VerbName(Verb verb);

struct CommandLine {
  Verb verb = Verb::kUnknown;
  // What follows the verb, without the space around it.
  std::string_view argument;
};
// `line` is without its CR LF.
CommandLine ParseCommandLine(std::string_view line);

// A parsed command, or the reply that refuses it.
template <class Command>
using Parsed = std::variant<Command, Reply>;

struct MailCommand {
  Path reverse_path;
  MailParameters parameters;
};
// "FROM:<…> …". A space behind the colon is tolerated (many clients send one); missing brackets are not.
Parsed<MailCommand> ParseMail(std::string_view argument, const Extensions& offered);

struct RcptCommand {
  Path forward_path;
  RcptParameters parameters;
};
// "TO:<…> …". Whether a non-ASCII address may stand here depends on MAIL's SMTPUTF8: the caller checks.
Parsed<RcptCommand> ParseRcpt(std::string_view argument, const Extensions& offered);

struct BdatCommand {
  uint64_t size = 0;
  bool last = false;
};
Parsed<BdatCommand> ParseBdat(std::string_view argument);

// The name behind EHLO or HELO. Names that are no domain (underscores, bare addresses) are common and
// harmless: RFC 5321 §4.1.4 forbids to refuse for what is in them. Only what cannot be a name at all is
// false.
bool IsAcceptableHelloName(std::string_view argument);

}  // namespace goniec::smtp
