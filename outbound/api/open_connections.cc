#include "outbound/api/open_connections.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/observe/log.h"
#include "outbound/api/gate_connection.h"

namespace goniec::outbound {
namespace {

// Calls that nobody has admitted, beyond api.max_calls: those that begin, are silent, or need no token. Each
// takes some 18 KiB of gRPC's memory.
constexpr std::size_t kWaitingCalls = 1'000;
constexpr std::chrono::seconds kBetweenLines{1};

}  // namespace

OpenConnections::OpenConnections(const ApiConfig& api_config, IncomingCalls& incoming,
                                 observe::Metrics& metrics)
    : config(api_config),
      calls(incoming),
      cut(metrics.AddCounterBy("goniec_api_connections_cut_total",
                               "Connections to the gRPC API that were cut.", "why",
                               {"idle", "silent", "abuse", "stalled"})),
      open_(metrics.AddGauge("goniec_api_connections", "Open connections to the gRPC API.")) {}

std::list<GateConnection*>::iterator OpenConnections::Add(GateConnection* connection) {
  open_.Add();
  return connections_.insert(connections_.end(), connection);
}

void OpenConnections::Remove(std::list<GateConnection*>::iterator place) {
  connections_.erase(place);
  open_.Subtract();
}

std::size_t OpenConnections::live() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const GateConnection* each) { return !each->closed(); }));
}

bool OpenConnections::MakeRoom() {
  const BootTime now = BootClock::now();
  GateConnection* first = nullptr;
  GateConnection::Turn turn;
  for (GateConnection* each : connections_) {
    const std::optional<GateConnection::Turn> of_each = each->turn_to_go(now);
    if (!of_each || (first != nullptr && *of_each >= turn)) continue;
    first = each;
    turn = *of_each;
  }
  if (first == nullptr) return false;
  first->Cut(first->guard().open_streams() == 0 ? "idle" : "silent",
             "all connections are taken and this one has no call");
  return true;
}

GateConnection* OpenConnections::MostWaiting() const {
  absl::flat_hash_map<net::IpAddress, std::size_t> of_client;
  for (const GateConnection* each : connections_)
    of_client[net::ClientNetwork(each->remote().ip)] += each->guard().waiting_streams();
  using Turn = std::tuple<std::size_t, std::size_t, BootClock::duration>;
  GateConnection* first = nullptr;
  Turn turn;
  for (GateConnection* each : connections_) {
    const std::size_t waiting = each->guard().waiting_streams();
    if (waiting == 0) continue;
    const Turn of_each{of_client[net::ClientNetwork(each->remote().ip)], waiting,
                       BootTime::max() - each->guard().waiting_since()};
    if (first != nullptr && of_each <= turn) continue;
    first = each;
    turn = of_each;
  }
  return first;
}

void OpenConnections::BoundWaiting() {
  while (calls.waiting() > static_cast<std::size_t>(config.max_calls) + kWaitingCalls) {
    GateConnection* const first = MostWaiting();
    if (first == nullptr) return;
    first->Cut("silent", "too many calls that nobody has admitted");
  }
}

void OpenConnections::CutUnfetched(std::chrono::milliseconds limit) {
  const BootTime now = BootClock::now();
  for (GateConnection* each : connections_) {
    const BootTime since = each->guard().unfetched_since();
    if (since != BootTime::max() && now - since > limit) each->Cut("stalled", "answers that are not taken");
  }
}

void OpenConnections::CloseAll() {
  for (GateConnection* each : connections_) each->Close();
}

void OpenConnections::Tell(const char* event, const net::Endpoint& peer, std::string_view why) {
  const BootTime now = BootClock::now();
  if (now < next_line_) {
    ++untold_;
    return;
  }
  next_line_ = now + kBetweenLines;
  observe::Info(
      event,
      {{"peer", peer.ToString()}, {"why", why}, {"more_such", std::exchange(untold_, std::size_t{0})}});
}

}  // namespace goniec::outbound
