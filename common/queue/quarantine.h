// Records that cannot be read: set aside in a stream of their own, never dropped and never in the way.
// Whoever finds out what they are can put them back (README.md, "Quarantine").
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace goniec::queue {

class Broker;

// Stores the record as it is, under `quarantine.<its subject>`, with where it came from and why in headers.
// OK: it is durable there, and the original may be acknowledged. Storing it twice is harmless.
asio::awaitable<absl::Status> Quarantine(Broker& broker, std::string subject, std::string stream,
                                         std::uint64_t sequence, std::string payload, std::string why);

}  // namespace goniec::queue
