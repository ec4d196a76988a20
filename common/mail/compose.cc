#include "common/mail/compose.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "common/mail/encoded_word.h"
#include "common/mail/gmime.h"
#include "common/mail/mime_tree.h"

namespace goniec::mail {
namespace {

// The same byte as queue::kMessageIdPlaceholder; the queue is not linked here.
constexpr char kIdPlaceholder = '\0';

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

std::string HeaderFields(const Draft& draft, bool* utf8) {
  std::string fields = FoldField("Date", FormatDate(draft.date));
  fields += FoldField("From", AddressList({draft.from}, utf8));
  if (draft.sender) fields += FoldField("Sender", AddressList({*draft.sender}, utf8));
  if (!draft.reply_to.empty()) fields += FoldField("Reply-To", AddressList(draft.reply_to, utf8));
  if (!draft.to.empty()) fields += FoldField("To", AddressList(draft.to, utf8));
  if (!draft.cc.empty()) fields += FoldField("Cc", AddressList(draft.cc, utf8));
  // RFC 5322 §3.6 asks for a destination field no more, but filters distrust a message without one.
  if (draft.to.empty() && draft.cc.empty()) fields += FoldField("To", "undisclosed-recipients:;");
  if (!draft.subject.empty()) fields += FoldField("Subject", EncodeText(draft.subject));
  for (const auto& [name, value] : draft.headers) fields += FoldField(name, EncodeText(value));
  return fields + "MIME-Version: 1.0\r\n";
}

struct FormatFree {
  void operator()(GMimeFormatOptions* options) const { g_mime_format_options_free(options); }
};

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
  const GOwned<GMimeObject> tree = BuildMimeTree(draft);
  const std::unique_ptr<GMimeFormatOptions, FormatFree> format(g_mime_format_options_new());
  g_mime_format_options_set_newline_format(format.get(), GMIME_NEWLINE_FORMAT_DOS);

  const std::shared_ptr<GMimeStream> stream(g_mime_stream_mem_new(), GUnref());
  const std::string fields = HeaderFields(draft, &composed.smtputf8);
  if (g_mime_stream_write(stream.get(), fields.data(), fields.size()) < 0 ||
      g_mime_object_write_to_stream(tree.get(), format.get(), stream.get()) < 0) {
    return absl::InternalError("the message could not be composed");
  }
  const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  const auto view = [&] { return std::string_view(reinterpret_cast<const char*>(bytes->data), bytes->len); };
  if (!view().ends_with("\r\n") && g_mime_stream_write(stream.get(), "\r\n", 2) < 0) {
    return absl::InternalError("the message could not be composed");
  }
  composed.message = view();
  composed.owner = stream;
  const NamedAddress& sender = draft.sender ? *draft.sender : draft.from;
  composed.internet_message_id =
      absl::StrCat(std::string(1, kIdPlaceholder), "@", sender.mailbox.domain.ascii);
  composed.head = absl::StrCat("Message-ID: <", composed.internet_message_id, ">\r\n");
  return composed;
}

}  // namespace goniec::mail
