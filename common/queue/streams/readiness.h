// Keeps a service's readiness true to the broker: connected, streams as expected, durability floor met,
// clocks together. Conditions "broker", "streams", "durability" and "clock" of its Health; looks at every
// (re)connection and every ten seconds. Used by both services.
//
// Confined to its executor; Latest() is thread-safe.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>

#include "common/queue/streams/durability.h"
#include "common/queue/streams/provision.h"

namespace goniec::http {
class Health;
}

namespace goniec::queue {

class Broker;
struct QueueConfig;

class Readiness {
 public:
  // All must outlive it, `health`'s readers too.
  Readiness(Broker& broker, const QueueConfig& config, ServiceRole role, http::Health& health,
            asio::any_io_executor executor);
  // Stop() first.
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  void Start();
  // Blocks the caller (never a thread of the executor) until nothing runs any more.
  void Stop();
  // As last read; all unknown before the first time.
  [[nodiscard]] Durability Latest() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
