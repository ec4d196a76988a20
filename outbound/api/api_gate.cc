#include "outbound/api/api_gate.h"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/net/connection_quota.h"
#include "common/net/io_threads.h"
#include "common/net/listener.h"
#include "common/net/stream.h"
#include "common/net/tls_context.h"
#include "common/observe/metrics.h"
#include "outbound/api/gate_connection.h"
#include "outbound/api/open_connections.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;

// Connections that made room and are not gone yet.
constexpr std::size_t kLeaving = 64;
// What the kernel keeps of a client that is not read for a while, and for one that does not read, is the
// container's memory. It takes twice as much.
constexpr int kReceiveBuffer = 128 * 1024;
constexpr int kSendBuffer = 32 * 1024;
constexpr seconds kStopLimit{10};
// How often it is looked for answers that are not taken, within their limit.
constexpr int kLooks = 6;

}  // namespace

struct ApiGate::State {
  explicit State(const ApiGateParts& the_parts)
      : parts(the_parts),
        quota(parts.config.connections + kLeaving, parts.config.connections_per_client),
        refused(parts.metrics.AddCounterBy("goniec_api_connections_refused_total",
                                           "Connections to the gRPC API over a limit.", "limit",
                                           {"total", "client"})),
        connections(parts.config, parts.calls, parts.metrics) {}

  void OnConnection(asio::ip::tcp::socket socket, const net::Endpoint& peer);
  // Again and again until the threads end.
  void CutUnfetchedLater();

  const ApiGateParts parts;
  net::ConnectionQuota quota;
  const observe::CounterBy refused;
  OpenConnections connections;
  net::IoThreads threads{1, "goniec-gate"};
  asio::steady_timer look{threads.context(0)};
  std::unique_ptr<net::Listener> listener;
};

void ApiGate::State::OnConnection(asio::ip::tcp::socket socket, const net::Endpoint& peer) {
  net::ConnectionQuota::Refusal why{};
  std::optional<net::ConnectionQuota::Slot> slot = quota.Enter(peer.ip, &why);
  if (!slot || (connections.live() >= parts.config.connections && !connections.MakeRoom())) {
    const bool of_client = !slot && why == net::ConnectionQuota::Refusal::kPerAddress;
    refused.With(of_client ? "client" : "total").Add();
    return connections.Tell("api connection refused", peer,
                            of_client ? "api.connections_per_client" : "api.connections");
  }
  asio::error_code ignored;
  socket.set_option(asio::socket_base::receive_buffer_size(kReceiveBuffer), ignored);
  socket.set_option(asio::socket_base::send_buffer_size(kSendBuffer), ignored);
  auto connection =
      std::make_shared<GateConnection>(connections, net::Stream(std::move(socket), peer), *std::move(slot));
  const asio::any_io_executor executor = connection->executor();
  SpawnLogged(executor, connections.tasks, "api connection", GateConnection::Run(std::move(connection)));
}

void ApiGate::State::CutUnfetchedLater() {
  look.expires_after(parts.fetch_limit / kLooks);
  look.async_wait([this](asio::error_code error) {
    if (error) return;
    connections.CutUnfetched(parts.fetch_limit);
    CutUnfetchedLater();
  });
}

ApiGate::ApiGate(std::unique_ptr<State> state) : state_(std::move(state)) {}

ApiGate::~ApiGate() {
  Stop();
}

absl::StatusOr<std::unique_ptr<ApiGate>> ApiGate::Open(const ApiGateParts& parts) {
  auto state = std::make_unique<State>(parts);
  if (parts.config.has_tls()) {
    auto tls = net::TlsServerContext::Create({.certificate_file = parts.config.tls_certificate_file,
                                              .key_file = parts.config.tls_key_file,
                                              .application_protocol = "h2"});
    if (!tls.ok()) return WithContext(tls.status(), "api.tls");
    state->connections.tls = *std::move(tls);
  }
  auto listener = net::Listener::Open(state->threads, parts.config.listen);
  if (!listener.ok()) return WithContext(listener.status(), "api.listen");
  if (absl::Status listens = (*listener)->Listen(); !listens.ok()) return WithContext(listens, "api.listen");
  state->listener = *std::move(listener);
  return std::unique_ptr<ApiGate>(new ApiGate(std::move(state)));
}

void ApiGate::Start(std::function<void(int socket)> serve) {
  state_->connections.serve = std::move(serve);
  asio::post(state_->threads.context(0), [state = state_.get()] { state->CutUnfetchedLater(); });
  state_->listener->Start(
      [state = state_.get()](std::size_t, asio::ip::tcp::socket socket, const net::Endpoint& peer) {
        state->OnConnection(std::move(socket), peer);
      });
}

int ApiGate::port() const {
  return state_->listener->address().port;
}

void ApiGate::StopAccepting() {
  state_->listener->StopAccepting();
}

void ApiGate::Stop() {
  StopAccepting();
  state_->connections.tasks.Close();
  asio::post(state_->threads.context(0), [state = state_.get()] {
    state->look.cancel();
    state->connections.CloseAll();
  });
  (void)state_->connections.tasks.WaitFor(kStopLimit);
  state_->threads.Stop();
}

}  // namespace goniec::outbound
