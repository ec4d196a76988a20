// The keeper's work, of all sites that are this worker's to keep (cluster.h): what lies on their shelves
// (common/queue/hold/shelf.h) comes back as fast as they take it (pacing.h) while they are open. While a site
// is closed, one record is released as a probe when that is due; what routes elsewhere by now is released as
// well. What must come back at a time comes back whoever keeps the site, and not from here.
//
// No error of one site or lane of the queue keeps the others waiting, and none ends the keeper.
//
// Two workers may both think that they keep a site, and one may die between any two steps: a record then
// comes back twice, which harms nobody, and of two probes the word lets one out.
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "common/queue/hold/shelf.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
class ShelfMarks;
}  // namespace goniec::queue

namespace goniec::outbound {

class Cluster;
class Router;

struct KeeperParts {
  asio::any_io_executor executor;
  queue::Broker& broker;
  queue::ShelfMarks& marks;  // the keeper starts it
  Cluster& cluster;
  const Router& router;
  observe::Metrics& metrics;
  int lanes = 1;
  // Of one worker, mails in hand that wait (worker.slots): a quarter of all workers' is what is released at
  // the most.
  std::size_t slots = 1'000;
};

// How often is looked while there is anything to do.
inline constexpr std::chrono::milliseconds kKeeperTick{250};
// A probe of which nothing is left, while the site's word says that it is under way, is lost after that.
inline constexpr std::chrono::seconds kProbeLostAfter{15};

class Keeper {
 public:
  // All parts must outlive it.
  explicit Keeper(KeeperParts parts);
  // Stop() first, and let the executor's handlers run out.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // From the executor.
  void Start();
  // Something was put there by this worker: the shelf is looked at soon.
  void Expect(const queue::ShelfPlace& place);
  // Nothing new is begun; what is under way ends by itself. From the executor.
  void Stop();
  // Blocks the caller (never a thread of the executor) until nothing runs any more; false after `limit`.
  [[nodiscard]] bool WaitFor(std::chrono::milliseconds limit);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
