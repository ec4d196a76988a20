// For commands that go to the broker itself: the section `queue` of a service's configuration file, and a
// connection.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/queue/model/config.h"

namespace goniec::queue {
class Broker;
}

namespace goniec::cli {

absl::StatusOr<queue::QueueConfig> LoadQueueConfig(const std::string& path);

// Waits until it is connected. `name` is what the broker shows. Silences the log: the connection's comings
// and goings are no result, and what fails is told once, at the end.
absl::StatusOr<std::unique_ptr<queue::Broker>> ConnectToQueue(const queue::QueueConfig& config,
                                                              const std::string& name);

}  // namespace goniec::cli
