// What a request can carry: text in UTF-8, and a token in printable ASCII. Where it is something else, the
// line that says which flag, which octet, and what is wanted, before a library says it in its own words.
// Pure; thread-safe.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace goniec::cli {

// kInvalidArgument: "--subject is not UTF-8: octet 4 is 0xE9; …". `what` names the origin of the text:
// "--subject", "--text: standard input". Octets are counted from 1.
absl::Status CheckUtf8(std::string_view what, std::string_view text);

// The same for what goes into a header of HTTP/2.
absl::Status CheckPrintableAscii(std::string_view what, std::string_view text);

}  // namespace goniec::cli
