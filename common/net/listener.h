// Accepts connections on one address, on all I/O threads: one listening socket a thread (SO_REUSEPORT), so
// that a connection is accepted where it will live and no lock is shared. The loop survives a full file table
// and whatever else accept(2) says (it waits and tries again). Stop is StopAccepting(); connections that are
// there are their owners' business.
#pragma once

#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/ip_address.h"

namespace goniec::net {

class IoThreads;

class Listener {
 public:
  // Called on the I/O thread `thread` for each connection; must not block or throw. TCP_NODELAY is set.
  using OnConnection = std::function<void(size_t thread, asio::ip::tcp::socket socket, const Endpoint& peer)>;

  // Binds on every thread of `threads` (which must outlive the listener); port 0 takes a free one.
  // kUnavailable in one line when the address cannot be bound, also when another process holds it with
  // SO_REUSEPORT.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(IoThreads& threads, const Endpoint& address);
  ~Listener();  // StopAccepting(), after which the callback is not called any more
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // From now on clients can connect, and wait. Once. kUnavailable in one line when the system says no.
  absl::Status Listen();
  // Begins to accept, after Listen(). Once.
  void Start(OnConnection on_connection);
  // Closes the listening sockets and returns when no callback runs or will run. Not from an I/O thread.
  // Idempotent.
  void StopAccepting();

  [[nodiscard]] const Endpoint& address() const { return address_; }

 private:
  struct Acceptor;
  Listener(std::vector<std::shared_ptr<Acceptor>> acceptors, const Endpoint& address);
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  Endpoint address_;
};

}  // namespace goniec::net
