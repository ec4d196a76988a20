// Everything of goniec-inbound in one process: SMTP ports, publisher, health. Made, started and stopped by
// main.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "inbound/config.h"

namespace goniec::inbound {

class Service {
 public:
  // Opens the ports. What may come back by itself (the broker, its streams) is not waited for: the service is
  // unready, answers 451 and tries. An error is one line for the operator.
  static absl::StatusOr<std::unique_ptr<Service>> Start(InboundConfig config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Unready at once; nothing new is accepted, transactions that are open may end. Blocks for at most
  // drain_limit and a little. False if something is still at work: then the process must end without
  // destroying this object.
  [[nodiscard]] bool Drain();

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace goniec::inbound
