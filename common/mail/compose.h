// A message from its parts: RFC 5322 header section, MIME body (RFC 2045 to 2049). Called by the API; tells
// nothing about recipients (Bcc is never written) and checks nothing that the API's validation checks: what
// it is given is well-formed UTF-8 without CR, LF and NUL, but for line ends in `text` and `html`.
//
// The result has CR LF line ends, no line above 998 octets, and ASCII only, except that addresses with a
// local part beyond ASCII make it an internationalized message (RFC 6532). Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/smtp/address.h"

namespace goniec::mail {

struct NamedAddress {
  smtp::Mailbox mailbox;
  std::string_view name;
};

struct Attachment {
  std::string_view name;
  std::string_view content_type;  // empty: application/octet-stream
  std::string_view content;
  std::string_view content_id;  // without angle brackets, or empty
  bool is_inline = false;       // beside the HTML, which must be there
};

// Views into the request; it outlives the call.
struct Draft {
  NamedAddress from;
  std::optional<NamedAddress> sender;
  std::vector<NamedAddress> reply_to;
  std::vector<NamedAddress> to;
  std::vector<NamedAddress> cc;
  std::string_view subject;
  std::string_view text;
  std::string_view html;
  std::vector<Attachment> attachments;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  WallTime date;
};

struct Composed {
  // The Message-ID field, with queue::kMessageIdPlaceholder for the id: Mail.head.
  std::string head;
  // `<placeholder>@<sender's domain>`.
  std::string internet_message_id;
  // The rest of the message. Valid as long as `owner` or a copy of it.
  std::string_view message;
  std::shared_ptr<const void> owner;
  // True if it can only go to servers with SMTPUTF8.
  bool smtputf8 = false;
};

// Only our own fault or the machine's makes it fail (kInternal).
absl::StatusOr<Composed> Compose(const Draft& draft);

// "Mon, 02 Jan 2006 15:04:05 +0000" (RFC 5322 §3.3), always UTC: where the server stands is nobody's
// business.
std::string FormatDate(WallTime time);

// The address as the envelope has it: a domain beyond ASCII becomes its A-label form, unless the local part
// needs SMTPUTF8 anyway. `needs_utf8` is set to whether it does, never reset.
std::string WireAddress(const smtp::Mailbox& mailbox, bool* needs_utf8);

}  // namespace goniec::mail
