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

bool NeedsUtf8(const Mail& mail, const std::vector<std::uint32_t>& recipients) {
  if (mail.smtputf8() || !IsAscii(mail.mail_from())) return true;
  return std::any_of(recipients.begin(), recipients.end(), [&](std::uint32_t position) {
    return !IsAscii(mail.recipients(static_cast<int>(position)).address());
  });
}

// " NAME=value" for a DSN parameter that was given (RFC 3461 §4). What could end the line or the parameter is
// not sent.
void AppendParameter(std::string_view name, std::string_view value, std::string* wire) {
  const bool clean = std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (value.empty() || !clean) return;
  wire->append(" ").append(name).append("=").append(value);
}

}  // namespace

std::optional<Unfit> FindUnfit(const Mail& mail, const std::vector<std::uint32_t>& recipients,
                               const Extensions& extensions) {
  if (HasControl(mail.mail_from())) return Unfit{"5.1.7", "the sender's address has control characters"};
  for (const std::uint32_t position : recipients) {
    if (HasControl(mail.recipients(static_cast<int>(position)).address())) {
      return Unfit{"5.1.3", "the recipient's address has control characters"};
    }
  }
  if (extensions.size_limit > 0 && mail.size_bytes() > extensions.size_limit) {
    return Unfit{"5.3.4", "the message is larger than the server takes"};
  }
  if (!extensions.smtputf8 && NeedsUtf8(mail, recipients)) {
    return Unfit{"5.6.7", "the server does not offer SMTPUTF8, which this message needs"};
  }
  return std::nullopt;
}

void AppendMail(const Mail& mail, const std::vector<std::uint32_t>& recipients, const Extensions& extensions,
                std::string* wire) {
  wire->append("MAIL FROM:<").append(mail.mail_from()).append(">");
  if (extensions.size) wire->append(" SIZE=").append(std::to_string(mail.size_bytes()));
  if (extensions.eight_bit_mime && mail.body_type() == queue::v1::BODY_TYPE_8BITMIME)
    wire->append(" BODY=8BITMIME");
  if (extensions.smtputf8 && NeedsUtf8(mail, recipients)) wire->append(" SMTPUTF8");
  if (extensions.dsn) {
    AppendParameter("RET", mail.dsn().ret(), wire);
    AppendParameter("ENVID", mail.dsn().envid(), wire);
  }
  wire->append("\r\n");
}

void AppendRcpt(const queue::v1::Recipient& recipient, const Extensions& extensions, std::string* wire) {
  wire->append("RCPT TO:<").append(recipient.address()).append(">");
  if (extensions.dsn) {
    AppendParameter("NOTIFY", recipient.notify(), wire);
    AppendParameter("ORCPT", recipient.orcpt(), wire);
  }
  wire->append("\r\n");
}

}  // namespace goniec::outbound
