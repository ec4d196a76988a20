// The subjects on which a connection gets its answers. Pure but for the random token; thread-safe.
#pragma once

#include <string>

namespace goniec::queue {

// "_INBOX.<user>.<random>." for a broker's user whose name is a subject token, "_INBOX.<random>." for others.
// So a service's permissions can be "_INBOX.<user>.>", and no service can listen to mail delivered to
// another.
std::string InboxPrefix(const std::string& user);

}  // namespace goniec::queue
