// One TCP connection, plain or, after an upgrade, TLS. Reads and writes are awaitables that give a Status:
// kUnavailable = the peer or the network ended it (end of stream included), kDeadlineExceeded = the deadline
// passed, kCancelled = Close() was called, kInvalidArgument = the peer's TLS is no good.
//
// A deadline does not cancel an operation, it closes the connection, and then whatever awaits ends: nothing
// that was half read can be lost, because nothing is read after it. One read and one write may be awaited at
// the same time. Confined to its executor.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net/ip_address.h"
#include "common/net/tls_context.h"

namespace goniec::net {

class Stream {
 public:
  // A connected socket.
  explicit Stream(asio::ip::tcp::socket socket);
  // The same where the peer is known already (accept gives it).
  Stream(asio::ip::tcp::socket socket, const Endpoint& remote);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // closes without ceremony; nothing may be awaiting

  // Connects within `limit` and sets TCP_NODELAY. `source`, if given, is the local address to use.
  // kResourceExhausted: this machine has no descriptor, port or memory left, which says nothing of the peer.
  static asio::awaitable<absl::StatusOr<Stream>> Connect(asio::any_io_executor executor, Endpoint remote,
                                                         std::chrono::milliseconds limit,
                                                         std::optional<IpAddress> source = std::nullopt);

  // From now on `limit` is left; then the connection is closed and all that awaits gives kDeadlineExceeded.
  // Each call replaces the deadline; cheap (no system call), so it may be set before every operation.
  void ExpireAfter(std::chrono::milliseconds limit);
  void NeverExpire();
  // Called on the executor when a deadline has passed, before the connection is closed: the time for
  // SendNow().
  void BeforeExpiry(std::function<void()> last_words);
  // Hands `data` to the kernel as far as it takes it without waiting; never fails, promises nothing. For last
  // words while a read is awaited.
  void SendNow(std::string_view data);

  // Reads what is there, at least one byte. `buffer` must live until it is done.
  [[nodiscard]] asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<char> buffer);
  // Writes all. `data` must live until it is done.
  [[nodiscard]] asio::awaitable<absl::Status> WriteAll(std::string_view data);
  // Writes both in one system call where the kernel takes them (plain) or one after the other (TLS).
  [[nodiscard]] asio::awaitable<absl::Status> WriteAll(std::string_view first, std::string_view second);
  // Waits until all that was written has been sent: none of it lies in this host's buffers for the first
  // time, waiting for the peer to make room. (It may be on its way, or in the buffers of the peer's host, of
  // which this side knows nothing.) Costs one system call when there is nothing to wait for.
  [[nodiscard]] asio::awaitable<absl::Status> AwaitSent();

  // Upgrades; the caller has dropped whatever plain input it had buffered (RFC 3207 §4.2). After a failure
  // the stream is closed. `host` is sent as SNI and is what the certificate must name; an address literal is
  // not sent.
  [[nodiscard]] asio::awaitable<absl::Status> StartTlsServer(std::shared_ptr<TlsServerContext> context);
  [[nodiscard]] asio::awaitable<absl::Status> StartTlsClient(std::shared_ptr<TlsClientContext> context,
                                                             std::string host);

  // Says goodbye as the protocol wants it (TLS close_notify, then FIN), waits at most `limit` for it to go
  // out, and closes. Never fails.
  [[nodiscard]] asio::awaitable<void> Shutdown(std::chrono::milliseconds limit);
  // The same for a peer that may go on talking: what it says until it has closed as well, for `limit` at
  // most, is read and dropped, for what comes to a closed socket draws RST, which may destroy our last words
  // on their way. A read that is awaited ends with kUnavailable; nothing is to be read any more.
  [[nodiscard]] asio::awaitable<void> ShutdownAndDrain(std::chrono::milliseconds limit);
  // Closes now; what awaits ends with kCancelled. May be called at any time on the executor.
  void Close();

  [[nodiscard]] bool is_open() const;
  // Nothing unless TLS is in use.
  [[nodiscard]] const std::optional<TlsInfo>& tls() const;
  // Of the time of construction; valid after the connection is gone.
  [[nodiscard]] const Endpoint& remote() const;
  [[nodiscard]] Endpoint local() const;
  // True if the peer has closed or sent something while nobody was reading: then an idle connection is of no
  // use.
  [[nodiscard]] bool HasUnexpectedInput();
  // True if the peer has sent something that nobody has read yet (plain streams).
  [[nodiscard]] bool HasInput();
  [[nodiscard]] asio::any_io_executor executor() const;

 private:
  struct State;
  explicit Stream(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the deadline's timer only
};

Endpoint FromAsio(const asio::ip::tcp::endpoint& endpoint);
asio::ip::tcp::endpoint ToAsio(const Endpoint& endpoint);

}  // namespace goniec::net
