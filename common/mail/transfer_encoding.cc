#include "common/mail/transfer_encoding.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/escaping.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLine = 76;
constexpr std::size_t kLineBytes = kLine / 4 * 3;
// Encoded at once, so that the copy is small.
constexpr std::size_t kBlock = kLineBytes * 1024;

// What a message grows by, without the message.
struct Octets {
  std::size_t count = 0;
  void operator+=(char /*octet*/) { ++count; }
  void operator+=(std::string_view octets) { count += octets.size(); }
  void operator+=(std::initializer_list<char> octets) { count += octets.size(); }
};

// Takes the first line of `text`, which is not empty: its content without the end.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(kLineEnd), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end);
  text.remove_prefix(text.starts_with(kLineEnd) ? kLineEnd.size() : std::min<std::size_t>(text.size(), 1));
  return line;
}

// `Message` is std::string or Octets.
template <typename Message>
void AppendQuotedLine(std::string_view line, Message& message) {
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

// What of `block` fills lines, once that is worth it.
void TakeWholeLines(std::string& block, std::string& message) {
  if (block.size() < kBlock) return;
  AppendBase64(std::string_view(block).substr(0, kBlock), message);
  block.erase(0, kBlock);
}

}  // namespace

std::size_t SizeOfCanonicalText(std::string_view text) {
  std::size_t size = 0;
  while (!text.empty()) size += TakeLine(text).size() + kLineEnd.size();
  return size;
}

bool IsShorterInBase64(std::string_view text) {
  const auto encoded = std::count_if(text.begin(), text.end(), [](char c) {
    return c == '=' || static_cast<unsigned char>(c) >= 0x7F ||
           (c < ' ' && c != '\t' && c != '\n' && c != '\r');
  });
  return static_cast<std::size_t>(encoded) * 6 > SizeOfCanonicalText(text);
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

void AppendTextInBase64(std::string_view text, std::string& message) {
  std::string block;  // of canonical text
  block.reserve(2 * kBlock + kLineEnd.size());
  while (!text.empty()) {
    std::string_view line = TakeLine(text);
    while (line.size() > kBlock) {
      block += line.substr(0, kBlock);
      line.remove_prefix(kBlock);
      TakeWholeLines(block, message);
    }
    block += line;
    block += kLineEnd;
    TakeWholeLines(block, message);
  }
  AppendBase64(block, message);
}

std::size_t SizeInQuotedPrintable(std::string_view text) {
  Octets octets;
  while (!text.empty()) AppendQuotedLine(TakeLine(text), octets);
  return octets.count;
}

void AppendQuotedPrintable(std::string_view text, std::string& message) {
  while (!text.empty()) AppendQuotedLine(TakeLine(text), message);
}

}  // namespace goniec::mail
