// One connection to the API's port: two coroutines carry what an Http2Guard lets through from the client to
// gRPC, and what gRPC says back. The first to end ends the other; but what gRPC said last goes out before.
// Made by ApiGate. Confined to the gate's thread.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/net/connection_quota.h"
#include "common/net/stream.h"
#include "outbound/api/http2_guard.h"

namespace goniec::outbound {

class OpenConnections;

class GateConnection {
 public:
  // Is one of `all` until its end; they outlive it.
  GateConnection(OpenConnections& all, net::Stream client, net::ConnectionQuota::Slot slot);
  ~GateConnection();
  GateConnection(const GateConnection&) = delete;
  GateConnection& operator=(const GateConnection&) = delete;

  // The life of the connection.
  static asio::awaitable<void> Run(std::shared_ptr<GateConnection> self);
  void Close();
  // Counted under `kind`, and told.
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

  OpenConnections& all_;
  net::Stream client_;
  asio::local::stream_protocol::socket inner_;
  const net::ConnectionQuota::Slot slot_;
  Http2Guard guard_;
  asio::steady_timer timer_;
  std::list<GateConnection*>::iterator place_;
  BootTime idle_since_ = BootClock::now();
  // gRPC has closed its end. ToClient passes on its last words and closes.
  bool inner_ended_ = false;
  // ToClient has passed them on, says goodbye and reads what the client still says.
  bool parting_ = false;
  bool closed_ = false;
  std::array<char, 16 * 1024> from_client_;
  std::array<char, 16 * 1024> from_server_;
};

}  // namespace goniec::outbound
