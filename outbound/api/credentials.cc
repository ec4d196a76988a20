#include "outbound/api/credentials.h"

#include <openssl/sha.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/text.h"

namespace goniec::outbound {
namespace {

constexpr std::string_view kScheme = "bearer ";

}  // namespace

bool Caller::MaySendFrom(std::string_view domain) const {
  if (!HasMail()) return false;
  return sender_domains.empty() ||
         std::find(sender_domains.begin(), sender_domains.end(), domain) != sender_domains.end();
}

std::string HashToken(std::string_view token) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

Credentials::Credentials(const ApiConfig& config)
    : tokens_(config.tokens),
      needs_token_(config.needs_token),
      default_tenant_(config.default_tenant),
      has_several_tenants_(HaveSeveralTenants(tokens_)) {}

absl::StatusOr<Caller> Credentials::Authenticate(std::optional<std::string_view> authorization) const {
  if (!needs_token_) {
    return Caller{.tenant = default_tenant_, .name = "anonymous", .sender_domains = {}, .is_operator = true};
  }
  if (!authorization) {
    return absl::UnauthenticatedError("a token is needed: send metadata `authorization: Bearer <token>`");
  }
  // RFC 7235 §2.1: the scheme's name in any case.
  if (!EqualsIgnoreCase(authorization->substr(0, kScheme.size()), kScheme)) {
    return absl::UnauthenticatedError("metadata `authorization` must be `Bearer <token>`");
  }
  const std::string hash = HashToken(TrimAsciiSpace(authorization->substr(kScheme.size())));
  // All are compared, whichever fits.
  const ApiToken* found = nullptr;
  for (const ApiToken& token : tokens_) {
    if (ConstantTimeEquals(token.sha256, hash)) found = &token;
  }
  if (found == nullptr) return absl::UnauthenticatedError("the token is not known here");
  return Caller{.tenant = found->tenant,
                .name = found->name,
                .sender_domains = found->sender_domains,
                .has_neighbours = has_several_tenants_,
                .is_operator = found->is_operator};
}

}  // namespace goniec::outbound
