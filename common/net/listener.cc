#include "common/net/listener.h"

#include <asio/io_context.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/socket_base.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/net/accept_error.h"
#include "common/net/io_threads.h"
#include "common/net/stream.h"
#include "common/observe/log.h"

namespace goniec::net {

using asio::ip::tcp;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

namespace {

constexpr std::chrono::milliseconds kBackOff{100};
constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

// A bound socket. `shared` says whether others may bind the same address.
asio::error_code Bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool shared) {
  asio::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared) acceptor.set_option(ReusePort(true), error);
  // "[::]:25" means IPv6 only, so that it may stand beside "0.0.0.0:25" in the configuration.
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  return error;
}

absl::Status CannotListen(const Endpoint& address, const asio::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address.ToString(), ": ", error.message(),
                   error == asio::error::address_in_use ? "; stop what uses it or choose another port"
                   : error == asio::error::access_denied
                       ? "; ports below 1024 need CAP_NET_BIND_SERVICE, or choose a higher one"
                       : ""));
}

}  // namespace

struct Listener::Acceptor : std::enable_shared_from_this<Listener::Acceptor> {
  Acceptor(size_t index, asio::io_context& io)
      : thread(index), context(io), acceptor(io), timer(io), next(io) {}

  void Accept();
  void OnAccept(asio::error_code error);
  void AcceptLater();
  void Stop();

  const size_t thread;
  asio::io_context& context;
  // Held while the callback runs and around every use of what follows: Stop() comes from another thread.
  std::mutex mutex;
  bool stopped = false;
  bool failing = false;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  tcp::socket next;
  tcp::endpoint peer;
  OnConnection on_connection;
};

void Listener::Acceptor::Accept() {
  acceptor.async_accept(next, peer,
                        [self = shared_from_this()](asio::error_code error) { self->OnAccept(error); });
}

void Listener::Acceptor::OnAccept(asio::error_code error) {
  const std::lock_guard lock(mutex);
  if (stopped) return;
  if (error && !IsOneConnectionsError(error.value())) {
    if (!std::exchange(failing, true)) {
      observe::Warn("connections not accepted", {{"reason", error.message()}, {"try_again_ms", kBackOff}});
    }
    AcceptLater();
    return;
  }
  if (!error) {
    failing = false;
    on_connection(thread, std::exchange(next, tcp::socket(context)), FromAsio(peer));
  }
  Accept();
}

void Listener::Acceptor::AcceptLater() {
  timer.expires_after(kBackOff);
  timer.async_wait([self = shared_from_this()](asio::error_code) {
    const std::lock_guard lock(self->mutex);
    if (!self->stopped) self->Accept();
  });
}

void Listener::Acceptor::Stop() {
  const std::lock_guard lock(mutex);
  stopped = true;
  asio::error_code ignored;
  acceptor.close(ignored);
  timer.cancel();
}

Listener::Listener(std::vector<std::shared_ptr<Acceptor>> acceptors, const Endpoint& address)
    : acceptors_(std::move(acceptors)), address_(address) {}

Listener::~Listener() {
  StopAccepting();
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(IoThreads& threads, const Endpoint& address) {
  // SO_REUSEPORT would let a second process of the same user share the port in silence and take half of the
  // mail. One bind without it finds that out; it also picks the port when none is given.
  tcp::acceptor probe(threads.context(0));
  if (const auto error = Bind(probe, ToAsio(address), false)) return CannotListen(address, error);
  asio::error_code error;
  const tcp::endpoint bound = probe.local_endpoint(error);
  probe.close(error);

  std::vector<std::shared_ptr<Acceptor>> acceptors;
  for (size_t i = 0; i < threads.size(); ++i) {
    auto acceptor = std::make_shared<Acceptor>(i, threads.context(i));
    error = Bind(acceptor->acceptor, bound, true);
    // Accepted sockets inherit it: no system call for each connection.
    if (!error) acceptor->acceptor.set_option(tcp::no_delay(true), error);
    if (error) return CannotListen(address, error);
    acceptors.push_back(std::move(acceptor));
  }
  return std::unique_ptr<Listener>(new Listener(std::move(acceptors), FromAsio(bound)));
}

absl::Status Listener::Listen() {
  for (const auto& acceptor : acceptors_) {
    const std::lock_guard lock(acceptor->mutex);
    asio::error_code error;
    acceptor->acceptor.listen(kBacklog, error);
    if (error) return CannotListen(address_, error);
  }
  return absl::OkStatus();
}

void Listener::Start(OnConnection on_connection) {
  for (const auto& acceptor : acceptors_) {
    const std::lock_guard lock(acceptor->mutex);
    if (acceptor->stopped) continue;
    acceptor->on_connection = on_connection;
    acceptor->Accept();
  }
}

void Listener::StopAccepting() {
  for (const auto& acceptor : acceptors_) acceptor->Stop();
}

}  // namespace goniec::net
