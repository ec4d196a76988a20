#include "outbound/api/draft.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/mail/content_type.h"
#include "common/mail/field_writer.h"
#include "common/mail/headers.h"
#include "outbound/api/fields.h"

namespace goniec::outbound {
namespace {

constexpr std::size_t kMaxDisplayName = 256;
constexpr std::size_t kMaxSubject = 998;
constexpr int kMaxReplyTo = 10;
constexpr int kMaxAttachments = 100;
constexpr std::size_t kMaxAttachmentText = 255;
constexpr int kMaxHeaders = 100;
constexpr std::size_t kMaxHeaderName = 76;
constexpr std::size_t kMaxHeaderValue = 8 * 1024;
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

using Addresses = google::protobuf::RepeatedPtrField<v1::Address>;

bool CheckCount(int count, int limit, const char* path, Violations& violations) {
  if (count <= limit) return true;
  violations.Add(path, absl::StrCat("has ", count, " entries, the limit is ", limit));
  return false;
}

mail::NamedAddress ReadAddress(const v1::Address& address, const std::string& path, Violations& violations) {
  CheckText(address.display_name(), path + ".display_name", kMaxDisplayName, violations);
  auto mailbox = ReadMailbox(address.address(), path + ".address", violations);
  return {mailbox ? *std::move(mailbox) : smtp::Mailbox(), address.display_name()};
}

std::vector<mail::NamedAddress> ReadAddresses(const Addresses& addresses, const char* path,
                                              Violations& violations) {
  std::vector<mail::NamedAddress> list;
  list.reserve(addresses.size());
  for (int i = 0; i < addresses.size(); ++i)
    list.push_back(ReadAddress(addresses[i], At(path, i), violations));
  return list;
}

void CheckBody(std::string_view text, const char* path, Violations& violations) {
  if (text.find('\0') != std::string_view::npos) violations.Add(path, "must not contain NUL");
}

// Those of ASCII, and those that came with Latin-1 (U+0080 to U+009F).
bool HasControl(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < ' ' || byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

// It becomes a parameter of a header field and, at many receivers, a file: no way out of the folder.
void CheckFileName(std::string_view name, const std::string& path, Violations& violations) {
  if (!CheckText(name, path, kMaxAttachmentText, violations)) return;
  if (name.find_first_of("/\\") != std::string_view::npos)
    violations.Add(path, "must be a name without a path");
  if (HasControl(name)) violations.Add(path, "must not contain control characters");
}

void CheckContentId(std::string_view id, const std::string& path, Violations& violations) {
  if (!CheckText(id, path, kMaxAttachmentText, violations)) return;
  const bool plain =
      std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F && c != '<' && c != '>'; });
  if (!plain) violations.Add(path, "must be ASCII without spaces and angle brackets");
}

mail::Attachment ReadAttachment(const v1::Attachment& attachment, const std::string& path, bool has_html,
                                Violations& violations) {
  CheckFileName(attachment.name(), path + ".name", violations);
  if (attachment.name().empty() && !attachment.inline_()) {
    violations.Add(path + ".name", "is required unless the attachment is inline");
  }
  if (!attachment.content_type().empty() &&
      CheckText(attachment.content_type(), path + ".content_type", kMaxAttachmentText, violations)) {
    const absl::Status type = mail::CheckContentType(attachment.content_type());
    if (!type.ok()) violations.Add(path + ".content_type", std::string(Message(type)));
  }
  CheckContentId(attachment.content_id(), path + ".content_id", violations);
  if (attachment.inline_() && attachment.content_id().empty()) {
    violations.Add(path + ".content_id", "is required with inline");
  }
  if (attachment.inline_() && !has_html)
    violations.Add(path + ".inline", "needs composed.html to be part of");
  return {.name = attachment.name(),
          .content_type = attachment.content_type(),
          .content = attachment.content(),
          .content_id = attachment.content_id(),
          .is_inline = attachment.inline_()};
}

void ReadAttachments(const v1::ComposedMessage& composed, mail::Draft& draft, Violations& violations) {
  if (!CheckCount(composed.attachments_size(), kMaxAttachments, "composed.attachments", violations)) return;
  std::set<std::string_view> ids;
  for (int i = 0; i < composed.attachments_size(); ++i) {
    const v1::Attachment& attachment = composed.attachments(i);
    const std::string path = At("composed.attachments", i);
    draft.attachments.push_back(ReadAttachment(attachment, path, !composed.html().empty(), violations));
    if (!attachment.content_id().empty() && !ids.insert(attachment.content_id()).second) {
      violations.Add(path + ".content_id", "is used by another attachment");
    }
  }
}

void CheckHeaderName(std::string_view name, const std::string& path, Violations& violations) {
  if (!CheckText(name, path, kMaxHeaderName, violations)) return;
  if (!mail::IsFieldName(name)) {
    violations.Add(path, "must be printable ASCII without space and colon");
  } else if (const auto why = mail::WhyReserved(name)) {
    violations.Add(path, absl::StrCat("is ", ToAbsl(*why)));
  }
}

void ReadHeader(const v1::Header& header, const std::string& path, mail::Draft& draft,
                Violations& violations) {
  CheckHeaderName(header.name(), path + ".name", violations);
  if (CheckText(header.value(), path + ".value", kMaxHeaderValue, violations)) {
    const auto field = mail::WriteField(header.name(), header.value());
    if (!field.ok()) violations.Add(path + ".value", std::string(Message(field.status())));
  }
  draft.headers.emplace_back(header.name(), header.value());
}

void ReadHeaders(const v1::ComposedMessage& composed, mail::Draft& draft, Violations& violations) {
  if (!CheckCount(composed.headers_size(), kMaxHeaders, "composed.headers", violations)) return;
  std::size_t bytes = 0;
  for (int i = 0; i < composed.headers_size(); ++i) {
    bytes += composed.headers(i).name().size() + composed.headers(i).value().size();
    ReadHeader(composed.headers(i), At("composed.headers", i), draft, violations);
  }
  if (bytes > kMaxHeaderBytes) {
    violations.Add("composed.headers",
                   absl::StrCat("have ", bytes, " octets together, the limit is ", kMaxHeaderBytes));
  }
}

}  // namespace

CheckedDraft ReadDraft(const v1::ComposedMessage& composed, Violations& violations) {
  CheckedDraft checked;
  mail::Draft& draft = checked.draft;
  if (composed.has_from()) {
    draft.from = ReadAddress(composed.from(), "composed.from", violations);
  } else {
    violations.Add("composed.from", "is required");
  }
  if (composed.has_sender()) draft.sender = ReadAddress(composed.sender(), "composed.sender", violations);
  if (CheckCount(composed.reply_to_size(), kMaxReplyTo, "composed.reply_to", violations)) {
    draft.reply_to = ReadAddresses(composed.reply_to(), "composed.reply_to", violations);
  }
  draft.to = ReadAddresses(composed.to(), "composed.to", violations);
  draft.cc = ReadAddresses(composed.cc(), "composed.cc", violations);
  checked.bcc = ReadAddresses(composed.bcc(), "composed.bcc", violations);
  CheckText(composed.subject(), "composed.subject", kMaxSubject, violations);
  draft.subject = composed.subject();
  CheckBody(composed.text(), "composed.text", violations);
  draft.text = composed.text();
  CheckBody(composed.html(), "composed.html", violations);
  draft.html = composed.html();
  ReadAttachments(composed, draft, violations);
  ReadHeaders(composed, draft, violations);
  return checked;
}

}  // namespace goniec::outbound
