#include "outbound/api/gate_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "outbound/api/open_connections.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Until a client has shaken hands and sent what HTTP/2 begins with.
constexpr seconds kBeginLimit{10};
// A client that takes nothing of what it is sent.
constexpr seconds kWriteLimit{60};
// A connection is not read for so long at most because of what lies with gRPC that nobody has admitted.
constexpr seconds kFullLimit{10};
constexpr milliseconds kPause{5};
// The kernel's memory for what is on its way to gRPC, and back, is the container's. It takes twice as much.
constexpr int kInnerBuffer = 32 * 1024;
// After so long a call that nobody has admitted does not just begin.
constexpr seconds kWaitsLong{10};
constexpr seconds kGoodbye{2};

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

GateConnection::GateConnection(OpenConnections& all, net::Stream client, net::ConnectionQuota::Slot slot)
    : all_(all),
      client_(std::move(client)),
      inner_(client_.executor()),
      slot_(std::move(slot)),
      guard_(LimitsOf(all.config), all.calls),
      timer_(client_.executor()),
      place_(all.Add(this)) {}

GateConnection::~GateConnection() {
  all_.Remove(place_);
}

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
  all_.cut.With(kind).Add();
  all_.Tell("api connection cut", remote(), why);
  Close();
}

// Until ToClient has passed on gRPC's last words and closed. What the client says meanwhile is read and
// dropped; once ToClient says goodbye it reads itself.
asio::awaitable<void> GateConnection::AwaitLastWords() {
  bool talks = true;
  while (!closed_ && !parting_ && talks) talks = (co_await client_.ReadSome(from_client_)).ok();
  while (!closed_) {
    timer_.expires_after(kGoodbye);
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// False if it takes too long, or there is nothing more to wait for.
asio::awaitable<bool> GateConnection::AwaitAllowance() {
  const BootTime full_limit = BootClock::now() + kFullLimit;
  while (!closed_ && !inner_ended_) {
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
  all_.serve(pair[1]);
  return true;
}

asio::awaitable<void> GateConnection::Run(std::shared_ptr<GateConnection> self) {
  self->client_.ExpireAfter(kBeginLimit);
  absl::Status status;
  if (self->all_.tls != nullptr) status = co_await self->client_.StartTlsServer(self->all_.tls);
  if (!status.ok()) {
    self->all_.Tell("api connection without TLS", self->remote(), Message(status));
  } else if (!self->closed_ && self->ConnectInner()) {
    SpawnLogged(self->executor(), self->all_.tasks, "api connection", ToClient(self));
    co_await self->ToServer();
    if (self->inner_ended_) co_await self->AwaitLastWords();
  }
  self->Close();
}

asio::awaitable<void> GateConnection::ToServer() {
  std::string passed;
  while (!closed_ && !inner_ended_) {
    const absl::StatusOr<std::size_t> got = co_await client_.ReadSome(from_client_);
    if (!got.ok() || inner_ended_) co_return;
    passed.clear();
    const bool begun = guard_.is_http2();
    const bool good =
        guard_.FromClient(std::string_view(from_client_.data(), *got), BootClock::now(), passed);
    if (!good) {
      Cut("abuse", guard_.why());
      co_return;
    }
    all_.BoundWaiting();
    if (closed_) co_return;
    if (!begun && guard_.is_http2()) client_.NeverExpire();
    asio::error_code error;
    co_await asio::async_write(inner_, asio::buffer(passed),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) inner_ended_ = true;
    if (inner_ended_) co_return;
    const bool go_on = co_await AwaitAllowance();
    if (!go_on) {
      if (!closed_ && !inner_ended_) Cut("stalled", "messages that nobody admits");
      co_return;
    }
  }
}

asio::awaitable<void> GateConnection::ToClient(std::shared_ptr<GateConnection> self) {
  while (!self->closed_) {
    asio::error_code error;
    const std::size_t got = co_await self->inner_.async_read_some(
        asio::buffer(self->from_server_), asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      self->inner_ended_ = true;
      break;
    }
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
    self->parting_ = true;
    if (sent.ok()) co_await self->client_.ShutdownAndDrain(kGoodbye);
  }
  self->Close();
}

}  // namespace goniec::outbound
