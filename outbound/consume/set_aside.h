// A delivered record that is not a Goniec record, or not one of the subject where it lay, is set aside in
// QUARANTINE: never dropped, never in the way. The worker calls this for a record that RecordWork refused;
// the stream itself is common/queue/hold/quarantine.h.
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "common/observe/metrics.h"

namespace goniec {
class TaskGroup;
}
namespace goniec::queue {
class Broker;
class Delivery;
}  // namespace goniec::queue

namespace goniec::outbound {

class SetAside {
 public:
  // Both must outlive what Now() returns.
  SetAside(queue::Broker& broker, TaskGroup& tasks, observe::Metrics& metrics);

  // Acknowledges the record once it is durable in QUARANTINE; gives it back for a while if it cannot be
  // stored there. `why` is shown to people. `owner` is kept meanwhile.
  asio::awaitable<void> Now(std::shared_ptr<queue::Delivery> delivery, std::string why,
                            std::shared_ptr<void> owner);

 private:
  queue::Broker& broker_;
  TaskGroup& tasks_;
  observe::Counter unreadable_;
};

}  // namespace goniec::outbound
