// Header text beyond ASCII as encoded words (RFC 2047), and the folding of fields (RFC 5322 §2.2.3). Used by
// compose.cc; does not decode. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::mail {

// `text` (valid UTF-8, no line ends) for an unstructured field: itself if readers will take it for itself,
// else encoded words of at most 64 characters with spaces between them.
std::string EncodeText(std::string_view text);
// The same for a display name (RFC 5322 phrase): atoms, a quoted string, or encoded words.
std::string EncodePhrase(std::string_view name);

// Length of the longest run without white space.
std::size_t LongestRun(std::string_view text);

// "Name: value\r\n", broken before white space where a line would pass 76 octets and can be broken. A run
// without white space stays whole, however long.
std::string FoldField(std::string_view name, std::string_view value);

}  // namespace goniec::mail
