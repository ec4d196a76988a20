// The open connections of the API's port, and what they share: who goes when they, or the calls on them that
// nobody has admitted, are too many, or when answers are not taken. Made by ApiGate. Confined to the gate's
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/task_group.h"
#include "common/net/ip_address.h"
#include "common/net/tls_context.h"
#include "common/observe/metrics.h"
#include "outbound/api/api_config.h"
#include "outbound/api/incoming_calls.h"

namespace goniec::outbound {

class GateConnection;

class OpenConnections {
 public:
  // All must outlive it.
  OpenConnections(const ApiConfig& api_config, IncomingCalls& incoming, observe::Metrics& metrics);

  std::list<GateConnection*>::iterator Add(GateConnection* connection);
  void Remove(std::list<GateConnection*>::iterator place);
  // Those that are not closed.
  [[nodiscard]] std::size_t live() const;

  // Ends one that has no call; false if all have calls.
  bool MakeRoom();
  // Ends connections while there are too many calls that nobody has admitted: of the client address with the
  // most of them the connection with the most, and of equals the one whose oldest waits for the longest. So
  // who has a few, and has had them for long, goes last. One step while there are not too many.
  void BoundWaiting();
  // Ends those whose client has not taken the end of an answer for `limit`, as one that grants no window: the
  // call has its place until then.
  void CutUnfetched(std::chrono::milliseconds limit);
  void CloseAll();

  // One line a second at most, with the number of those that were left out: who floods us does not flood the
  // log.
  void Tell(const char* event, const net::Endpoint& peer, std::string_view why);

  const ApiConfig& config;
  IncomingCalls& calls;
  const observe::CounterBy cut;
  std::shared_ptr<net::TlsServerContext> tls;  // or null
  // Takes the other end of each connection.
  std::function<void(int socket)> serve;
  TaskGroup tasks;

 private:
  [[nodiscard]] GateConnection* MostWaiting() const;

  const observe::Gauge open_;
  std::list<GateConnection*> connections_;
  BootTime next_line_;
  std::size_t untold_ = 0;
};

}  // namespace goniec::outbound
