#include "common/mail/raw.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/address_field.h"
#include "common/mail/compose.h"
#include "common/mail/encoded_word.h"
#include "common/mail/headers.h"

namespace goniec::mail {
namespace {

// The same byte as queue::kMessageIdPlaceholder; the queue is not linked here.
constexpr std::string_view kIdPlaceholder("\0", 1);
constexpr std::size_t kMaxMessageIdShown = 998;
constexpr std::array<std::string_view, 4> kOriginators = {"from", "sender", "resent-from", "resent-sender"};
constexpr std::array<std::string_view, 3> kRemoved = {"return-path", "bcc", "resent-bcc"};

// Bodies have megabytes: memchr, not a loop over bytes.
std::size_t FindByte(std::string_view text, char c, std::size_t from) {
  if (from >= text.size()) return std::string_view::npos;
  const void* found = std::memchr(text.data() + from, c, text.size() - from);
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

absl::Status CheckBytes(std::string_view raw) {
  if (FindByte(raw, '\0', 0) != std::string_view::npos) return absl::InvalidArgumentError("holds a NUL");
  for (std::size_t at = FindByte(raw, '\r', 0); at != std::string_view::npos;
       at = FindByte(raw, '\r', at + 1)) {
    if (at + 1 == raw.size() || raw[at + 1] != '\n') {
      return absl::InvalidArgumentError(absl::StrCat("holds a CR without LF at octet ", at));
    }
  }
  return absl::OkStatus();
}

std::size_t CountLoneLfs(std::string_view raw) {
  std::size_t count = 0;
  for (std::size_t at = FindByte(raw, '\n', 0); at != std::string_view::npos;
       at = FindByte(raw, '\n', at + 1)) {
    if (at == 0 || raw[at - 1] != '\r') ++count;
  }
  return count;
}

std::string WithCrLf(std::string_view raw, std::size_t lone_lfs) {
  std::string mended;
  mended.reserve(raw.size() + lone_lfs + 2);
  std::size_t start = 0;
  for (std::size_t at = FindByte(raw, '\n', 0); at != std::string_view::npos;
       at = FindByte(raw, '\n', at + 1)) {
    const bool lone = at == 0 || raw[at - 1] != '\r';
    mended.append(raw.substr(start, at - start));
    mended += lone ? "\r\n" : "\n";
    start = at + 1;
  }
  mended.append(raw.substr(start));
  if (!mended.ends_with("\r\n")) mended += "\r\n";
  return mended;
}

std::string MessageIdIn(const HeaderField& field) {
  std::string id = Unfold(field.value);
  if (id.size() < 3 || id.size() > kMaxMessageIdShown || id.front() != '<' || id.back() != '>') return {};
  id = id.substr(1, id.size() - 2);
  return id.find_first_of("<> \t") == std::string::npos ? id : std::string();
}

bool NamesAnOriginator(std::string_view name) {
  return std::any_of(kOriginators.begin(), kOriginators.end(),
                     [&](std::string_view known) { return EqualsIgnoreCase(name, known); });
}

absl::Status ReadOriginators(const HeaderSection& section, NormalizedRaw& message) {
  // Which of several a reader shows is anybody's guess, and so is whose domain was checked.
  if (CountFields(section, "From") > 1) return absl::InvalidArgumentError("has more than one From field");
  for (const HeaderField& field : section.fields) {
    if (!NamesAnOriginator(field.name)) continue;
    auto read = ReadAddressField(field.value);
    if (!read.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("has a ", ToAbsl(field.name), " field that ", read.status().message()));
    }
    if (read->addresses.empty() && EqualsIgnoreCase(field.name, "From"))
      return absl::InvalidArgumentError("has a From field without an address");
    message.originators.push_back({.field = std::string(field.name),
                                   .addresses = std::move(read->addresses),
                                   .malformed = read->malformed});
  }
  return absl::OkStatus();
}

// The author's domain as it may stand in a Message-ID, else the server's.
std::string MessageIdDomain(const NormalizedRaw& message, const RawOptions& options) {
  for (const Originator& originator : message.originators) {
    if (!EqualsIgnoreCase(originator.field, "From")) continue;
    const std::string& author = originator.addresses.front();
    const auto domain = smtp::ParseDomain(author.substr(author.rfind('@') + 1));
    if (domain.ok()) return domain->ascii;
  }
  return options.fallback_domain;
}

void WriteHead(const HeaderSection& section, const RawOptions& options, NormalizedRaw& message) {
  const std::string date = FormatDate(options.now);
  // Names no client (RFC 5321 §4.4 asks for it; who calls an API is nobody's business).
  message.head = absl::StrCat("Received: by ", options.host, " with gRPC id ", ToAbsl(kIdPlaceholder),
                              ";\r\n\t", date, "\r\n");
  if (FindField(section, "Date") == nullptr) absl::StrAppend(&message.head, "Date: ", date, "\r\n");
  if (const HeaderField* id = FindField(section, "Message-ID"); id != nullptr) {
    message.internet_message_id = MessageIdIn(*id);
  } else {
    message.internet_message_id =
        absl::StrCat(ToAbsl(kIdPlaceholder), "@", MessageIdDomain(message, options));
    absl::StrAppend(&message.head, "Message-ID: <", message.internet_message_id, ">\r\n");
  }
}

void WriteHeader(const HeaderSection& section, NormalizedRaw& message) {
  for (const HeaderField& field : section.fields) {
    const std::string name = AsciiLower(field.name);
    if (std::find(kRemoved.begin(), kRemoved.end(), name) == kRemoved.end()) message.header += field.line;
  }
  message.header += "\r\n";
}

}  // namespace

absl::StatusOr<NormalizedRaw> NormalizeRaw(std::string_view raw, const RawOptions& options) {
  if (absl::Status bytes = CheckBytes(raw); !bytes.ok()) return bytes;
  NormalizedRaw message;
  const std::size_t lone_lfs = CountLoneLfs(raw);
  if (lone_lfs > 0 || !raw.ends_with("\r\n")) {
    message.owner = std::make_unique<std::string>(WithCrLf(raw, lone_lfs));
    raw = *message.owner;
  }
  auto section = ScanHeaders(raw);
  if (!section.ok()) return section.status();
  if (section->fields.empty()) return absl::InvalidArgumentError("has no header field");
  const std::string_view header = raw.substr(0, raw.size() - section->body.size());
  if (!IsAscii(header)) {
    if (!IsValidUtf8(header))
      return absl::InvalidArgumentError("has a header section that is neither ASCII nor UTF-8");
    message.smtputf8 = true;
  }
  message.eight_bit = message.smtputf8 || !IsAscii(section->body);
  message.body = section->body;
  if (absl::Status read = ReadOriginators(*section, message); !read.ok()) return read;
  WriteHead(*section, options, message);
  WriteHeader(*section, message);
  return message;
}

}  // namespace goniec::mail
