// goniec-outbound's configuration: one struct, each section's fields documented where the section is read.
// Values.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "common/dns/dns_config.h"
#include "common/observe/log.h"
#include "common/queue/model/config.h"
#include "outbound/api/api_config.h"
#include "outbound/consume/worker_config.h"
#include "outbound/deliver/deliver_config.h"
#include "outbound/retry/retry.h"
#include "outbound/route/route_config.h"

namespace goniec::outbound {

// What this process does. Each role has a thread and a connection to the broker of its own; in processes of
// their own they cannot take each other along.
struct Roles {
  bool deliver = true;  // pulls records and delivers them
  bool api = true;      // serves gRPC
  bool tend = true;     // audits, sweeps, resets what is stuck; one of all that may does

  [[nodiscard]] std::string ToString() const;
};

struct OutboundConfig {
  // roles: a list of deliver, api, tend. Default: all of them.
  Roles roles;
  // hostname: this system's name in Received fields, and in EHLO unless delivery.helo says otherwise.
  // Default: the machine's name.
  std::string hostname;
  // http.listen: address and port of /metrics, /healthz and /readyz.
  std::string http_listen = "127.0.0.1:8082";
  // drain_limit: time from SIGTERM until what is still on the wire is cut. 1s to 1h. Keep the container's
  // grace period above it.
  std::chrono::milliseconds drain_limit{60'000};

  ApiConfig api;             // api
  DeliverConfig deliver;     // delivery
  RouteConfig route;         // delivery
  RetryPolicy retry;         // retry
  WorkerConfig worker;       // worker
  dns::DnsConfig dns;        // dns
  queue::QueueConfig queue;  // queue
  observe::LogConfig log;    // log
};

// All problems of the file in one status, a line each.
absl::StatusOr<OutboundConfig> LoadOutboundConfig(const std::string& path);

}  // namespace goniec::outbound
