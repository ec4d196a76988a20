#include "common/mail/encoded_word.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

// RFC 2047 §2: a line with an encoded word in it has at most 76 characters, so a word has less: it shares its
// line with the field's name. 12 are its frame, "=?UTF-8?Q?" and "?=".
constexpr std::size_t kMaxEncoded = 64 - 12;
constexpr std::size_t kBestLine = 76;
// Longer runs cannot be folded below RFC 5322's 998 octets.
constexpr std::size_t kMaxRun = 900;

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c < 0x7F) || c == '\t'; });
}

// RFC 2047 §5 (3): what may stand for itself in any place, phrases included.
bool IsPlainInQ(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '!' || c == '*' ||
         c == '+' || c == '-' || c == '/';
}

bool IsAtomText(char c) {
  return IsPlainInQ(c) || std::string_view("#$%&'=?^_`{|}~").find(c) != std::string_view::npos;
}

std::string EncodeQ(std::string_view character) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : character) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsPlainInQ(c)) {
      encoded += c;
    } else if (c == ' ') {
      encoded += '_';
    } else {
      encoded += {'=', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

std::size_t LengthOfCharacter(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
  return length;
}

// Whole characters only in each word (RFC 2047 §5).
std::string WordsQ(std::string_view text) {
  std::string words = "=?UTF-8?Q?";
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t length = LengthOfCharacter(text);
    const std::string encoded = EncodeQ(text.substr(0, length));
    if (used + encoded.size() > kMaxEncoded) {
      words += "?= =?UTF-8?Q?";
      used = 0;
    }
    words += encoded;
    used += encoded.size();
    text.remove_prefix(length);
  }
  return words + "?=";
}

std::string WordsB(std::string_view text) {
  constexpr std::size_t kBytes = kMaxEncoded / 4 * 3;
  std::string words;
  while (!text.empty()) {
    std::size_t taken = 0;
    while (taken < text.size()) {
      const std::size_t length = LengthOfCharacter(text.substr(taken));
      if (taken + length > kBytes) break;
      taken += length;
    }
    if (taken == 0)
      taken = std::min(text.size(), kBytes);  // not UTF-8: the caller's fault, but no endless loop
    absl::StrAppend(&words, words.empty() ? "" : " ", "=?UTF-8?B?",
                    absl::Base64Escape(ToAbsl(text.substr(0, taken))), "?=");
    text.remove_prefix(taken);
  }
  return words;
}

std::string EncodeWords(std::string_view text) {
  const auto plain =
      std::count_if(text.begin(), text.end(), [](char c) { return IsPlainInQ(c) || c == ' '; });
  const auto others = static_cast<std::size_t>(text.size()) - static_cast<std::size_t>(plain);
  return others * 6 > text.size() ? WordsB(text) : WordsQ(text);
}

// A reader would decode what looks like an encoded word, and drop white space at the ends.
bool StandsForItself(std::string_view text) {
  return IsPrintableAscii(text) && text.find("=?") == std::string_view::npos &&
         TrimAsciiSpace(text) == text && LongestRun(text) <= kMaxRun;
}

}  // namespace

std::size_t LongestRun(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) {
    const std::size_t run = std::min(text.find_first_of(" \t"), text.size());
    longest = std::max(longest, run);
    text.remove_prefix(std::min(run + 1, text.size()));
  }
  return longest;
}

std::string EncodeText(std::string_view text) {
  return StandsForItself(text) ? std::string(text) : EncodeWords(text);
}

std::string EncodePhrase(std::string_view name) {
  if (!StandsForItself(name) || name.find('\t') != std::string_view::npos) return EncodeWords(name);
  const bool atoms = std::all_of(name.begin(), name.end(), [](char c) { return IsAtomText(c) || c == ' '; });
  if (atoms && name.find("  ") == std::string_view::npos) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string FoldField(std::string_view name, std::string_view value) {
  std::string field = absl::StrCat(ToAbsl(name), ":");
  std::size_t line = field.size();
  while (!value.empty()) {
    // A piece is white space and the run behind it.
    const std::size_t run = std::min(value.find_first_not_of(" \t"), value.size());
    const std::size_t end = std::min(value.find_first_of(" \t", run), value.size());
    const bool first = line == name.size() + 1;
    const std::string_view space = first && run == 0 ? std::string_view(" ") : value.substr(0, run);
    // A line of white space alone would be read as the end of the header section by some.
    if (!first && end > run && line + end > kBestLine) {
      field += "\r\n";
      line = 0;
    }
    absl::StrAppend(&field, ToAbsl(space), ToAbsl(value.substr(run, end - run)));
    line += space.size() + (end - run);
    value.remove_prefix(end);
  }
  return field + "\r\n";
}

}  // namespace goniec::mail
