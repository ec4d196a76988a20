#include "common/mail/content_type.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

bool IsTokenText(char c) {
  return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// Takes a token from the front; empty if there is none.
std::string_view TakeToken(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && IsTokenText(text[length])) ++length;
  const std::string_view token = text.substr(0, length);
  text.remove_prefix(length);
  return token;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeQuoted(std::string_view& text) {
  if (!Take(text, '"')) return false;
  while (!text.empty() && text[0] != '"') {
    if (text[0] == '\\' && text.size() > 1) text.remove_prefix(1);
    if (text[0] < ' ' || text[0] == 0x7F) return false;
    text.remove_prefix(1);
  }
  return Take(text, '"');
}

void SkipSpace(std::string_view& text) {
  while (Take(text, ' ') || Take(text, '\t')) {
  }
}

}  // namespace

absl::Status CheckContentType(std::string_view text) {
  const auto malformed = [] {
    return absl::InvalidArgumentError("is not a MIME type such as image/png or text/csv; charset=utf-8");
  };
  const std::string type = AsciiLower(TakeToken(text));
  if (type.empty() || !Take(text, '/') || TakeToken(text).empty()) return malformed();
  if (type == "multipart" || type == "message") {
    return absl::InvalidArgumentError(absl::StrCat("must not be ", type,
                                                   "/*, which cannot be encoded (RFC 2046 §5.2.1); ",
                                                   "send it as application/octet-stream"));
  }
  SkipSpace(text);
  while (Take(text, ';')) {
    SkipSpace(text);
    if (text.empty()) break;
    if (TakeToken(text).empty() || !Take(text, '=')) return malformed();
    if (!TakeQuoted(text) && TakeToken(text).empty()) return malformed();
    SkipSpace(text);
  }
  return text.empty() ? absl::OkStatus() : malformed();
}

std::vector<std::string_view> PartsOfContentType(std::string_view text) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ';' && !quoted)) {
      const std::string_view part = TrimAsciiSpace(text.substr(start, i - start));
      if (!part.empty()) parts.push_back(part);
      start = i + 1;
    } else if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    }
  }
  return parts;
}

}  // namespace goniec::mail
