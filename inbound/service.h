// Everything of goniec-inbound in one process: SMTP ports, publisher, health. Made, started and stopped by
// main.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "inbound/config.h"

namespace goniec::inbound {

class Service {
 public:
  // Opens the ports. The broker and its streams may come back by themselves and are not waited for: until
  // then the service is unready, answers 451 and tries. An error is one line for the operator: a port that
  // cannot be opened (kUnavailable), a file that is not there (kNotFound), a certificate or a setting that
  // cannot be used (kInvalidArgument).
  static absl::StatusOr<std::unique_ptr<Service>> Start(InboundConfig config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Unready at once; nothing new is accepted, open transactions may end. Blocks for at most drain_limit and a
  // little. False: something is still at work, and the process must end without destroying this object.
  [[nodiscard]] bool Drain();

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace goniec::inbound
