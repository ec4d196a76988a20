#include "common/smtp/command.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "common/smtp/limits.h"
#include "common/smtp/replies.h"

namespace goniec::smtp {
namespace {

struct VerbRow {
  std::string_view name;
  Verb verb;
};

// Verbs of RFC 5321 and its extensions, then first words of other protocols that a browser can be made to
// send to a mail server (cross-protocol request forgery): there is nothing to talk about.
constexpr std::array<VerbRow, 28> kVerbs = {{
    {"EHLO", Verb::kEhlo},           {"HELO", Verb::kHelo},           {"MAIL", Verb::kMail},
    {"RCPT", Verb::kRcpt},           {"DATA", Verb::kData},           {"BDAT", Verb::kBdat},
    {"RSET", Verb::kRset},           {"NOOP", Verb::kNoop},           {"VRFY", Verb::kVrfy},
    {"HELP", Verb::kHelp},           {"QUIT", Verb::kQuit},           {"STARTTLS", Verb::kStartTls},
    {"AUTH", Verb::kNotImplemented}, {"EXPN", Verb::kNotImplemented}, {"ETRN", Verb::kNotImplemented},
    {"ATRN", Verb::kNotImplemented}, {"TURN", Verb::kNotImplemented}, {"SEND", Verb::kNotImplemented},
    {"SOML", Verb::kNotImplemented}, {"SAML", Verb::kNotImplemented}, {"BURL", Verb::kNotImplemented},
    {"GET", Verb::kForeign},         {"HEAD", Verb::kForeign},        {"POST", Verb::kForeign},
    {"PUT", Verb::kForeign},         {"DELETE", Verb::kForeign},      {"OPTIONS", Verb::kForeign},
    {"CONNECT", Verb::kForeign},
}};

constexpr std::string_view kSpace = " \t";

// Takes "FROM:" or "TO:" and the space around the path from the front.
bool TakeLabel(std::string_view label, std::string_view* argument) {
  if (!EqualsIgnoreCase(argument->substr(0, label.size()), label)) return false;
  argument->remove_prefix(label.size());
  argument->remove_prefix(std::min(argument->find_first_not_of(kSpace), argument->size()));
  return true;
}

// All digits, at most what fits 64 bits.
std::optional<uint64_t> ParseOctets(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string_view VerbName(Verb verb) {
  if (verb == Verb::kNotImplemented || verb == Verb::kForeign || verb == Verb::kUnknown) return "unknown";
  for (const VerbRow& row : kVerbs) {
    if (row.verb == verb) return row.name;
  }
  return "unknown";
}

CommandLine ParseCommandLine(std::string_view line) {
  const size_t end = std::min(line.find_first_of(kSpace), line.size());
  const std::string_view name = line.substr(0, end);
  CommandLine command{Verb::kUnknown, TrimAsciiSpace(line.substr(end))};
  for (const VerbRow& row : kVerbs) {
    if (EqualsIgnoreCase(name, row.name)) command.verb = row.verb;
  }
  return command;
}

Parsed<MailCommand> ParseMail(std::string_view argument, const Extensions& offered) {
  if (!TakeLabel("FROM:", &argument)) return Reply(replies::kBadMailSyntax);
  absl::StatusOr<Path> path = TakeReversePath(&argument);
  if (!path.ok()) return replies::BadSender(FromAbsl(path.status().message()));
  MailCommand command;
  command.reverse_path = *std::move(path);
  if (std::optional<Reply> refusal = ParseMailParameters(argument, offered, &command.parameters))
    return *refusal;
  // RFC 6531 §3.5.
  if (!command.parameters.smtputf8 && !command.reverse_path.mailbox.IsAscii())
    return Reply(replies::kSenderNeedsUtf8);
  return command;
}

Parsed<RcptCommand> ParseRcpt(std::string_view argument, const Extensions& offered) {
  if (!TakeLabel("TO:", &argument)) return Reply(replies::kBadRcptSyntax);
  absl::StatusOr<Path> path = TakeForwardPath(&argument);
  if (!path.ok()) return replies::BadRecipient(FromAbsl(path.status().message()));
  RcptCommand command;
  command.forward_path = *std::move(path);
  if (std::optional<Reply> refusal = ParseRcptParameters(argument, offered, &command.parameters))
    return *refusal;
  return command;
}

Parsed<BdatCommand> ParseBdat(std::string_view argument) {
  BdatCommand command;
  const size_t end = std::min(argument.find_first_of(kSpace), argument.size());
  const std::optional<uint64_t> size = ParseOctets(argument.substr(0, end));
  const std::string_view rest = TrimAsciiSpace(argument.substr(end));
  if (!size || (!rest.empty() && !EqualsIgnoreCase(rest, "LAST"))) return Reply(replies::kBadBdatSyntax);
  command.size = *size;
  command.last = !rest.empty();
  return command;
}

bool IsAcceptableHelloName(std::string_view argument) {
  if (argument.empty() || argument.size() > kMaxDomain || !IsValidUtf8(argument)) return false;
  for (const char c : argument) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7F) return false;
  }
  return true;
}

}  // namespace goniec::smtp
