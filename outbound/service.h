// What goniec-outbound is made of in one process: the worker that delivers, the API and the auditor, each if
// the configuration's roles say so, and what they stand on. Made, started and stopped by main.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outbound/config.h"

namespace goniec::outbound {

class Service {
 public:
  // Opens the ports. What may come back by itself (the broker, its streams) is not waited for: the service is
  // unready and tries. An error is one line for the operator.
  static absl::StatusOr<std::unique_ptr<Service>> Start(OutboundConfig config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Unready at once; calls and transactions under way are finished, the rest is handed back. Blocks for at
  // most drain_limit and a little. True if nothing was left in hand.
  [[nodiscard]] bool Drain();

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace goniec::outbound
