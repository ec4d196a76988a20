// The port of the API: accepts connections, as many as are allowed in all and from one client, does TLS, and
// passes what an Http2Guard lets through to gRPC over a pair of sockets, and back. gRPC itself can bound none
// of that. Made by ApiServer.
//
// One thread of its own carries all connections. When they are all taken, one without a call makes room: its
// client opens another when it has something to ask. A call is one that was admitted (call.h), so nobody
// keeps a connection, and no more than some memory, by calls that are silent or need no token.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "outbound/api/api_config.h"
#include "outbound/api/incoming_calls.h"

namespace goniec::observe {
class Metrics;
}

namespace goniec::outbound {

// All must outlive the gate.
struct ApiGateParts {
  const ApiConfig& config;
  IncomingCalls& calls;
  observe::Metrics& metrics;
  // A connection goes whose client has not taken the end of an answer for so long.
  std::chrono::milliseconds fetch_limit = std::chrono::seconds(60);
};

class ApiGate {
 public:
  // Binds. kInvalidArgument (certificate) or kUnavailable (address), one line.
  static absl::StatusOr<std::unique_ptr<ApiGate>> Open(const ApiGateParts& parts);
  ~ApiGate();  // Stop()
  ApiGate(const ApiGate&) = delete;
  ApiGate& operator=(const ApiGate&) = delete;

  // From now on connections are taken. `serve` is given one end of each, a non-blocking socket that is its
  // own from then on; called on the gate's thread.
  void Start(std::function<void(int socket)> serve);
  [[nodiscard]] int port() const;
  // Connections that are there go on. Idempotent; not from the gate's thread, as Stop.
  void StopAccepting();
  // Closes all and returns when nothing runs any more.
  void Stop();

  struct State;  // of the implementation

 private:
  explicit ApiGate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace goniec::outbound
