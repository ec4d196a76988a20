// What one of the workers does for all of them: audits the queue every minute, publishes overdue schedules
// again, and says so in metrics and, when something is missing, in the log. Every worker has one; they elect
// who acts.
//
// Its figures are exported by the one that acts and are 0 at the others: alert on their maximum.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "common/queue/tend/audit.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
class MessageFinder;
struct QueueConfig;
}  // namespace goniec::queue

namespace goniec::outbound {

struct AuditorParts {
  asio::any_io_executor executor;
  // For what is written, and for what is read: best two connections.
  queue::Broker& broker;
  queue::Broker& reads;
  queue::MessageFinder& finder;
  const queue::QueueConfig& queue;
  observe::Metrics& metrics;
  std::string name;  // of this process
};

class Auditor {
 public:
  // All parts must outlive it. With `every` the audits of a test are closer, with `bounds` they go by what is
  // younger.
  explicit Auditor(AuditorParts parts, std::chrono::milliseconds every = std::chrono::minutes(1),
                   queue::AuditBounds bounds = queue::kBoundedRun);
  // Stop() first.
  ~Auditor();
  Auditor(const Auditor&) = delete;
  Auditor& operator=(const Auditor&) = delete;

  void Start();
  // Blocks the caller (never a thread of the executor) until nothing runs any more.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
