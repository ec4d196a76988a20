#include "common/mail/mime_body.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/content_type.h"
#include "common/mail/parameter.h"
#include "common/mail/transfer_encoding.h"
#include "common/mail/ulid.h"

namespace goniec::mail {
namespace {

constexpr std::string_view kDefaultType = "application/octet-stream";
// Fields of a part, with a name and a type of ordinary length.
constexpr std::size_t kFieldsOfAPart = 512;

bool IsFile(const Attachment& attachment) {
  return !attachment.is_inline;
}
bool IsInline(const Attachment& attachment) {
  return attachment.is_inline;
}

// A text and how it is encoded.
struct EncodedText {
  explicit EncodedText(std::string_view the_text)
      : text(the_text),
        base64(IsShorterInBase64(text)),
        size(base64 ? SizeInBase64(SizeOfCanonicalText(text)) : SizeInQuotedPrintable(text)) {}

  const std::string_view text;
  const bool base64;
  const std::size_t size;
};

class Writer {
 public:
  Writer(const Draft& draft, std::string& message)
      : draft_(draft), text_(draft.text), html_(draft.html), message_(message) {}

  void Write() {
    // A string that grows is there twice.
    std::size_t size = text_.size + html_.size + 3 * kFieldsOfAPart;
    for (const Attachment& attachment : draft_.attachments)
      size += SizeInBase64(attachment.content.size()) + kFieldsOfAPart;
    message_.reserve(message_.size() + size);
    WriteAll();
  }

 private:
  void WriteAll() {
    if (std::none_of(draft_.attachments.begin(), draft_.attachments.end(), IsFile)) return WriteContent();
    const std::string boundary = OpenMultipart("mixed");
    NextPart(boundary);
    WriteContent();
    WriteAttachments(boundary, IsFile);
    CloseMultipart(boundary);
  }

  void WriteContent() {
    if (draft_.html.empty()) return WriteText("plain", text_);
    if (draft_.text.empty()) return WriteHtmlWithImages();
    const std::string boundary = OpenMultipart("alternative");
    NextPart(boundary);
    WriteText("plain", text_);
    NextPart(boundary);
    WriteHtmlWithImages();
    CloseMultipart(boundary);
  }

  void WriteHtmlWithImages() {
    if (std::none_of(draft_.attachments.begin(), draft_.attachments.end(), IsInline))
      return WriteText("html", html_);
    const std::string boundary =
        OpenMultipart("related", WriteParameter("type", "text/html"));  // RFC 2387 §3.1
    NextPart(boundary);
    WriteText("html", html_);
    WriteAttachments(boundary, IsInline);
    CloseMultipart(boundary);
  }

  void WriteText(std::string_view subtype, const EncodedText& text) {
    absl::StrAppend(&message_, "Content-Type: text/", ToAbsl(subtype), "; charset=utf-8\r\n");
    absl::StrAppend(&message_, "Content-Transfer-Encoding: ", text.base64 ? "base64" : "quoted-printable",
                    "\r\n\r\n");
    if (text.base64) {
      AppendTextInBase64(text.text, message_);
    } else {
      AppendQuotedPrintable(text.text, message_);
    }
  }

  void WriteAttachments(const std::string& boundary, bool (*which)(const Attachment&)) {
    for (const Attachment& attachment : draft_.attachments) {
      if (!which(attachment)) continue;
      NextPart(boundary);
      WriteAttachment(attachment);
    }
  }

  void WriteAttachment(const Attachment& attachment) {
    message_ += "Content-Type: ";
    const std::vector<std::string_view> parts =
        PartsOfContentType(attachment.content_type.empty() ? kDefaultType : attachment.content_type);
    for (const std::string_view& part : parts)
      absl::StrAppend(&message_, &part == parts.data() ? "" : ";\r\n ", ToAbsl(part));
    absl::StrAppend(&message_, "\r\nContent-Disposition: ", attachment.is_inline ? "inline" : "attachment");
    if (!attachment.name.empty()) message_ += WriteParameter("filename", attachment.name);
    message_ += "\r\n";
    if (!attachment.content_id.empty())
      absl::StrAppend(&message_, "Content-ID: <", ToAbsl(attachment.content_id), ">\r\n");
    message_ += "Content-Transfer-Encoding: base64\r\n\r\n";
    AppendBase64(attachment.content, message_);
  }

  std::string OpenMultipart(std::string_view subtype, const std::string& parameters = "") {
    // "=_" occurs neither in base64 nor in quoted-printable.
    const std::string boundary = absl::StrCat("=_", NewUlid(std::chrono::system_clock::now()));
    absl::StrAppend(&message_, "Content-Type: multipart/", ToAbsl(subtype),
                    WriteParameter("boundary", boundary), parameters, "\r\n");
    return boundary;
  }

  void NextPart(const std::string& boundary) { absl::StrAppend(&message_, "\r\n--", boundary, "\r\n"); }
  void CloseMultipart(const std::string& boundary) {
    absl::StrAppend(&message_, "\r\n--", boundary, "--\r\n");
  }

  const Draft& draft_;
  const EncodedText text_;
  const EncodedText html_;
  std::string& message_;
};

}  // namespace

void AppendMimeBody(const Draft& draft, std::string& message) {
  Writer(draft, message).Write();
}

}  // namespace goniec::mail
