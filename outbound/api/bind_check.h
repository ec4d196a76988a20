// Whether an address can be listened on, with the system's reason if not: gRPC only logs it. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "common/net/ip_address.h"

namespace goniec::outbound {

// Binds and lets go again. kUnavailable in a phrase that says how to mend it.
absl::Status CheckBindable(const net::Endpoint& endpoint);

}  // namespace goniec::outbound
