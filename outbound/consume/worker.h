// The delivery worker: takes records from its sources while nothing keeps them at rest, holds their leases,
// and has each one worked on and settled, until it is drained. The service starts one in a process with the
// role `deliver`. It wires: records are pulled in sources.h, put back in rest.h, kept in leases.h, worked on
// in record_work.h, set aside in set_aside.h, given up in drain.h.
//
// Confined to its executor, whose context has one thread; Start and Drain may be called from others.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/queue/model/subjects.h"
#include "outbound/consume/worker_config.h"
#include "outbound/retry/retry.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
class MessageFinder;
struct QueueConfig;
}  // namespace goniec::queue

namespace goniec::outbound {

class Dispatcher;
class Router;

// What a worker asks and tells those who know of sites among all workers (outbound/site). Empty: it is alone,
// and nobody keeps shelves. Called on the executor.
struct SiteHooks {
  // All connections to the site of a shelf are other workers'.
  std::function<bool(const queue::ShelfPlace& place)> is_elsewhere = {};
  // A shelf has its mark, before anything is put there (SettlementContext).
  std::function<asio::awaitable<absl::Status>(queue::ShelfPlace place, std::string site_name)> see_to_mark =
      {};
};

// What a worker stands on. All must outlive it.
struct WorkerParts {
  asio::any_io_executor executor;
  queue::Broker& broker;
  queue::MessageFinder& finder;
  const queue::QueueConfig& queue;
  const Router& router;
  Dispatcher& dispatcher;
  const RetryPolicy& retry;
  const WorkerConfig& config;
  observe::Metrics& metrics;
  SiteHooks sites = {};
};

class Worker {
 public:
  explicit Worker(WorkerParts parts);
  // Drain() first.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts pulling. Called once, when the streams are there.
  void Start();

  // Pulls nothing more, finishes what is on the wire, hands the rest back, waits until all is settled; blocks
  // the caller (never a thread of the executor) for at most `limit`. True if nothing was left in hand.
  [[nodiscard]] bool Drain(std::chrono::milliseconds limit);

  [[nodiscard]] std::size_t records_in_hand() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
