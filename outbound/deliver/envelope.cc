#include "outbound/deliver/envelope.h"

#include <algorithm>

namespace goniec::outbound {
namespace {

using queue::v1::Mail;

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Not noted (a record of an older version) is not beyond; a value of a later version is.
bool IsBeyondAscii(queue::v1::Octets octets) {
  return octets != queue::v1::OCTETS_UNSPECIFIED && octets != queue::v1::OCTETS_ASCII;
}

// A client that sends UTF-8 in the header without SMTPUTF8 has its mail passed on in the same way: as 8-bit
// content, for whether it is UTF-8 nobody has said.
bool HeaderNeedsUtf8(const Mail& mail) {
  return mail.smtputf8() && mail.header_octets() != queue::v1::OCTETS_ASCII;
}

// With SMTPUTF8 a header beyond ASCII needs nothing else.
bool Needs8Bit(const Mail& mail) {
  return IsBeyondAscii(mail.body_octets()) || (IsBeyondAscii(mail.header_octets()) && !HeaderNeedsUtf8(mail));
}

bool IsNotedAs8Bit(const Mail& mail) {
  return IsBeyondAscii(mail.body_octets()) || IsBeyondAscii(mail.header_octets());
}

bool Is8Bit(const Mail& mail) {
  const bool noted = mail.body_octets() != queue::v1::OCTETS_UNSPECIFIED;
  return noted ? IsNotedAs8Bit(mail) : mail.body_type() == queue::v1::BODY_TYPE_8BITMIME;
}

// " NAME=value" for a DSN parameter that was given (RFC 3461 §4). What could end the line or the parameter is
// not sent.
void AppendParameter(std::string_view name, std::string_view value, std::string* wire) {
  const bool clean = std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (value.empty() || !clean) return;
  wire->append(" ").append(name).append("=").append(value);
}

}  // namespace

const OutcomeRow* FindUnfit(const Mail& mail, const Extensions& extensions) {
  if (HasControl(mail.mail_from())) return &outcomes::kSenderHasControls;
  if (extensions.size_limit > 0 && mail.size_bytes() > extensions.size_limit) return &outcomes::kTooLarge;
  if (!extensions.smtputf8 && (HeaderNeedsUtf8(mail) || !IsAscii(mail.mail_from()))) {
    return &outcomes::kMessageNeedsUtf8;
  }
  if (!extensions.eight_bit_mime && Needs8Bit(mail)) return &outcomes::kMessageNeeds8Bit;
  return nullptr;
}

const OutcomeRow* FindUnfit(const queue::v1::Recipient& recipient, const Extensions& extensions) {
  if (HasControl(recipient.address())) return &outcomes::kRecipientHasControls;
  if (!extensions.smtputf8 && !IsAscii(recipient.address())) return &outcomes::kRecipientNeedsUtf8;
  return nullptr;
}

MailParameters ParametersFor(const Mail& mail, std::span<const std::uint32_t> recipients,
                             const Extensions& extensions) {
  const auto is_ascii = [&](std::uint32_t position) {
    return IsAscii(mail.recipients(static_cast<int>(position)).address());
  };
  MailParameters parameters;
  parameters.size = extensions.size;
  parameters.body = extensions.eight_bit_mime && Is8Bit(mail);
  parameters.smtputf8 = extensions.smtputf8 && (HeaderNeedsUtf8(mail) || !IsAscii(mail.mail_from()) ||
                                                !std::all_of(recipients.begin(), recipients.end(), is_ascii));
  parameters.dsn = extensions.dsn && !(mail.dsn().ret().empty() && mail.dsn().envid().empty());
  return parameters;
}

MailParameters NeededOf(const Mail& mail, MailParameters parameters) {
  parameters.size = false;
  parameters.dsn = false;
  parameters.body = parameters.body && Needs8Bit(mail);
  return parameters;
}

bool HasAsciiSender(const Mail& mail) {
  return IsAscii(mail.mail_from());
}

void AppendMail(const Mail& mail, const MailParameters& parameters, std::string* wire) {
  wire->append("MAIL FROM:<").append(mail.mail_from()).append(">");
  if (parameters.size) wire->append(" SIZE=").append(std::to_string(mail.size_bytes()));
  if (parameters.body) wire->append(" BODY=8BITMIME");
  if (parameters.smtputf8) wire->append(" SMTPUTF8");
  if (parameters.dsn) {
    AppendParameter("RET", mail.dsn().ret(), wire);
    AppendParameter("ENVID", mail.dsn().envid(), wire);
  }
  wire->append("\r\n");
}

bool HasDsn(const queue::v1::Recipient& recipient) {
  return !recipient.notify().empty() || !recipient.orcpt().empty();
}

void AppendRcpt(const queue::v1::Recipient& recipient, bool dsn, std::string* wire) {
  wire->append("RCPT TO:<").append(recipient.address()).append(">");
  if (dsn) {
    AppendParameter("NOTIFY", recipient.notify(), wire);
    AppendParameter("ORCPT", recipient.orcpt(), wire);
  }
  wire->append("\r\n");
}

}  // namespace goniec::outbound
