// Header text beyond ASCII as encoded words (RFC 2047), and the folding of fields (RFC 5322 §2.2.3). Used by
// compose.cc and field_writer.cc; does not decode. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::mail {

// Longer runs of text without a space cannot be folded below RFC 5322's 998 octets, and longer runs of spaces
// would make lines of white space alone, which some readers take for the end of the header section.
inline constexpr std::size_t kMaxRun = 900;
inline constexpr std::size_t kMaxSpaces = 40;

bool IsAscii(std::string_view text);

// `text` (valid UTF-8, no line ends) for an unstructured field: itself if readers will take it for itself,
// else encoded words with spaces between them. The first word leaves room for `column` octets before it on
// its line, if it can.
std::string EncodeText(std::string_view text, std::size_t column = 0);
// The same for a display name (RFC 5322 phrase): atoms, a quoted string, or encoded words. Its words are
// short enough to share a line with the name of a field.
std::string EncodePhrase(std::string_view name);
// Encoded words as EncodePhrase makes them, whatever `text` is.
std::string EncodeWords(std::string_view text);

// `text` with every octet that is not `plain` as `mark` and its two hexadecimal digits.
std::string EscapeOctets(std::string_view text, char mark, bool (*plain)(char));

// In octets, of the first character of `text`, which is UTF-8 and not empty.
std::size_t LengthOfCharacter(std::string_view text);

// Lengths of the longest run without white space, and of the longest run of it.
std::size_t LongestRun(std::string_view text);
std::size_t LongestSpaces(std::string_view text);

// "Name: value\r\n", broken before white space where a line would pass 76 octets and can be broken; behind
// the colon only for an encoded word that does not fit (RFC 2047 §2). A run without white space stays whole,
// however long.
std::string FoldField(std::string_view name, std::string_view value);

}  // namespace goniec::mail
