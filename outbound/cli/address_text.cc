#include "outbound/cli/address_text.h"

#include <cstddef>
#include <set>

#include "common/base/text.h"
#include "common/smtp/address.h"

namespace goniec::cli {
namespace {

// Where the '<' before the address stands: outside of quotes, or, if those do not pair, the last one.
std::size_t FindOpen(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '<') {
      return i;
    }
  }
  return quoted ? text.rfind('<') : std::string_view::npos;
}

std::string Unquoted(std::string_view name) {
  if (name.size() < 2 || !name.starts_with('"') || !name.ends_with('"')) return std::string(name);
  name = name.substr(1, name.size() - 2);
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) ++i;
    plain += name[i];
  }
  return plain;
}

}  // namespace

AddressText SplitAddress(std::string_view text) {
  text = TrimAsciiSpace(text);
  const std::size_t open = FindOpen(text);
  if (open == std::string_view::npos || !text.ends_with('>')) return {"", std::string(text)};
  return {Unquoted(TrimAsciiSpace(text.substr(0, open))),
          std::string(text.substr(open + 1, text.size() - open - 2))};
}

std::vector<std::string> EachOnce(const std::vector<std::string>& addresses) {
  std::vector<std::string> once;
  std::set<std::string> known;
  for (const std::string& address : addresses) {
    const auto mailbox = smtp::ParseMailbox(address);
    if (known.insert(mailbox.ok() ? mailbox->Canonical() : address).second) once.push_back(address);
  }
  return once;
}

}  // namespace goniec::cli
