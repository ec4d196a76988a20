// Internationalised domain names (RFC 5890, UTS #46) to what DNS knows. Used by the address parser only;
// keeps the IDN library out of every other file. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::smtp {

// The lower-case A-label form of a name with at least one non-ASCII character. Each non-ASCII label must
// become an A-label: characters that the mapping turns into ASCII letters or dots (full-width letters, the
// ideographic full stop) would make a name that looks like one domain and is another.
absl::StatusOr<std::string> ToAsciiDomain(std::string_view utf8);

}  // namespace goniec::smtp
