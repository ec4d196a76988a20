// What keeps a worker's sources from being pulled: a connection whose server was not looked at yet, a restart
// that may have made the server forget who has a record (restart_guard.h), and the reset of a consumer. The
// worker reports each change of the connection and asks about each delivery. Records are put back here;
// leases are let go through leases.h.
//
// Confined to the worker's executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/observe/metrics.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/tend/watchdog.h"
#include "outbound/consume/restart_guard.h"

namespace goniec {
class TaskGroup;
}
namespace goniec::queue {
class Broker;
struct Durability;
struct QueueConfig;
}  // namespace goniec::queue

namespace goniec::outbound {

class Leases;
class Sources;
struct Source;

class Rest {
 public:
  // Everything must outlive it.
  Rest(asio::any_io_executor executor, queue::Broker& broker, const queue::QueueConfig& config,
       TaskGroup& tasks, Leases& leases, Sources& sources, observe::Metrics& metrics);
  // What it and all of these are a part of: kept while something runs here, and nothing runs once it is gone.
  // Before anything else is called.
  void BelongTo(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

  // The connection was made or lost: nothing is pulled until the server at its other end was looked at.
  void OnStateChange();
  void OnResetNotice(const queue::ResetNotice& notice);

  // True if the record may be taken. Otherwise it was put back, or is left to the reset.
  [[nodiscard]] bool Admits(Source& source, queue::Delivery& delivery);
  // True if the server may have forgotten that somebody had the record.
  [[nodiscard]] bool MustLook(const Source& source, const queue::DeliveryInfo& info) const;

 private:
  asio::awaitable<void> LearnThenResume();
  asio::awaitable<std::vector<WallTime>> LearnStarts(queue::Durability durability, std::uint64_t about);
  void ResumeAfterRest(Source& source);
  // After `delay`, unless the connection is another by then.
  void ResumeLater(Source& source, std::chrono::nanoseconds delay, bool forget_put_back);
  void PutBack(Source& source, queue::Delivery& delivery, std::chrono::milliseconds delay);

  asio::any_io_executor executor_;
  queue::Broker& broker_;
  const queue::QueueConfig& config_;
  TaskGroup& tasks_;
  Leases& leases_;
  Sources& sources_;
  observe::Counter put_back_;
  RestartGuard guard_;
  std::weak_ptr<void> owner_;
  bool learning_ = false;
  std::uint64_t connection_ = 0;  // counts connections and disconnections
};

}  // namespace goniec::outbound
