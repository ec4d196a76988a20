// Who calls: from the bearer token of a call to its tenant and what it may do. Tokens are compared by hash
// and in constant time. Immutable after construction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "outbound/api/api_config.h"

namespace goniec::outbound {

struct Caller {
  // Empty: an operator who has to do with no mail.
  std::string tenant;
  // For logs: the token's name, or "anonymous".
  std::string name;
  // Canonical. Empty: any.
  std::vector<std::string> sender_domains;
  // There are other tenants to leave something for.
  bool has_neighbours = false;
  // May call QueueService.
  bool is_operator = false;

  // `domain` is canonical (smtp::Domain::ascii).
  [[nodiscard]] bool MaySendFrom(std::string_view domain) const;
  // May call MailService.
  [[nodiscard]] bool HasMail() const { return !tenant.empty(); }
};

class Credentials {
 public:
  explicit Credentials(const ApiConfig& config);

  // How many tokens there are.
  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  // Callers may be of more than one tenant.
  [[nodiscard]] bool has_several_tenants() const { return has_several_tenants_; }
  // `authorization` is the value of that metadata key, nothing if there is none. kUnauthenticated: it is no
  // token of ours; the message never holds any of it.
  [[nodiscard]] absl::StatusOr<Caller> Authenticate(std::optional<std::string_view> authorization) const;

 private:
  std::vector<ApiToken> tokens_;
  bool needs_token_;
  std::string default_tenant_;
  bool has_several_tenants_;
};

// SHA-256 of the token in 64 hexadecimal digits.
std::string HashToken(std::string_view token);

}  // namespace goniec::outbound
