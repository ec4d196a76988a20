#include "inbound/publish/mail_config.h"

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/document.h"

namespace goniec::inbound {
namespace {

absl::StatusOr<std::string> ParseTenant(std::string_view text) {
  if (queue::IsValidTenant(text)) return std::string(text);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Printable(text, 80), "\" is no tenant's name: a-z, 0-9 and -, 1 to 32 characters"));
}

}  // namespace

void ReadMailConfig(config::Section section, MailConfig& config) {
  using std::chrono::hours;
  using std::chrono::minutes;
  section.Parsed("tenant", config.tenant, ParseTenant);
  section.Choice<queue::MailClass>(
      "class", config.mail_class,
      {{"transactional", queue::MailClass::kTransactional}, {"bulk", queue::MailClass::kBulk}});
  section.Duration("lifetime", config.lifetime, {minutes(1), hours(30 * 24)});
  section.Duration("null_sender_lifetime", config.null_sender_lifetime, {minutes(1), hours(30 * 24)});
}

}  // namespace goniec::inbound
