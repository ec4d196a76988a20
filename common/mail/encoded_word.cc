#include "common/mail/encoded_word.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::mail {
namespace {

// RFC 2047 §2: a word has at most 75 characters and its line 76. 12 of the word are its frame, "=?UTF-8?Q?"
// and "?=".
constexpr std::size_t kBestLine = 76;
constexpr std::size_t kFrame = 12;
constexpr std::size_t kLongestWord = 75;
constexpr std::size_t kPhraseWord = 64;
constexpr std::size_t kLongestCharacter = 4;
// Room for any character, in Q.
constexpr std::size_t kLeastEncoded = 3 * kLongestCharacter;

// Longest words, the first one and those behind it.
struct WordSizes {
  std::size_t first;
  std::size_t others;
};

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
  return character == " " ? "_" : EscapeOctets(character, '=', IsPlainInQ);
}

// Whole characters only in each word (RFC 2047 §5).
std::string WordsQ(std::string_view text, WordSizes sizes) {
  std::string words = "=?UTF-8?Q?";
  std::size_t room = sizes.first - kFrame;
  while (!text.empty()) {
    const std::size_t length = LengthOfCharacter(text);
    const std::string encoded = EncodeQ(text.substr(0, length));
    if (encoded.size() > room) {
      words += "?= =?UTF-8?Q?";
      room = sizes.others - kFrame;
    }
    words += encoded;
    room -= std::min(room, encoded.size());
    text.remove_prefix(length);
  }
  return words + "?=";
}

std::string WordsB(std::string_view text, WordSizes sizes) {
  std::size_t room = (sizes.first - kFrame) / 4 * 3;
  std::string words;
  while (!text.empty()) {
    std::size_t taken = 0;
    while (taken < text.size()) {
      const std::size_t length = LengthOfCharacter(text.substr(taken));
      if (taken + length > room) break;
      taken += length;
    }
    absl::StrAppend(&words, words.empty() ? "" : " ", "=?UTF-8?B?",
                    absl::Base64Escape(ToAbsl(text.substr(0, taken))), "?=");
    text.remove_prefix(taken);
    room = (sizes.others - kFrame) / 4 * 3;
  }
  return words;
}

std::string Words(std::string_view text, WordSizes sizes) {
  const auto plain =
      std::count_if(text.begin(), text.end(), [](char c) { return IsPlainInQ(c) || c == ' '; });
  const auto others = static_cast<std::size_t>(text.size()) - static_cast<std::size_t>(plain);
  return others * 6 > text.size() ? WordsB(text, sizes) : WordsQ(text, sizes);
}

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

template <typename Predicate>
std::size_t Longest(std::string_view text, Predicate counts) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = counts(c) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// A reader would decode what looks like an encoded word, and drop white space at the ends.
bool StandsForItself(std::string_view text) {
  return IsPrintableAscii(text) && text.find("=?") == std::string_view::npos &&
         TrimAsciiSpace(text) == text && LongestRun(text) <= kMaxRun && LongestSpaces(text) <= kMaxSpaces;
}

}  // namespace

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string EscapeOctets(std::string_view text, char mark, bool (*plain)(char)) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (plain(c)) {
      escaped += c;
    } else {
      escaped += {mark, kHex[octet >> 4], kHex[octet & 15]};
    }
  }
  return escaped;
}

std::size_t LengthOfCharacter(std::string_view text) {
  std::size_t length = 1;
  while (length < std::min(text.size(), kLongestCharacter) &&
         (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
    ++length;
  return length;
}

std::size_t LongestRun(std::string_view text) {
  return Longest(text, [](char c) { return !IsBlank(c); });
}

std::size_t LongestSpaces(std::string_view text) {
  return Longest(text, IsBlank);
}

std::string EncodeText(std::string_view text, std::size_t column) {
  if (StandsForItself(text)) return std::string(text);
  // Else it goes on a line of its own.
  const bool fits = column + kFrame + kLeastEncoded <= kBestLine;
  const std::size_t first = fits ? std::min(kBestLine - column, kLongestWord) : kLongestWord;
  return Words(text, {.first = first, .others = kLongestWord});
}

std::string EncodeWords(std::string_view text) {
  return Words(text, {.first = kPhraseWord, .others = kPhraseWord});
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
  bool first = true;
  while (!value.empty()) {
    // A piece is white space and the run behind it.
    const std::size_t run = std::min(value.find_first_not_of(" \t"), value.size());
    const std::size_t end = std::min(value.find_first_of(" \t", run), value.size());
    const std::string_view word = value.substr(run, end - run);
    const std::string_view space = first && run == 0 ? std::string_view(" ") : value.substr(0, run);
    // A line of white space alone would be read as the end of the header section by some.
    const bool may_break = !word.empty() && (!first || word.find("=?") != std::string_view::npos);
    if (may_break && line + space.size() + word.size() > kBestLine) {
      field += "\r\n";
      line = 0;
    }
    absl::StrAppend(&field, ToAbsl(space), ToAbsl(word));
    line += space.size() + word.size();
    value.remove_prefix(end);
    first = false;
  }
  return field + "\r\n";
}

}  // namespace goniec::mail
