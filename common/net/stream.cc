#include "common/net/stream.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/ssl/error.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace goniec::net {

using asio::ip::tcp;
using SteadyTime = std::chrono::steady_clock::time_point;
using TlsStream = asio::ssl::stream<tcp::socket&>;

struct Stream::State {
  State(tcp::socket connected, const Endpoint& peer)
      : socket(std::move(connected)), timer(socket.get_executor()), remote(peer) {}

  enum class Ended { kNo, kExpired, kClosed };

  void Close(Ended why) {
    if (ended != Ended::kNo) return;
    ended = why;
    asio::error_code ignored;
    socket.close(ignored);
    timer.cancel();
    before_expiry = nullptr;  // it may refer to whoever owns the stream
  }

  tcp::socket socket;
  std::optional<TlsStream> tls;
  std::shared_ptr<void> tls_context;  // what `tls` was made from
  std::optional<TlsInfo> tls_info;
  asio::steady_timer timer;
  SteadyTime deadline = SteadyTime::max();
  SteadyTime timer_at = SteadyTime::max();  // when the pending wait ends; max: none is pending
  std::function<void()> before_expiry;
  Endpoint remote;
  Ended ended = Ended::kNo;
};

namespace {

// One wait is pending at most. A deadline that moves later leaves it alone: it looks when it fires.
template <typename State>
void ArmTimer(const std::shared_ptr<State>& state) {
  state->timer_at = state->deadline;
  state->timer.expires_at(state->timer_at);
  state->timer.async_wait([state](asio::error_code error) {
    if (error || state->ended != State::Ended::kNo) return;
    state->timer_at = SteadyTime::max();
    if (state->deadline == SteadyTime::max()) return;
    if (std::chrono::steady_clock::now() >= state->deadline) {
      if (const auto last_words = std::exchange(state->before_expiry, nullptr)) last_words();
      state->Close(State::Ended::kExpired);
    } else {
      ArmTimer(state);
    }
  });
}

// What went wrong with an operation, seen from the outside. `what` is what we were at ("reading").
template <typename State>
absl::Status ToStatus(const State& state, asio::error_code error, std::string_view what) {
  if (!error) return absl::OkStatus();
  if (state.ended == State::Ended::kExpired) {
    return absl::DeadlineExceededError(absl::StrCat("time limit passed while ", ToAbsl(what)));
  }
  if (state.ended == State::Ended::kClosed) return absl::CancelledError("connection closed by this side");
  if (error == asio::error::eof) return absl::UnavailableError("connection closed by the peer");
  if (error == asio::ssl::error::stream_truncated) {
    return absl::UnavailableError("connection cut by the peer inside TLS");
  }
  if (error.category() == asio::error::get_ssl_category()) {
    return absl::InvalidArgumentError(absl::StrCat("TLS failed while ", ToAbsl(what), ": ", error.message()));
  }
  return absl::UnavailableError(absl::StrCat(error.message(), " while ", ToAbsl(what)));
}

TlsInfo Describe(SSL* ssl) {
  TlsInfo info;
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return info;
  X509_free(certificate);
  info.peer =
      SSL_get_verify_result(ssl) == X509_V_OK ? PeerVerification::kPkix : PeerVerification::kUnverified;
  return info;
}

// SNI and the name that the certificate must bear (RFC 6125; RFC 6066 §3 allows no address literal in SNI).
void ExpectHost(SSL* ssl, const std::string& host) {
  if (IpAddress::Parse(host).has_value()) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl, host.c_str());
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, host.c_str());
}

// What no other peer would fare better with: this machine has nothing left. An IPv6 address that cannot be
// assigned is a machine without IPv6, and the next candidate's turn.
bool IsOwnLimit(const asio::error_code& error, const Endpoint& remote) {
  if (error.category() != asio::error::get_system_category()) return false;
  switch (error.value()) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return true;
    case EADDRNOTAVAIL:
      return remote.ip.IsV4();
    default:
      return false;
  }
}

// What lies in the socket now: bytes (> 0), the end (0) or nothing (-1).
ssize_t Peek(tcp::socket& socket, int flags, std::span<char> buffer) {
  ssize_t got = 0;
  do {
    got = recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT | flags);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return 0;
  return got;
}

// Sends what the kernel takes without waiting; the rest goes the slow way.
template <typename Buffers>
size_t WriteSome(tcp::socket& socket, const Buffers& buffers, asio::error_code& error) {
  if (!socket.non_blocking()) socket.non_blocking(true, error);
  const size_t sent = socket.write_some(buffers, error);
  if (error == asio::error::would_block || error == asio::error::try_again) error = {};
  return sent;
}

// Octets in the kernel that were never sent. 0 if it does not say.
int Unsent(int socket) {
  int octets = 0;
  return ioctl(socket, SIOCOUTQNSD, &octets) == 0 ? octets : 0;
}

bool IsDead(int socket) {
  pollfd state{socket, POLLOUT, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

// The socket counts as writable when fewer than so many octets are unsent; 0: the system's default.
void SetUnsentLimit(int socket, int octets) {
  setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &octets, sizeof octets);
}

}  // namespace

Endpoint FromAsio(const tcp::endpoint& endpoint) {
  if (endpoint.address().is_v4())
    return {IpAddress::V4(endpoint.address().to_v4().to_bytes()), endpoint.port()};
  return {IpAddress::V6(endpoint.address().to_v6().to_bytes()), endpoint.port()};
}

tcp::endpoint ToAsio(const Endpoint& endpoint) {
  if (endpoint.ip.IsV4()) return {asio::ip::address_v4(endpoint.ip.v4_bytes()), endpoint.port};
  return {asio::ip::address_v6(endpoint.ip.bytes()), endpoint.port};
}

Stream::Stream(tcp::socket socket, const Endpoint& remote)
    : state_(std::make_shared<State>(std::move(socket), remote)) {}

Stream::Stream(tcp::socket socket) : Stream(std::move(socket), Endpoint{}) {
  asio::error_code error;
  const tcp::endpoint peer = state_->socket.remote_endpoint(error);
  if (!error) state_->remote = FromAsio(peer);
}

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) Close();
    state_ = std::move(other.state_);
  }
  return *this;
}

Stream::~Stream() {
  if (state_ != nullptr) Close();
}

asio::awaitable<absl::StatusOr<Stream>> Stream::Connect(asio::any_io_executor executor, Endpoint remote,
                                                        std::chrono::milliseconds limit,
                                                        std::optional<IpAddress> source) {
  auto state = std::make_shared<State>(tcp::socket(executor), remote);
  Stream stream(state);
  const std::string context = absl::StrCat("connecting to ", remote.ToString());
  const tcp::endpoint endpoint = ToAsio(remote);
  asio::error_code error;
  state->socket.open(endpoint.protocol(), error);
  if (!error) state->socket.set_option(tcp::no_delay(true), error);
  if (!error && source.has_value()) state->socket.bind(ToAsio({*source, 0}), error);
  if (!error) {
    stream.ExpireAfter(limit);
    co_await state->socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    stream.NeverExpire();
  }
  if (IsOwnLimit(error, remote))
    co_return absl::ResourceExhaustedError(absl::StrCat(error.message(), " while ", context));
  if (error) co_return ToStatus(*state, error, context);
  co_return std::move(stream);
}

void Stream::ExpireAfter(std::chrono::milliseconds limit) {
  State& state = *state_;
  state.deadline = std::chrono::steady_clock::now() + limit;
  if (state.ended == State::Ended::kNo && state.timer_at > state.deadline) ArmTimer(state_);
}

void Stream::NeverExpire() {
  state_->deadline = SteadyTime::max();
}

void Stream::BeforeExpiry(std::function<void()> last_words) {
  state_->before_expiry = std::move(last_words);
}

void Stream::SendNow(std::string_view data) {
  if (!is_open()) return;
  asio::error_code ignored;
  if (state_->tls.has_value()) {
    // What does not fit is lost, and so is the connection.
    if (!state_->socket.non_blocking()) state_->socket.non_blocking(true, ignored);
    state_->tls->write_some(asio::buffer(data), ignored);
  } else {
    WriteSome(state_->socket, asio::buffer(data), ignored);
  }
}

asio::awaitable<absl::StatusOr<size_t>> Stream::ReadSome(std::span<char> buffer) {
  State& state = *state_;
  asio::error_code error;
  size_t got = 0;
  const auto target = asio::buffer(buffer.data(), buffer.size());
  if (state.tls.has_value()) {
    got = co_await state.tls->async_read_some(target, asio::redirect_error(asio::use_awaitable, error));
  } else {
    got = co_await state.socket.async_read_some(target, asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) co_return ToStatus(state, error, "reading");
  co_return got;
}

asio::awaitable<absl::Status> Stream::WriteAll(std::string_view data) {
  return WriteAll(data, {});
}

asio::awaitable<absl::Status> Stream::WriteAll(std::string_view first, std::string_view second) {
  State& state = *state_;
  asio::error_code error;
  if (state.tls.has_value()) {
    // One record each: gathering would need a copy.
    for (const std::string_view part : {first, second}) {
      if (part.empty() || error) continue;
      co_await asio::async_write(*state.tls, asio::buffer(part),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    co_return ToStatus(state, error, "writing");
  }
  std::array<asio::const_buffer, 2> buffers = {asio::buffer(first), asio::buffer(second)};
  size_t sent = WriteSome(state.socket, buffers, error);
  if (!error && sent < first.size() + second.size()) {
    for (asio::const_buffer& buffer : buffers) {
      const size_t part = std::min(sent, buffer.size());
      buffer += part;
      sent -= part;
    }
    co_await asio::async_write(state.socket, buffers, asio::redirect_error(asio::use_awaitable, error));
  }
  co_return ToStatus(state, error, "writing");
}

asio::awaitable<absl::Status> Stream::AwaitSent() {
  State& state = *state_;
  asio::error_code error;
  if (!is_open()) error = asio::error::operation_aborted;
  // A dead connection counts as writable and never sends what is left.
  while (!error && Unsent(state.socket.native_handle()) > 0) {
    SetUnsentLimit(state.socket.native_handle(), 1);
    co_await state.socket.async_wait(tcp::socket::wait_write,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (!is_open()) error = asio::error::operation_aborted;
    if (error) break;
    SetUnsentLimit(state.socket.native_handle(), 0);
    if (IsDead(state.socket.native_handle())) error = asio::error::connection_reset;
  }
  co_return ToStatus(state, error, "writing");
}

asio::awaitable<absl::Status> Stream::StartTlsServer(std::shared_ptr<TlsServerContext> context) {
  State& state = *state_;
  const std::shared_ptr<asio::ssl::context> current = context->Current();
  state.tls_context = current;
  state.tls.emplace(state.socket, *current);
  asio::error_code error;
  co_await state.tls->async_handshake(asio::ssl::stream_base::server,
                                      asio::redirect_error(asio::use_awaitable, error));
  absl::Status status = ToStatus(state, error, "the TLS handshake");
  if (status.ok()) {
    state.tls_info = Describe(state.tls->native_handle());
  } else {
    Close();
  }
  co_return status;
}

asio::awaitable<absl::Status> Stream::StartTlsClient(std::shared_ptr<TlsClientContext> context,
                                                     std::string host) {
  State& state = *state_;
  state.tls_context = context;
  state.tls.emplace(state.socket, context->context());
  ExpectHost(state.tls->native_handle(), host);
  asio::error_code error;
  co_await state.tls->async_handshake(asio::ssl::stream_base::client,
                                      asio::redirect_error(asio::use_awaitable, error));
  absl::Status status = ToStatus(state, error, "the TLS handshake");
  if (status.ok()) {
    state.tls_info = Describe(state.tls->native_handle());
  } else {
    const long verified = SSL_get_verify_result(state.tls->native_handle());
    if (!context->opportunistic() && verified != X509_V_OK && absl::IsInvalidArgument(status)) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "the certificate of ", host, " proves nothing: ", X509_verify_cert_error_string(verified)));
    }
    Close();
  }
  co_return status;
}

asio::awaitable<void> Stream::Shutdown(std::chrono::milliseconds limit) {
  State& state = *state_;
  if (!is_open()) co_return;
  ExpireAfter(limit);
  asio::error_code error;
  if (state.tls.has_value()) {
    // Sends close_notify and waits for the peer's, which many never send: hence the limit.
    co_await state.tls->async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    Close();
    co_return;
  }
  // Closing while input lies unread makes the kernel send RST, which may destroy our last words on their way.
  // The common case, nothing there, costs one system call.
  std::array<char, 4096> rest;
  ssize_t got = Peek(state.socket, 0, rest);
  if (got > 0) {
    state.socket.shutdown(tcp::socket::shutdown_send, error);
    while (!error) {
      co_await state.socket.async_read_some(asio::buffer(rest),
                                            asio::redirect_error(asio::use_awaitable, error));
    }
  }
  Close();
}

asio::awaitable<void> Stream::ShutdownAndDrain(std::chrono::milliseconds limit) {
  State& state = *state_;
  if (!is_open()) co_return;
  ExpireAfter(limit);
  asio::error_code error;
  state.socket.cancel(error);
  // Ends with an error when the peer says something else than goodbye; ours has gone out before that.
  if (state.tls.has_value())
    co_await state.tls->async_shutdown(asio::redirect_error(asio::use_awaitable, error));
  error = {};
  if (is_open()) state.socket.shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 4096> rest;
  while (!error && is_open()) {
    co_await state.socket.async_read_some(asio::buffer(rest),
                                          asio::redirect_error(asio::use_awaitable, error));
  }
  Close();
}

void Stream::Close() {
  state_->Close(State::Ended::kClosed);
}

bool Stream::is_open() const {
  return state_->ended == State::Ended::kNo && state_->socket.is_open();
}
const std::optional<TlsInfo>& Stream::tls() const {
  return state_->tls_info;
}
const Endpoint& Stream::remote() const {
  return state_->remote;
}

Endpoint Stream::local() const {
  asio::error_code error;
  const tcp::endpoint endpoint = state_->socket.local_endpoint(error);
  return error ? Endpoint{} : FromAsio(endpoint);
}

bool Stream::HasUnexpectedInput() {
  if (!is_open()) return true;
  std::array<char, 1> byte;
  return Peek(state_->socket, MSG_PEEK, byte) >= 0;
}

bool Stream::HasInput() {
  std::array<char, 1> byte;
  return is_open() && Peek(state_->socket, MSG_PEEK, byte) > 0;
}

asio::any_io_executor Stream::executor() const {
  return state_->socket.get_executor();
}

}  // namespace goniec::net
