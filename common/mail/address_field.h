// Reading the addresses out of a header field that a stranger wrote (RFC 5322 §3.4 and the obsolete forms of
// §4.4 that programs write; groups in From by RFC 6854; UTF-8 by RFC 6532). Used to hold the fields of a raw
// message that name its originators against the domains that its sender may use: what counts is that no
// reader finds an address that is not in the list. Pure; bounded work, no recursion; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::mail {

// Far beyond the fields of people and programs: a hundred authors with long names.
inline constexpr std::size_t kMaxAddressField = 16 * 1024;
inline constexpr std::size_t kMaxFieldAddresses = 100;

struct AddressField {
  // Each `local@domain` as written, without white space, comments and display names.
  std::vector<std::string> addresses;
  // Nothing if the field is well-formed; else why another reader may find other addresses in it: a phrase for
  // the end of "the field …".
  std::string_view malformed;
};

// `value` may be folded. `a@x.example <b@y.example>` (an address as a display name without quotes) is common
// and holds two addresses here. kInvalidArgument, with a phrase for the end of "the field …", if it passes
// one of the limits.
absl::StatusOr<AddressField> ReadAddressField(std::string_view value);

}  // namespace goniec::mail
