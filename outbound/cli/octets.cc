#include "outbound/cli/octets.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::cli {
namespace {

constexpr std::size_t kLongestSequence = 4;

bool IsAscii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Octets of the character at the front of `text`, 0 if there is none in UTF-8.
std::size_t CharacterLength(std::string_view text) {
  if (IsAscii(text.front())) return 1;
  for (std::size_t length = 2; length <= kLongestSequence && length <= text.size(); ++length) {
    if (IsValidUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string Octet(std::string_view text, std::size_t at) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(text[at]);
  return absl::StrCat("octet ", at + 1, " is 0x", std::string{kHex[value >> 4], kHex[value & 15]});
}

}  // namespace

absl::Status CheckUtf8(std::string_view what, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = CharacterLength(text.substr(at));
    if (length == 0) {
      return absl::InvalidArgumentError(absl::StrCat(ToAbsl(what), " is not UTF-8: ", Octet(text, at),
                                                     "; text must be UTF-8 (iconv -t UTF-8 converts it)"));
    }
    at += length;
  }
  return absl::OkStatus();
}

absl::Status CheckPrintableAscii(std::string_view what, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] >= ' ' && text[at] <= '~') continue;
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(what), " is not printable ASCII: ", Octet(text, at),
                                                   "; a token has nothing else in it"));
  }
  return absl::OkStatus();
}

}  // namespace goniec::cli
