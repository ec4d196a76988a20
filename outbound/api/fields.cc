#include "outbound/api/fields.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace goniec::outbound {

std::string At(std::string_view path, int index, std::string_view member) {
  return absl::StrCat(ToAbsl(path), "[", index, "]", member.empty() ? "" : ".", ToAbsl(member));
}

bool CheckText(std::string_view value, const std::string& path, std::size_t limit, Violations& violations) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    violations.Add(path, "must not contain CR, LF or NUL");
    return false;
  }
  if (value.size() > limit) {
    violations.Add(path, absl::StrCat("has ", value.size(), " octets, the limit is ", limit));
    return false;
  }
  return true;
}

std::optional<smtp::Mailbox> ReadMailbox(std::string_view value, const std::string& path,
                                         Violations& violations) {
  if (value.empty()) {
    violations.Add(path, "is required");
    return std::nullopt;
  }
  if (!CheckText(value, path, kMaxAddress, violations)) return std::nullopt;
  auto mailbox = smtp::ParseMailbox(value);
  if (!mailbox.ok()) {
    violations.Add(path, absl::StrCat("is not a mail address: ", ToAbsl(Message(mailbox.status()))));
    return std::nullopt;
  }
  if (mailbox->domain.empty()) {
    violations.Add(path, "has no domain");
    return std::nullopt;
  }
  if (mailbox->domain.kind == smtp::Domain::Kind::kGeneral) {
    violations.Add(path, "has an address literal that cannot be reached");
    return std::nullopt;
  }
  return *std::move(mailbox);
}

}  // namespace goniec::outbound
