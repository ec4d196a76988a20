// Records that cannot be read or must not be served: set aside in a stream of their own, never dropped and
// never in the way. Called by the worker; whoever finds out what they are can put them back (`goniec
// quarantine`, README.md, "Quarantine"). No state of its own; thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

// Stores the record as it is, under `quarantine.<its subject>`, with where it came from and why in headers.
// OK: it is durable there, and the original may be acknowledged. Storing it twice is harmless.
asio::awaitable<absl::Status> Quarantine(Broker& broker, std::string subject, std::string stream,
                                         std::uint64_t sequence, std::string payload, std::string why);

struct SetAside {
  std::uint64_t sequence = 0;  // in QUARANTINE
  WallTime since;
  std::string subject;  // that it had
  std::string origin;   // stream and sequence that it had
  std::string why;
  std::string payload;
};

// All of them, oldest first. kUnavailable: the broker could not be asked.
asio::awaitable<absl::StatusOr<std::vector<SetAside>>> ListSetAside(Broker& broker);
// kNotFound if there is none with this sequence.
asio::awaitable<absl::StatusOr<SetAside>> FindSetAside(Broker& broker, std::uint64_t sequence);

struct Returned {
  std::string stream;
  std::uint64_t sequence = 0;
};
// Publishes it where it was, to be looked at before it is served, notes that the one that it was has been
// dealt with, and deletes it here once all that is durable. Doing it twice is harmless. kFailedPrecondition:
// no worker takes records from that subject.
asio::awaitable<absl::StatusOr<Returned>> ReturnSetAside(Broker& broker, const QueueConfig& config,
                                                         SetAside record);

}  // namespace goniec::queue
