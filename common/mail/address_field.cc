#include "common/mail/address_field.h"

#include "common/mail/gmime.h"
#include "common/mail/headers.h"

namespace goniec::mail {
namespace {

// Groups do not nest in RFC 5322, but this reads what a stranger wrote.
constexpr int kMaxDepth = 4;

void Collect(InternetAddressList* list, int depth, std::vector<std::string>& addresses) {
  const int count = internet_address_list_length(list);
  for (int i = 0; i < count; ++i) {
    InternetAddress* address = internet_address_list_get_address(list, i);
    if (INTERNET_ADDRESS_IS_MAILBOX(address)) {
      const char* mailbox = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
      if (mailbox != nullptr && *mailbox != '\0') addresses.emplace_back(mailbox);
    } else if (INTERNET_ADDRESS_IS_GROUP(address) && depth < kMaxDepth) {
      Collect(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)), depth + 1, addresses);
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> AddressesOf(std::string_view value) {
  InitGmime();
  const std::string line = Unfold(value);
  std::vector<std::string> addresses;
  const GOwned<InternetAddressList> list(internet_address_list_parse(nullptr, line.c_str()));
  if (list != nullptr) Collect(list.get(), 0, addresses);
  if (addresses.empty()) return absl::InvalidArgumentError("holds no address");
  return addresses;
}

}  // namespace goniec::mail
