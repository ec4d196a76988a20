// Pulls records from one consumer, as many as its owner wants in hand: the owner is asked for the number each
// time, so what it does with a record (keep it, give it back, drop it) needs no accounts. Asks again after
// missed heartbeats and when a request ends; gives nothing out that may have lain in this process while it
// was frozen. It pauses at the start and at each reconnection, until its owner has seen what server it has to
// do with and calls Resume().
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/delivery.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Puller {
 public:
  using Handler = std::function<void(std::shared_ptr<Delivery>)>;

  // How many more records the owner can take now.
  using Wanted = std::function<int()>;

  // `handler` and `wanted` are called on `executor`.
  Puller(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string stream,
         std::string consumer, std::chrono::milliseconds ack_wait, Wanted wanted, Handler handler);
  // Stop() first, and let the executor's handlers run out.
  ~Puller();
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;

  // The connection was looked at: records may come.
  void Resume();
  // Asks for nothing until Resume().
  void Pause();
  // The owner can take more than before. (Each delivery and each end of a request is seen without.)
  void WantedChanged();
  // Asks for nothing more. What is delivered nevertheless is given back at once.
  void Stop();
  // Takes deliveries as suspect until the broker has answered: called by the owner when the executor did not
  // run for long (the process was frozen). They return to the broker by themselves.
  void Distrust();

  [[nodiscard]] const std::string& stream() const;
  [[nodiscard]] const std::string& consumer() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
