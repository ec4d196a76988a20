// Schedules that are overdue: the broker may fail to fire one, and then forgets it until it restarts.
// Whatever should have fired more than a minute ago and is still there is published again, to fire at once.
// Writes copies only, under their own subjects; a twin that arises is looked at like any other (README.md,
// "The holder rule").
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Audit;
class Broker;
struct QueueConfig;

// Goes by what `audit` saw in its last run. The number of schedules that were published again.
asio::awaitable<absl::StatusOr<int>> SweepOverdue(Broker& broker, const QueueConfig& config,
                                                  const Audit& audit,
                                                  std::function<std::string(const std::string&)> domain_of,
                                                  WallTime now);

// Makes the schedule at `subject` (wait.…) fire at once, if it is still there. OK if it is not.
asio::awaitable<absl::Status> FireNow(Broker& broker, int lane, std::string subject);

}  // namespace goniec::queue
