#include "common/mail/parameter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/encoded_word.h"

namespace goniec::mail {
namespace {

constexpr std::string_view kStart = ";\r\n ";
// Of 76 columns: the space before it, and the semicolon behind it.
constexpr std::size_t kMaxPiece = 74;
constexpr std::string_view kCharset = "UTF-8''";

// RFC 2231 §7 attribute-char.
bool IsAttributeText(char c) {
  return c > ' ' && c < 0x7F && std::string_view("*'%()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsAttributeText);
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Percent(std::string_view text) {
  return EscapeOctets(text, '%', IsAttributeText);
}

std::string Sections(std::string_view name, std::string_view value) {
  std::string written;
  std::string piece;
  for (int section = 0; !value.empty(); ++section) {
    piece = absl::StrCat(ToAbsl(name), "*", section, "*=", section == 0 ? ToAbsl(kCharset) : "");
    while (!value.empty()) {
      const std::size_t length = LengthOfCharacter(value);
      const std::string encoded = Percent(value.substr(0, length));
      if (piece.size() + encoded.size() > kMaxPiece) break;
      piece += encoded;
      value.remove_prefix(length);
    }
    absl::StrAppend(&written, ToAbsl(kStart), piece);
  }
  return written;
}

}  // namespace

std::string WriteParameter(std::string_view name, std::string_view value) {
  // Some readers decode encoded words here, though RFC 2047 §5 (3) forbids them.
  if (IsAscii(value) && value.find("=?") == std::string_view::npos) {
    const std::string plain =
        absl::StrCat(ToAbsl(name), "=", IsToken(value) ? std::string(value) : Quoted(value));
    if (plain.size() <= kMaxPiece) return absl::StrCat(ToAbsl(kStart), plain);
  }
  const std::string whole = absl::StrCat(ToAbsl(name), "*=", ToAbsl(kCharset), Percent(value));
  if (whole.size() <= kMaxPiece) return absl::StrCat(ToAbsl(kStart), whole);
  return Sections(name, value);
}

}  // namespace goniec::mail
