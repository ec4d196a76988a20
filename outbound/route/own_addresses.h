// The addresses of this machine's network interfaces, so that mail which the DNS leads back to us is noticed.
// Read once, at start. Thread-safe.
#pragma once

#include <vector>

#include "common/net/ip_address.h"

namespace goniec::outbound {

// Without loopback and link-local ones, which are refused as such. Empty if they cannot be read.
std::vector<net::IpAddress> InterfaceAddresses();

}  // namespace goniec::outbound
