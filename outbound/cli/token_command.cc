// `goniec token`: makes a token, or the hash of one, for api.tokens.
#include <openssl/rand.h>

#include <array>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "outbound/api/credentials.h"
#include "outbound/cli/command.h"
#include "outbound/cli/octets.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>({
    {"token-file", FlagKind::kOne, "FILE", "hash: the file with the token (default: standard input)"},
});

absl::StatusOr<std::string> NewToken() {
  unsigned char bytes[32];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return absl::InternalError("no random bytes to be had");
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

absl::Status Token(const Flags& flags) {
  const auto& arguments = flags.arguments();
  if (arguments.size() != 1 || (arguments[0] != "new" && arguments[0] != "hash")) {
    return UsageError(
        "say `token new` or `token hash` (a token is not given as an argument, where others see it)");
  }
  if (arguments[0] == "new") {
    const auto token = NewToken();
    if (!token.ok()) return token.status();
    std::printf("token   %s\nsha256  %s\n", token->c_str(), outbound::HashToken(*token).c_str());
    return absl::OkStatus();
  }
  const auto input = ReadInput(flags.Has("token-file") ? flags.One("token-file") : "-");
  if (!input.ok()) return input.status();
  const std::string_view token = TrimAsciiSpace(*input);
  if (token.empty()) return absl::InvalidArgumentError("the token is empty");
  if (absl::Status good = CheckPrintableAscii("the token", token); !good.ok()) return good;
  std::printf("%s\n", outbound::HashToken(token).c_str());
  return absl::OkStatus();
}

}  // namespace

const Command kTokenCommand = {
    .name = "token",
    .arguments = "new | hash",
    .summary = "make a token, or the hash of one",
    .details =
        "`new` prints a token for a client and its SHA-256 for the server's api.tokens; the server never "
        "needs\n"
        "the token. `hash` reads a token and prints its SHA-256. In the configuration of goniec-outbound:\n\n"
        "  api:\n"
        "    tokens:\n"
        "      - sha256: <the hash>\n"
        "        tenant: shop\n"
        "        sender_domains: [shop.example]\n\n"
        "A token of an operator has `operator: true`, and may do without tenant and sender_domains.",
    .flags = kFlags,
    .run = Token,
};

}  // namespace goniec::cli
