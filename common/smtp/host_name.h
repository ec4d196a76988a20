// A host's own name as a setting: what both services say in greetings, EHLO and Received fields. Used by
// their configurations. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::smtp {

// A domain name, no address literal, no underscore. The result is in A-labels: headers and greetings are
// ASCII. The error is a whole sentence with the text in it, fit for a configuration's problem.
absl::StatusOr<std::string> ParseHostName(std::string_view text);

}  // namespace goniec::smtp
