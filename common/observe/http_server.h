// The HTTP port of a service, for probes and Prometheus: /metrics, /healthz (the process runs), /readyz (200, or 503
// with every unmet condition as JSON). Two threads of its own, no keep-alive (an idle client must not hold a thread).
// Plain HTTP, no log of requests. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace goniec::observe {

class Health;
class Metrics;

class HttpServer {
 public:
  // `address` is "127.0.0.1:8080" or "[::1]:8080"; port 0 takes a free one. `metrics` and `health` must outlive the
  // server. kUnavailable, in one line, when the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, const Metrics& metrics,
                                                           const Health& health);
  ~HttpServer();  // answers what has begun, then stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  uint16_t port_ = 0;
};

}  // namespace goniec::observe
