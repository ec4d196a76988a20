// Checks that several fields of a request share. Each adds a violation with the field's path and says whether
// the field is good. Pure; confined to one request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/smtp/address.h"
#include "outbound/api/violations.h"

namespace goniec::outbound {

inline constexpr std::size_t kMaxAddress = 254;

// `path[index]` or `path[index].member`.
std::string At(std::string_view path, int index, std::string_view member = "");

// No CR, LF and NUL, and at most `limit` octets.
bool CheckText(std::string_view value, const std::string& path, std::size_t limit, Violations& violations);

// `local@domain`; nothing (and a violation) if it is not.
std::optional<smtp::Mailbox> ReadMailbox(std::string_view value, const std::string& path,
                                         Violations& violations);

}  // namespace goniec::outbound
