#include "common/smtp/host_name.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/smtp/address.h"

namespace goniec::smtp {

absl::StatusOr<std::string> ParseHostName(std::string_view text) {
  const auto domain = ParseDomain(text);
  // Others may have an underscore in a name; receivers refuse a greeting with one (RFC 1123 §2.1).
  if (!domain.ok() || domain->kind != Domain::Kind::kName || domain->ascii.find('_') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, 80), "\" is not a domain name; use for example mx.example.org"));
  }
  return domain->ascii;
}

}  // namespace goniec::smtp
