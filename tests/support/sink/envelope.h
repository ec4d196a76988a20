// The arguments of MAIL and RCPT, read strictly (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2): a client that writes
// them otherwise gets 501. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goniec::sink {

struct PathArgument {
  // Between the angle brackets, as written; empty for "<>".
  std::string path;
  // "SIZE=1000", "BODY=8BITMIME", as written.
  std::vector<std::string> parameters;
};

// `argument` is what follows "MAIL " or "RCPT "; `keyword` "FROM:" or "TO:". No blank may follow the colon.
std::optional<PathArgument> ParsePathArgument(std::string_view argument, std::string_view keyword);

// The value of a parameter, empty if it has none; nothing if it is not there. Names are compared without
// case.
std::optional<std::string> FindParameter(const std::vector<std::string>& parameters, std::string_view name);

// The id that the first Received field of `message` names ("… id ULID …"). Empty if there is none.
std::string ReceivedId(std::string_view message);

}  // namespace goniec::sink
