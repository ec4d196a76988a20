// The commands that carry a mail's envelope, and the check whether a server with certain extensions can take
// it at all. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/extensions.h"

namespace goniec::outbound {

// Why a transaction is not begun: no other attempt at this server would fare better.
struct Unfit {
  std::string_view enhanced_code;
  std::string_view text;
};

// RFC 1870 §6.3 (size), RFC 6531 §3.2 (UTF-8 in the envelope or the headers). Content with 8-bit octets goes
// to servers without 8BITMIME as it is, against RFC 6152 §3: all in use take it, a conversion breaks
// signatures, and a bounce helps nobody. Addresses with control characters are refused here too, whoever let
// them in: they would be commands.
std::optional<Unfit> FindUnfit(const queue::v1::Mail& mail, const std::vector<std::uint32_t>& recipients,
                               const Extensions& extensions);

// MAIL with the parameters that the server knows, CR LF included. The mail must have passed FindUnfit.
void AppendMail(const queue::v1::Mail& mail, const std::vector<std::uint32_t>& recipients,
                const Extensions& extensions, std::string* wire);
void AppendRcpt(const queue::v1::Recipient& recipient, const Extensions& extensions, std::string* wire);

}  // namespace goniec::outbound
