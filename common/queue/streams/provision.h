// Creates the streams, consumers and KV buckets (`goniec provision`), and says what differs from what this
// version and configuration expect (the services, at start and while they run). The one place that knows
// their settings; common/queue/README.md has the table.
#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

struct ProvisionChange {
  std::string object;  // "stream READY_0", "consumer READY_0/transactional", "bucket presence"
  std::string action;  // "created", "updated max_bytes 1 GiB -> 10 GiB", "unchanged"
};

// Idempotent: missing objects are created, and settings updated where JetStream can. Needs a broker user that
// may use the JetStream API. kFailedPrecondition: a setting cannot be changed in place, such as the number of
// event shards (the message names it, its object and the remedy), or the server is older than 2.15.
// kUnavailable: the broker could not be asked; what was made stays, and the call may be repeated.
asio::awaitable<absl::StatusOr<std::vector<ProvisionChange>>> Provision(Broker& broker, QueueConfig config);

// The service that asks: only its own streams are looked at (inbound's broker user may see no others).
enum class ServiceRole { kInbound, kOutbound };

// One sentence for each object that is missing, or differs in a way that would lose mail or stop the service:
// expected value, present value, remedy. Empty if all is well. kUnavailable: the broker could not be asked.
asio::awaitable<absl::StatusOr<std::vector<std::string>>> Verify(Broker& broker, QueueConfig config,
                                                                 ServiceRole role);

// OK if `version` ("2.15.1") is one that the queue's promises hold on.
absl::Status CheckServerVersion(const std::string& version);

}  // namespace goniec::queue
