// The HTTP port of a service, for probes and Prometheus: /metrics, /healthz (the process runs), /readyz (200,
// or 503 with every unmet condition as JSON). One thread of its own over poll(2): GET and HEAD, one request a
// connection, a few connections at a time, each with a time limit, so that no client can hold it up: when all
// are taken, the oldest without a whole request makes room for the newest. A few descriptors are kept for it,
// so that a process whose file table is full still answers. IPv4 and IPv6. It is no web server: no TLS, no
// keep-alive, no files. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace goniec::observe {
class Metrics;
}

namespace goniec::http {

class Health;

class HttpServer {
 public:
  // `address` is "127.0.0.1:8080" or "[::1]:8080"; port 0 takes a free one. `metrics` and `health` must
  // outlive the server. kUnavailable, in one line, when the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address,
                                                           const observe::Metrics& metrics,
                                                           const Health& health);
  ~HttpServer();  // drops what it is at, at once
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  class Loop;
  HttpServer(std::unique_ptr<Loop> loop, uint16_t port);
  std::unique_ptr<Loop> loop_;
  uint16_t port_;
};

}  // namespace goniec::http
