#include "common/mail/mime_tree.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"

namespace goniec::mail {
namespace {

constexpr char kDefaultType[] = "application/octet-stream";

// Each line end, of whatever kind, becomes `line_end`.
std::string WithLineEnds(std::string_view text, std::string_view line_end) {
  std::string result;
  result.reserve(text.size() + text.size() / 16);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
      result += line_end;
    } else if (text[i] == '\n') {
      result += line_end;
    } else {
      result += text[i];
    }
  }
  return result;
}

// Quoted-printable triples what it encodes, base64 adds a third to everything.
bool IsShorterInBase64(std::string_view text) {
  const auto encoded = std::count_if(text.begin(), text.end(), [](char c) {
    return c == '=' || static_cast<unsigned char>(c) >= 0x7F || (c < ' ' && c != '\t' && c != '\n');
  });
  return static_cast<std::size_t>(encoded) * 6 > text.size();
}

// A stream over memory that is not ours and not copied. GLib asks for an array that could grow; a stream that
// is only read never makes it.
class BorrowedBytes {
 public:
  static GMimeStream* Stream(std::string_view bytes) {
    auto* borrowed = new BorrowedBytes(bytes);
    GMimeStream* stream = g_mime_stream_mem_new();
    g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), &borrowed->array_);
    g_object_set_data_full(G_OBJECT(stream), "goniec-borrowed", borrowed,
                           [](gpointer self) { delete static_cast<BorrowedBytes*>(self); });
    return stream;
  }

 private:
  explicit BorrowedBytes(std::string_view bytes)
      : array_{.data = reinterpret_cast<guint8*>(const_cast<char*>(bytes.data())),
               .len = static_cast<guint>(bytes.size())} {}
  GByteArray array_;
};

void SetContent(GMimePart* part, GMimeStream* stream, GMimeContentEncoding encoding) {
  const GOwned<GMimeStream> owned_stream(stream);
  const GOwned<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part, content.get());
  g_mime_part_set_content_encoding(part, encoding);
}

GOwned<GMimeObject> TextPart(const char* subtype, std::string_view text) {
  GOwned<GMimeObject> part(GMIME_OBJECT(g_mime_part_new_with_type("text", subtype)));
  g_mime_object_set_content_type_parameter(part.get(), "charset", "utf-8");
  // RFC 2049 §4: base64 encodes the canonical form, CR LF; quoted-printable works on lines.
  const bool base64 = IsShorterInBase64(text);
  const std::string canonical = WithLineEnds(text, base64 ? "\r\n" : "\n");
  SetContent(GMIME_PART(part.get()), g_mime_stream_mem_new_with_buffer(canonical.data(), canonical.size()),
             base64 ? GMIME_CONTENT_ENCODING_BASE64 : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
  return part;
}

GOwned<GMimeObject> AttachmentPart(const Attachment& attachment) {
  const std::string type(attachment.content_type.empty() ? std::string_view(kDefaultType)
                                                         : attachment.content_type);
  GOwned<GMimeObject> part(GMIME_OBJECT(g_mime_part_new()));
  const GOwned<GMimeContentType> parsed(g_mime_content_type_parse(nullptr, type.c_str()));
  g_mime_object_set_content_type(part.get(), parsed.get());
  g_mime_object_set_disposition(part.get(), attachment.is_inline ? "inline" : "attachment");
  if (!attachment.name.empty())
    g_mime_part_set_filename(GMIME_PART(part.get()), std::string(attachment.name).c_str());
  if (!attachment.content_id.empty()) {
    g_mime_object_set_content_id(part.get(), std::string(attachment.content_id).c_str());
  }
  SetContent(GMIME_PART(part.get()), BorrowedBytes::Stream(attachment.content),
             GMIME_CONTENT_ENCODING_BASE64);
  return part;
}

GOwned<GMimeObject> Multipart(const char* subtype) {
  GOwned<GMimeObject> multipart(GMIME_OBJECT(g_mime_multipart_new_with_subtype(subtype)));
  // "=_" occurs neither in base64 nor in quoted-printable.
  const std::string boundary = absl::StrCat("=_", NewUlid(std::chrono::system_clock::now()));
  g_mime_multipart_set_boundary(GMIME_MULTIPART(multipart.get()), boundary.c_str());
  return multipart;
}

void Add(const GOwned<GMimeObject>& multipart, const GOwned<GMimeObject>& part) {
  g_mime_multipart_add(GMIME_MULTIPART(multipart.get()), part.get());
}

GOwned<GMimeObject> HtmlWithImages(const Draft& draft) {
  GOwned<GMimeObject> html = TextPart("html", draft.html);
  if (std::none_of(draft.attachments.begin(), draft.attachments.end(),
                   [](const auto& a) { return a.is_inline; })) {
    return html;
  }
  GOwned<GMimeObject> related = Multipart("related");
  g_mime_object_set_content_type_parameter(related.get(), "type", "text/html");  // RFC 2387 §3.1
  Add(related, html);
  for (const Attachment& attachment : draft.attachments) {
    if (attachment.is_inline) Add(related, AttachmentPart(attachment));
  }
  return related;
}

GOwned<GMimeObject> Content(const Draft& draft) {
  if (draft.html.empty()) return TextPart("plain", draft.text);
  if (draft.text.empty()) return HtmlWithImages(draft);
  GOwned<GMimeObject> alternative = Multipart("alternative");
  Add(alternative, TextPart("plain", draft.text));
  Add(alternative, HtmlWithImages(draft));
  return alternative;
}

}  // namespace

GOwned<GMimeObject> BuildMimeTree(const Draft& draft) {
  InitGmime();
  GOwned<GMimeObject> content = Content(draft);
  const auto is_file = [](const Attachment& attachment) { return !attachment.is_inline; };
  if (std::none_of(draft.attachments.begin(), draft.attachments.end(), is_file)) return content;
  GOwned<GMimeObject> mixed = Multipart("mixed");
  Add(mixed, content);
  for (const Attachment& attachment : draft.attachments) {
    if (is_file(attachment)) Add(mixed, AttachmentPart(attachment));
  }
  return mixed;
}

}  // namespace goniec::mail
