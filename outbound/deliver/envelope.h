// The commands that carry a mail's envelope, and the check whether a server with certain extensions can take
// it at all. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/extensions.h"
#include "outbound/outcome/outcomes.h"

namespace goniec::outbound {

// Why a server is not asked: no other attempt at it would fare better. Null if it can take the mail.
//
// For all recipients. RFC 1870 §6.3 (size); RFC 6531 §3.2 (UTF-8 in the sender or, if the mail came in as an
// internationalized one, in the header); RFC 6152 §3 (8-bit octets, which nothing converts yet). What the
// content has is what was seen when the mail came in (Mail.header_octets, body_octets). Of records that do
// not say so, what the client said counts: SMTPUTF8 is needed if it was said, and content goes to any server
// as it is. Addresses with control characters are refused, whoever let them in: they would be commands.
const OutcomeRow* FindUnfit(const queue::v1::Mail& mail, const Extensions& extensions);
// For one of them.
const OutcomeRow* FindUnfit(const queue::v1::Recipient& recipient, const Extensions& extensions);

// Parameters of MAIL.
struct MailParameters {
  bool size = false;      // RFC 1870
  bool body = false;      // BODY=8BITMIME, RFC 6152
  bool smtputf8 = false;  // RFC 6531
  bool dsn = false;       // RET and ENVID, as far as the mail has them: RFC 3461
  bool operator==(const MailParameters&) const = default;
};

// Those that the mail has a use for and the server knows. `recipients` are the positions of those asked for.
// The mail must have passed FindUnfit.
MailParameters ParametersFor(const queue::v1::Mail& mail, std::span<const std::uint32_t> recipients,
                             const Extensions& extensions);
// Of these, those without which the message cannot be sent.
MailParameters NeededOf(const queue::v1::Mail& mail, MailParameters parameters);

// Without SMTPUTF8 no other sender may be named (RFC 6531 §3.4).
[[nodiscard]] bool HasAsciiSender(const queue::v1::Mail& mail);

// With CR LF.
void AppendMail(const queue::v1::Mail& mail, const MailParameters& parameters, std::string* wire);
// True in `dsn`: with DSN parameters, if the recipient has some.
void AppendRcpt(const queue::v1::Recipient& recipient, bool dsn, std::string* wire);
// Whether it has some.
bool HasDsn(const queue::v1::Recipient& recipient);

}  // namespace goniec::outbound
