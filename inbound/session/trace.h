// The one header that this server adds: Received (RFC 5321 §4.4, RFC 3848, RFC 6531 §3.7.3). Built by the
// shell at commit. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/session/transaction.h"

namespace goniec::inbound {

// The folded header with its last CR LF. The octet NUL stands for the message id, which is not known before
// the mail joins its record: the publisher puts it in (there is exactly one NUL). In the client's own name
// every octet that could break the header is replaced. The recipient is named only if it is the only one, so
// that none learns of another.
std::string ReceivedHeader(const Transaction& transaction, std::string_view host_name, const PeerInfo& peer,
                           WallTime received);

}  // namespace goniec::inbound
