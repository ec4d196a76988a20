// A killed single nats-server forgets the deliveries of its last moments: after its restart it gives records to a
// second worker while the first still has them, with a delivery count of 1. So for ten minutes after such a server's
// start the first thousand records above what it remembers are put back once, for as long as a worker holds a record
// without a sign; when they come again (delivery count 2) they are looked at. Records stored after the start cannot
// have been delivered before it, and pass. Replicated streams never forget. (The holder rule, common/queue/README.md.)
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/queue/delivery.h"
#include "common/queue/durability.h"

namespace goniec::queue {
class Broker;
}  // namespace goniec::queue

namespace goniec::outbound {

class RestartGuard {
 public:
  explicit RestartGuard(queue::Broker& broker) : broker_(broker) {}

  // Asked after each connection, before anything is pulled: when the server started (`durability`), and what it
  // remembers of the consumer. An error: could not be asked, ask again.
  asio::awaitable<absl::Status> Learn(queue::Durability durability, std::string stream, std::string consumer);

  // True if the record may still be in the hands of a worker that the server has forgotten.
  [[nodiscard]] bool IsSuspect(const queue::DeliveryInfo& info) const;

 private:
  struct Window {
    std::uint64_t above = 0;  // stream sequences; empty window if equal
    std::uint64_t up_to = 0;
    WallTime stored_before;
  };

  queue::Broker& broker_;
  std::map<std::pair<std::string, std::string>, Window> windows_;
};

}  // namespace goniec::outbound
