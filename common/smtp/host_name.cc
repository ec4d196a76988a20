#include "common/smtp/host_name.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/smtp/address.h"

namespace goniec::smtp {

absl::StatusOr<std::string> ParseHostName(std::string_view text) {
  const auto domain = ParseDomain(text);
  if (!domain.ok() || domain->kind != Domain::Kind::kName) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, 80), "\" is not a domain name; use for example mx.example.org"));
  }
  return domain->ascii;
}

}  // namespace goniec::smtp
