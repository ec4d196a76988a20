// Creates the streams, consumers and KV buckets (`goniec provision`), and says what differs from what this
// version and configuration expect (the services, at start and while they run). The one place that knows
// their settings; README.md in this folder has the table.
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

// Idempotent: creates what is missing, updates what may be updated, refuses (kFailedPrecondition, saying
// which setting of what, and how to mend it) what cannot be changed in place, such as the number of event
// shards. Needs a broker user that may use the JetStream API. kFailedPrecondition if the server is older
// than 2.15.
asio::awaitable<absl::StatusOr<std::vector<ProvisionChange>>> Provision(Broker& broker, QueueConfig config);

// What a service needs: nothing else is looked at (inbound's broker user may not see more).
enum class ServiceRole { kInbound, kOutbound };

// One sentence for each thing that is missing or differs in a way that would lose mail or stop the service:
// what is expected, what is there, how to mend it. Empty if all is well. An error if the broker could not be
// asked.
asio::awaitable<absl::StatusOr<std::vector<std::string>>> Verify(Broker& broker, QueueConfig config,
                                                                 ServiceRole role);

// OK if `version` ("2.15.1") is one that the queue's promises hold on.
absl::Status CheckServerVersion(const std::string& version);

}  // namespace goniec::queue
