// Who may send to whom: the session asks at MAIL and at RCPT, before anything is stored. The answers come at
// once and without I/O; a check that needs a look-up belongs to another stage. Implementations are immutable
// after construction and shared by all threads.
#pragma once

#include <optional>
#include <string>

#include "common/net/ip_address.h"
#include "common/smtp/address.h"
#include "common/smtp/reply.h"

namespace goniec::inbound {

// The client at the other end of the connection.
struct PeerInfo {
  net::IpAddress address;
};

class RecipientPolicy {
 public:
  virtual ~RecipientPolicy() = default;
  // True for peers that may send to everybody: they are greeted at once, and never turned away for earlier
  // sessions.
  [[nodiscard]] virtual bool IsTrusted(const net::IpAddress& address) const = 0;
  // nullopt: accepted. Otherwise the reply that refuses.
  [[nodiscard]] virtual std::optional<smtp::Reply> CheckSender(const PeerInfo& peer,
                                                               const smtp::Path& path) const = 0;
  // `path` has a domain: the session has completed <Postmaster>.
  [[nodiscard]] virtual std::optional<smtp::Reply> CheckRecipient(const PeerInfo& peer,
                                                                  const smtp::Path& path) const = 0;
};

}  // namespace goniec::inbound
