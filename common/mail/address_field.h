// Reading the addresses out of a header field that somebody else wrote (RFC 5322 §3.4, groups and comments
// included). Used to hold the From field of a raw message against the domains that its sender may use.
// Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::mail {

// The mailboxes, each `local@domain` as written, without display names. kInvalidArgument if there is none.
absl::StatusOr<std::vector<std::string>> AddressesOf(std::string_view value);

}  // namespace goniec::mail
