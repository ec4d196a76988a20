// The relay rules: anybody may send to the configured domains, trusted networks may send to everybody, nobody
// else to anything. Made once at start from the configuration; asked by every session. Judges the canonical
// domain, the one that routing uses, so that no other spelling of an address gets past it. Immutable after
// construction; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "common/net/network.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/policy/relay_config.h"

namespace goniec::inbound {

class RelayPolicy : public RecipientPolicy {
 public:
  // kInvalidArgument names the entry that is wrong, or that would open the relay to strangers: "*", "*.com",
  // 0.0.0.0/0 and its like.
  static absl::StatusOr<RelayPolicy> Create(const RelayRules& rules);

  [[nodiscard]] std::optional<smtp::Reply> CheckSender(const PeerInfo& peer,
                                                       const smtp::Path& path) const override;
  [[nodiscard]] std::optional<smtp::Reply> CheckRecipient(const PeerInfo& peer,
                                                          const smtp::Path& path) const override;

  [[nodiscard]] bool IsTrusted(const net::IpAddress& address) const override;
  bool IsRelayDomain(const smtp::Domain& domain) const;

 private:
  RelayPolicy() = default;
  absl::Status AddDomain(const std::string& text);
  absl::Status AddNetwork(const std::string& text);

  absl::flat_hash_set<std::string> exact_;    // canonical names
  absl::flat_hash_set<std::string> parents_;  // of wildcards
  net::NetworkSet trusted_;
};

}  // namespace goniec::inbound
