#include "common/mail/transfer_encoding.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLine = 76;
constexpr std::size_t kLineBytes = kLine / 4 * 3;
// Encoded at once, so that the copy is small.
constexpr std::size_t kBlock = kLineBytes * 1024;

void AppendQuotedLine(std::string_view line, std::string& message) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::size_t column = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const bool last = i + 1 == line.size();
    const bool plain = byte == ' ' || byte == '\t' ? !last : byte > ' ' && byte < 0x7F && byte != '=';
    // One column is for the "=" of a soft line end.
    if (column + (plain ? 1 : 3) > (last ? kLine : kLine - 1)) {
      message += "=\r\n";
      column = 0;
    }
    const bool harmed = column == 0 && (byte == '.' || line.substr(i).starts_with("From "));
    if (plain && !harmed) {
      message += line[i];
      ++column;
    } else {
      message += {'=', kHex[byte >> 4], kHex[byte & 15]};
      column += 3;
    }
  }
  message += kLineEnd;
}

}  // namespace

std::string CanonicalText(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 16 + kLineEnd.size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(kLineEnd), text.size());
    result.append(text.substr(0, end));
    result += kLineEnd;
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with(kLineEnd) ? kLineEnd.size() : std::min<std::size_t>(text.size(), 1));
  }
  return result;
}

bool IsShorterInBase64(std::string_view text) {
  const auto encoded = std::count_if(text.begin(), text.end(), [](char c) {
    return c == '=' || static_cast<unsigned char>(c) >= 0x7F ||
           (c < ' ' && c != '\t' && c != '\n' && c != '\r');
  });
  return static_cast<std::size_t>(encoded) * 6 > text.size();
}

std::size_t SizeInBase64(std::size_t size) {
  const std::size_t characters = (size + 2) / 3 * 4;
  return characters + (characters + kLine - 1) / kLine * kLineEnd.size();
}

void AppendBase64(std::string_view bytes, std::string& message) {
  while (!bytes.empty()) {
    const std::string encoded = absl::Base64Escape(ToAbsl(bytes.substr(0, kBlock)));
    bytes.remove_prefix(std::min(bytes.size(), kBlock));
    for (std::string_view rest = encoded; !rest.empty(); rest.remove_prefix(std::min(rest.size(), kLine))) {
      message += rest.substr(0, kLine);
      message += kLineEnd;
    }
  }
}

void AppendQuotedPrintable(std::string_view text, std::string& message) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(kLineEnd), text.size());
    AppendQuotedLine(text.substr(0, end), message);
    text.remove_prefix(std::min(text.size(), end + kLineEnd.size()));
  }
}

}  // namespace goniec::mail
