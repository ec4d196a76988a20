#include "common/mail/compose.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "common/mail/encoded_word.h"
#include "common/mail/field_writer.h"
#include "common/mail/mime_body.h"

namespace goniec::mail {
namespace {

// The same byte as queue::kMessageIdPlaceholder; the queue is not linked here.
constexpr char kIdPlaceholder = '\0';
constexpr std::string_view kSubject = "Subject";

std::string AddressList(const std::vector<NamedAddress>& addresses, bool* utf8) {
  std::string list;
  for (const NamedAddress& address : addresses) {
    if (!list.empty()) list += ", ";
    const std::string mailbox = WireAddress(address.mailbox, utf8);
    if (address.name.empty()) {
      list += mailbox;
    } else {
      absl::StrAppend(&list, EncodePhrase(address.name), " <", mailbox, ">");
    }
  }
  return list;
}

absl::StatusOr<std::string> HeaderFields(const Draft& draft, bool* utf8) {
  std::string fields = FoldField("Date", FormatDate(draft.date));
  fields += FoldField("From", AddressList({draft.from}, utf8));
  if (draft.sender) fields += FoldField("Sender", AddressList({*draft.sender}, utf8));
  if (!draft.reply_to.empty()) fields += FoldField("Reply-To", AddressList(draft.reply_to, utf8));
  if (!draft.to.empty()) fields += FoldField("To", AddressList(draft.to, utf8));
  if (!draft.cc.empty()) fields += FoldField("Cc", AddressList(draft.cc, utf8));
  // RFC 5322 §3.6 asks for a destination field no more, but filters distrust a message without one.
  if (draft.to.empty() && draft.cc.empty()) fields += FoldField("To", "undisclosed-recipients:;");
  if (!draft.subject.empty()) fields += FoldField(kSubject, EncodeText(draft.subject, kSubject.size() + 2));
  for (const auto& [name, value] : draft.headers) {
    const absl::StatusOr<std::string> field = WriteField(name, value);
    if (!field.ok()) return absl::InternalError("a header field was not checked before composing");
    fields += *field;
  }
  return fields + "MIME-Version: 1.0\r\n";
}

}  // namespace

std::string FormatDate(WallTime time) {
  return absl::FormatTime("%a, %d %b %E4Y %H:%M:%S +0000", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string WireAddress(const smtp::Mailbox& mailbox, bool* needs_utf8) {
  const std::string local(mailbox.local);
  for (const char c : local) {
    if (static_cast<unsigned char>(c) < 0x80) continue;
    *needs_utf8 = true;
    return mailbox.ToString();
  }
  for (const char c : mailbox.domain.text) {
    if (static_cast<unsigned char>(c) >= 0x80) return absl::StrCat(local, "@", mailbox.domain.ascii);
  }
  return mailbox.ToString();
}

absl::StatusOr<Composed> Compose(const Draft& draft) {
  Composed composed;
  absl::StatusOr<std::string> fields = HeaderFields(draft, &composed.smtputf8);
  if (!fields.ok()) return fields.status();
  const auto message = std::make_shared<std::string>(*std::move(fields));
  AppendMimeBody(draft, *message);
  composed.message = *message;
  composed.owner = message;
  const NamedAddress& sender = draft.sender ? *draft.sender : draft.from;
  composed.internet_message_id =
      absl::StrCat(std::string(1, kIdPlaceholder), "@", sender.mailbox.domain.ascii);
  composed.head = absl::StrCat("Message-ID: <", composed.internet_message_id, ">\r\n");
  return composed;
}

}  // namespace goniec::mail
