// An address as a person writes it for a flag: `ada@example.org`, `Ada <ada@example.org>`,
// `"Nat \"King\" Cole" <nat@example.org>`. Whether the address is a good one is the server's to say. Pure;
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace goniec::cli {

struct AddressText {
  std::string name;  // without quotes and backslashes (RFC 5322 §3.2.4)
  std::string address;
};

AddressText SplitAddress(std::string_view text);

// The addresses in their order, each mailbox once: an envelope names nobody twice.
std::vector<std::string> EachOnce(const std::vector<std::string>& addresses);

}  // namespace goniec::cli
