// The gRPC port of goniec-outbound: MailService, QueueService, grpc.health.v1, reflection. Made and stopped
// by main.
//
// gRPC's threads only take calls in; their work runs as coroutines on the executor handed in, and every call
// ends exactly once (call.h). Readiness is decided elsewhere: SetServing tells it. Thread-safe after Start.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "outbound/api/api_config.h"
#include "outbound/retry/retry.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
class MessageFinder;
class Publisher;
struct Durability;
}  // namespace goniec::queue

namespace goniec::outbound {

// All outlive the server.
struct ApiDeps {
  queue::Broker& broker;  // for bodies; the publisher's own
  queue::Publisher& publisher;
  queue::MessageFinder& finder;
  observe::Metrics& metrics;
  // Where the calls' coroutines run; must run until Shutdown has returned.
  asio::any_io_executor executor;
  // Lifetimes of mail that sets none.
  RetryPolicy retry;
  // This server's name, for the Received field.
  std::string host;
  // What is known of the broker now; called on any thread, must not block.
  std::function<queue::Durability()> durability;
  // For what is read of sites; and of how many lanes.
  queue::Broker& reads;
  int lanes = 1;
};

class ApiServer {
 public:
  // Listens. One line that says what and how to mend it: kInvalidArgument (certificate), kUnavailable
  // (address in use). Begins as not serving: calls are taken, the health service says no.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(const ApiConfig& config, ApiDeps deps);
  ~ApiServer();  // Shutdown(0) if that has not been done
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] int port() const;
  // What grpc.health.v1 says, of the server as a whole and of both services.
  void SetServing(bool serving);
  // Takes no new calls, waits for those in hand, cancels what is left after `limit`, and returns when all
  // have ended (at most a commit's limit later). Blocks: not on the executor. Idempotent.
  void Shutdown(std::chrono::milliseconds limit);

 private:
  struct State;
  explicit ApiServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace goniec::outbound
