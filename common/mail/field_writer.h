// A header field of a caller's, whole: encoded as the grammar of its field wants (field_grammar.h) and
// folded. Used by compose.cc, and by the API to find out what is wrong before composing. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::mail {

// "Name: value\r\n", ASCII, no line above 998 octets, none with an encoded word above 76. `name` is a field
// name of at most 76 octets, `value` UTF-8 without line ends. Unstructured text comes back to the reader
// octet by octet. In structured fields ASCII is written as it is; text beyond it is encoded in display names
// and comments. kInvalidArgument with a phrase for the end of "… value …": a run without spaces that no line
// can hold; in a structured field also text beyond ASCII anywhere else, control octets, a run of more than
// kMaxSpaces spaces.
absl::StatusOr<std::string> WriteField(std::string_view name, std::string_view value);

}  // namespace goniec::mail
