#include "common/mail/headers.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view FieldNameOf(std::string_view line) {
  const std::size_t colon = line.find(':');
  std::string_view name = line.substr(0, colon == std::string_view::npos ? 0 : colon);
  while (!name.empty() && IsBlank(name.back())) name.remove_suffix(1);
  return name;
}

struct ReservedField {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kFromRequest = "written from a field of the request";
constexpr std::string_view kStructure = "written by the server";
constexpr std::string_view kTrace = "a trace field";
constexpr std::string_view kSignature = "a signature or its result";
constexpr std::string_view kHidden = "for recipients that nobody sees: use bcc";

constexpr auto kReserved = std::to_array<ReservedField>({
    {"from", kFromRequest},
    {"sender", kFromRequest},
    {"reply-to", kFromRequest},
    {"to", kFromRequest},
    {"cc", kFromRequest},
    {"subject", kFromRequest},
    {"bcc", kHidden},
    {"resent-bcc", kHidden},
    {"date", kStructure},
    {"message-id", kStructure},
    {"mime-version", kStructure},
    {"return-path", kTrace},
    {"received", kTrace},
    {"received-spf", kTrace},
    {"delivered-to", kTrace},
    {"resent-from", kTrace},
    {"resent-sender", kTrace},
    {"resent-to", kTrace},
    {"resent-cc", kTrace},
    {"resent-date", kTrace},
    {"resent-message-id", kTrace},
    {"authentication-results", kSignature},
    {"dkim-signature", kSignature},
    {"domainkey-signature", kSignature},
});

}  // namespace

bool IsFieldName(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

absl::StatusOr<HeaderSection> ScanHeaders(std::string_view message) {
  HeaderSection section;
  int number = 0;
  for (std::size_t at = 0; at < message.size();) {
    ++number;
    const std::size_t end = message.find(kLineEnd, at);
    const std::size_t next = end == std::string_view::npos ? message.size() : end + kLineEnd.size();
    const std::string_view line = message.substr(at, next - at);
    if (end == at) {
      section.body = message.substr(next);
      break;
    }
    if (next > kMaxHeaderSection) {
      return absl::InvalidArgumentError(
          absl::StrCat("the header section is longer than ", kMaxHeaderSection, " octets"));
    }
    if (IsBlank(line[0])) {
      if (section.fields.empty())
        return absl::InvalidArgumentError("line 1 continues a header field that is not there");
      HeaderField& field = section.fields.back();
      field.line = std::string_view(field.line.data(), field.line.size() + line.size());
    } else {
      const std::string_view name = FieldNameOf(line);
      if (!IsFieldName(name)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "line ", number, " is in the header section but is no header field (an empty line ends it)"));
      }
      section.fields.push_back({.name = name, .value = {}, .line = line});
    }
    at = next;
  }
  for (HeaderField& field : section.fields) {
    field.value = field.line.substr(field.line.find(':') + 1);
    if (field.value.ends_with(kLineEnd)) field.value.remove_suffix(kLineEnd.size());
  }
  return section;
}

const HeaderField* FindField(const HeaderSection& section, std::string_view name) {
  const auto found =
      std::find_if(section.fields.begin(), section.fields.end(),
                   [&](const HeaderField& field) { return EqualsIgnoreCase(field.name, name); });
  return found == section.fields.end() ? nullptr : &*found;
}

int CountFields(const HeaderSection& section, std::string_view name) {
  return static_cast<int>(
      std::count_if(section.fields.begin(), section.fields.end(),
                    [&](const HeaderField& field) { return EqualsIgnoreCase(field.name, name); }));
}

std::string Unfold(std::string_view value) {
  std::string line;
  line.reserve(value.size());
  std::copy_if(value.begin(), value.end(), std::back_inserter(line),
               [](char c) { return c != '\r' && c != '\n'; });
  return std::string(TrimAsciiSpace(line));
}

std::optional<std::string_view> WhyReserved(std::string_view name) {
  const std::string lower = AsciiLower(name);
  if (lower.starts_with("content-")) return kStructure;
  if (lower.starts_with("arc-")) return kSignature;
  const auto found = std::find_if(kReserved.begin(), kReserved.end(),
                                  [&](const ReservedField& field) { return field.name == lower; });
  if (found == kReserved.end()) return std::nullopt;
  return found->why;
}

}  // namespace goniec::mail
