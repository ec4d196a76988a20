#include "outbound/api/api_gate.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/net/connection_quota.h"
#include "common/net/io_threads.h"
#include "common/net/listener.h"
#include "common/net/stream.h"
#include "common/net/tls_context.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "outbound/api/http2_guard.h"

namespace goniec::outbound {
namespace {

using InnerSocket = asio::local::stream_protocol::socket;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Until a client has shaken hands and sent what HTTP/2 begins with.
constexpr seconds kBeginLimit{10};
// A client that takes nothing of what it is sent.
constexpr seconds kWriteLimit{60};
// A connection is not read for so long at most because of what lies with gRPC that nobody has admitted.
constexpr seconds kFullLimit{10};
constexpr milliseconds kPause{5};
// Connections that made room and are not gone yet.
constexpr std::size_t kLeaving = 64;
// The kernel's memory for what is on its way to gRPC, and back, is the container's; so is what it keeps of a
// client that is not read for a while. It takes twice as much.
constexpr int kInnerBuffer = 64 * 1024;
constexpr int kClientBuffer = 128 * 1024;
// Open streams beyond api.max_calls: calls that begin, are silent, or need no token. Each takes some 18 KiB
// of gRPC's memory.
constexpr std::size_t kWaitingCalls = 1'000;
// After so long a call that nobody has admitted does not just begin.
constexpr seconds kWaitsLong{10};
constexpr seconds kGoodbye{2};
constexpr seconds kStopLimit{10};
constexpr seconds kBetweenLines{1};

// Two connected sockets that do not block; -1s with errno.
std::array<int, 2> SocketPair() {
  std::array<int, 2> pair{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) return {-1, -1};
  for (const int socket : pair) setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kInnerBuffer, sizeof kInnerBuffer);
  return pair;
}

GuardLimits LimitsOf(const ApiConfig& config) {
  GuardLimits limits;
  // Until our settings are there, clients go by RFC 9113's least advice, 100; behind that gRPC is stricter.
  limits.streams = std::max(limits.streams, static_cast<std::size_t>(config.calls_per_connection));
  limits.resets = std::max(limits.resets, static_cast<double>(config.calls_per_connection));
  return limits;
}

}  // namespace

class GateConnection;

struct ApiGate::State {
  explicit State(const ApiGateParts& the_parts)
      : parts(the_parts),
        quota(parts.config.connections + kLeaving, parts.config.connections_per_client),
        open(parts.metrics.AddGauge("goniec_api_connections", "Open connections to the gRPC API.")),
        refused(parts.metrics.AddCounterBy("goniec_api_connections_refused_total",
                                           "Connections to the gRPC API over a limit.", "limit",
                                           {"total", "client"})),
        cut(parts.metrics.AddCounterBy("goniec_api_connections_cut_total",
                                       "Connections to the gRPC API that were cut.", "why",
                                       {"idle", "silent", "abuse", "stalled"})) {}

  void OnConnection(asio::ip::tcp::socket socket, const net::Endpoint& peer);
  // One line a second at most, with the number of those that were left out: who floods us does not flood the
  // log.
  void Tell(const char* event, const net::Endpoint& peer, std::string_view why);
  // Ends one that has no call; false if all have calls.
  bool MakeRoom();
  // Ends those of the calls that nobody has admitted for the longest while there are too many of them.
  void BoundWaiting();

  const ApiGateParts parts;
  net::ConnectionQuota quota;
  const observe::Gauge open;
  const observe::CounterBy refused;
  const observe::CounterBy cut;
  std::shared_ptr<net::TlsServerContext> tls;
  std::function<void(int)> serve;
  // On the gate's thread.
  std::list<GateConnection*> connections;
  BootTime next_line;
  std::size_t untold = 0;
  TaskGroup tasks;
  net::IoThreads threads{1, "goniec-gate"};
  std::unique_ptr<net::Listener> listener;
};

// One connection: two coroutines, one for each direction. The first to end ends the other.
class GateConnection {
 public:
  GateConnection(ApiGate::State& gate, net::Stream client, net::ConnectionQuota::Slot slot)
      : gate_(gate),
        client_(std::move(client)),
        inner_(client_.executor()),
        slot_(std::move(slot)),
        guard_(LimitsOf(gate.parts.config), gate.parts.calls),
        timer_(client_.executor()) {
    place_ = gate_.connections.insert(gate_.connections.end(), this);
    gate_.open.Add();
  }
  ~GateConnection() {
    gate_.connections.erase(place_);
    gate_.open.Subtract();
  }
  GateConnection(const GateConnection&) = delete;
  GateConnection& operator=(const GateConnection&) = delete;

  // The life of the connection.
  static asio::awaitable<void> Run(std::shared_ptr<GateConnection> self);
  void Close();
  void Cut(const char* kind, std::string_view why);
  [[nodiscard]] bool closed() const { return closed_; }
  // Who is to go first where connections are too many: who goes by silent calls, who is idle, and whose call
  // perhaps only begins; of each the one without a call for the longest. Nothing if it has a call.
  using Turn = std::pair<int, BootTime>;
  [[nodiscard]] std::optional<Turn> turn_to_go(BootTime now) const;
  [[nodiscard]] const Http2Guard& guard() const { return guard_; }
  [[nodiscard]] asio::any_io_executor executor() const { return client_.executor(); }
  [[nodiscard]] const net::Endpoint& remote() const { return client_.remote(); }

 private:
  asio::awaitable<void> ToServer();
  static asio::awaitable<void> ToClient(std::shared_ptr<GateConnection> self);
  asio::awaitable<bool> AwaitAllowance();
  asio::awaitable<void> AwaitLastWords();
  bool ConnectInner();

  ApiGate::State& gate_;
  net::Stream client_;
  InnerSocket inner_;
  const net::ConnectionQuota::Slot slot_;
  Http2Guard guard_;
  asio::steady_timer timer_;
  std::list<GateConnection*>::iterator place_;
  BootTime idle_since_ = BootClock::now();
  bool closed_ = false;
  std::array<char, 16 * 1024> from_client_;
  std::array<char, 16 * 1024> from_server_;
};

std::optional<GateConnection::Turn> GateConnection::turn_to_go(BootTime now) const {
  if (closed_ || guard_.has_admitted()) return std::nullopt;
  if (guard_.open_streams() == 0) return Turn{1, idle_since_};
  return Turn{guard_.waiting_since() + kWaitsLong < now ? 0 : 2, idle_since_};
}

void GateConnection::Close() {
  closed_ = true;
  guard_.EndAll();
  asio::error_code ignored;
  inner_.close(ignored);
  client_.Close();
  timer_.cancel();
}

void GateConnection::Cut(const char* kind, std::string_view why) {
  gate_.cut.With(kind).Add();
  gate_.Tell("api connection cut", remote(), why);
  Close();
}

// gRPC has closed its end. Its last words are with ToClient, which closes when all of them have gone. What the
// client says meanwhile is read and dropped: closing before that would destroy those words on their way.
asio::awaitable<void> GateConnection::AwaitLastWords() {
  bool talks = true;
  while (!closed_ && talks) talks = (co_await client_.ReadSome(from_client_)).ok();
  while (!closed_) {
    timer_.expires_after(kGoodbye);
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// False if it takes too long.
asio::awaitable<bool> GateConnection::AwaitAllowance() {
  const BootTime full_limit = BootClock::now() + kFullLimit;
  while (!closed_) {
    const BootTime now = BootClock::now();
    const bool full = guard_.IsFull();
    if (!full && !guard_.IsOverdrawn(now)) co_return true;
    if (full && now > full_limit) co_return false;
    timer_.expires_after(kPause);
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return false;
}

bool GateConnection::ConnectInner() {
  const std::array<int, 2> pair = SocketPair();
  if (pair[0] < 0) {
    observe::Warn("api connection not served", {{"reason", std::strerror(errno)}});
    return false;
  }
  asio::error_code error;
  inner_.assign(asio::local::stream_protocol(), pair[0], error);
  if (error) {
    close(pair[0]);
    close(pair[1]);
    return false;
  }
  gate_.serve(pair[1]);
  return true;
}

asio::awaitable<void> GateConnection::Run(std::shared_ptr<GateConnection> self) {
  self->client_.ExpireAfter(kBeginLimit);
  absl::Status status;
  if (self->gate_.tls != nullptr) status = co_await self->client_.StartTlsServer(self->gate_.tls);
  if (!status.ok()) {
    self->gate_.Tell("api connection without TLS", self->remote(), Message(status));
  } else if (!self->closed_ && self->ConnectInner()) {
    SpawnLogged(self->executor(), self->gate_.tasks, "api connection", ToClient(self));
    co_await self->ToServer();
  }
  self->Close();
}

asio::awaitable<void> GateConnection::ToServer() {
  std::string passed;
  while (!closed_) {
    const absl::StatusOr<std::size_t> got = co_await client_.ReadSome(from_client_);
    if (!got.ok()) co_return;
    passed.clear();
    const bool begun = guard_.is_http2();
    const bool good =
        guard_.FromClient(std::string_view(from_client_.data(), *got), BootClock::now(), passed);
    if (!good) {
      Cut("abuse", guard_.why());
      co_return;
    }
    gate_.BoundWaiting();
    if (closed_) co_return;
    if (!begun && guard_.is_http2()) client_.NeverExpire();
    asio::error_code error;
    co_await asio::async_write(inner_, asio::buffer(passed),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      co_await AwaitLastWords();
      co_return;
    }
    const bool go_on = co_await AwaitAllowance();
    if (!go_on) {
      if (!closed_) Cut("stalled", "messages that nobody admits");
      co_return;
    }
  }
}

asio::awaitable<void> GateConnection::ToClient(std::shared_ptr<GateConnection> self) {
  while (!self->closed_) {
    asio::error_code error;
    const std::size_t got = co_await self->inner_.async_read_some(
        asio::buffer(self->from_server_), asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    const std::string_view bytes(self->from_server_.data(), got);
    self->guard_.FromServer(bytes);
    if (self->guard_.TakeServed()) self->idle_since_ = BootClock::now();
    const bool begun = self->guard_.is_http2();
    if (begun) self->client_.ExpireAfter(kWriteLimit);
    const absl::Status status = co_await self->client_.WriteAll(bytes);
    if (!status.ok()) break;
    if (begun) self->client_.NeverExpire();
  }
  if (!self->closed_) {
    self->client_.ExpireAfter(kWriteLimit);
    const absl::Status sent = co_await self->client_.AwaitSent();
    if (sent.ok()) co_await self->client_.Shutdown(kGoodbye);
  }
  self->Close();
}

void ApiGate::State::Tell(const char* event, const net::Endpoint& peer, std::string_view why) {
  const BootTime now = BootClock::now();
  if (now < next_line) {
    ++untold;
    return;
  }
  next_line = now + kBetweenLines;
  observe::Info(
      event, {{"peer", peer.ToString()}, {"why", why}, {"more_such", std::exchange(untold, std::size_t{0})}});
}

void ApiGate::State::OnConnection(asio::ip::tcp::socket socket, const net::Endpoint& peer) {
  net::ConnectionQuota::Refusal why{};
  std::optional<net::ConnectionQuota::Slot> slot = quota.Enter(peer.ip, &why);
  const auto live = static_cast<std::size_t>(std::count_if(
      connections.begin(), connections.end(), [](const GateConnection* each) { return !each->closed(); }));
  if (!slot || (live >= parts.config.connections && !MakeRoom())) {
    const char* limit = !slot && why == net::ConnectionQuota::Refusal::kPerAddress ? "client" : "total";
    refused.With(limit).Add();
    return Tell("api connection refused", peer,
                !slot && why == net::ConnectionQuota::Refusal::kPerAddress ? "api.connections_per_client"
                                                                           : "api.connections");
  }
  asio::error_code ignored;
  socket.set_option(asio::socket_base::receive_buffer_size(kClientBuffer), ignored);
  socket.set_option(asio::socket_base::send_buffer_size(kClientBuffer), ignored);
  auto connection =
      std::make_shared<GateConnection>(*this, net::Stream(std::move(socket), peer), *std::move(slot));
  const asio::any_io_executor executor = connection->executor();
  SpawnLogged(executor, tasks, "api connection", GateConnection::Run(std::move(connection)));
}

bool ApiGate::State::MakeRoom() {
  const BootTime now = BootClock::now();
  GateConnection* first = nullptr;
  GateConnection::Turn turn;
  for (GateConnection* each : connections) {
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

void ApiGate::State::BoundWaiting() {
  while (parts.calls.size() > static_cast<std::size_t>(parts.config.max_calls) + kWaitingCalls) {
    // Those that have a call as well come last.
    using Turn = std::pair<bool, BootTime>;
    GateConnection* first = nullptr;
    Turn turn;
    for (GateConnection* each : connections) {
      const Turn of_each{each->guard().has_admitted(), each->guard().waiting_since()};
      if (of_each.second == BootTime::max() || (first != nullptr && of_each >= turn)) continue;
      first = each;
      turn = of_each;
    }
    if (first == nullptr) return;
    first->Cut("silent", "too many calls that nobody has admitted");
  }
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
    state->tls = *std::move(tls);
  }
  auto listener = net::Listener::Open(state->threads, parts.config.listen);
  if (!listener.ok()) return WithContext(listener.status(), "api.listen");
  if (absl::Status listens = (*listener)->Listen(); !listens.ok()) return WithContext(listens, "api.listen");
  state->listener = *std::move(listener);
  return std::unique_ptr<ApiGate>(new ApiGate(std::move(state)));
}

void ApiGate::Start(std::function<void(int socket)> serve) {
  state_->serve = std::move(serve);
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
  state_->tasks.Close();
  asio::post(state_->threads.context(0), [state = state_.get()] {
    for (GateConnection* each : state->connections) each->Close();
  });
  (void)state_->tasks.WaitFor(kStopLimit);
  state_->threads.Stop();
}

}  // namespace goniec::outbound
