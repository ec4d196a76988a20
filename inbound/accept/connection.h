// One SMTP connection: reads bytes, gives them to the session engine, does what its steps say, writes its
// replies. No rule of SMTP is here. Made by SmtpServer for an accepted socket, destroyed when Serve() has
// ended. Confined to its executor.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/connection_quota.h"
#include "common/net/stream.h"
#include "inbound/accept/session_metrics.h"
#include "inbound/config.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/publish/incoming_mail.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

// What all connections share. All must outlive them.
struct ConnectionParts {
  const SmtpConfig& smtp;
  const SessionConfig& session;
  const RecipientPolicy& policy;
  const Intake& intake;
  const SessionMetrics& metrics;
  std::shared_ptr<net::TlsServerContext> tls;  // null: STARTTLS is not offered
};

class Connection final : private SessionObserver {
 public:
  Connection(const ConnectionParts& parts, net::Stream stream, net::ConnectionQuota::Slot slot,
             std::string id);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The whole session.
  asio::awaitable<void> Serve();

  // The server is stopping: 421 at once if no transaction is open, else after it.
  void Stop();
  // 421 at once, whatever is open, unless a commit is waited for: its answer goes out first.
  void Cut();

 private:
  void OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) override;

  // Does steps until the session wants input; false when it is over.
  asio::awaitable<bool> Work();
  asio::awaitable<bool> Write();
  asio::awaitable<void> StoreChunk(std::string_view bytes);
  asio::awaitable<void> CommitMessage(const Transaction& transaction);
  asio::awaitable<bool> UpgradeTls();
  asio::awaitable<void> EndGently();
  void OpenBody();
  void FailBody(const absl::Status& status);
  // The time that the peer has for its next bytes.
  [[nodiscard]] std::chrono::milliseconds Patience();
  // Last words while the session waits for input; the connection closes behind them.
  void EndNow(const smtp::Reply& reply);
  void LogAccepted(const Transaction& transaction, const std::string& message_id) const;

  const ConnectionParts& parts_;
  net::Stream stream_;
  const net::ConnectionQuota::Slot slot_;
  const std::string id_;
  const std::string peer_;
  ServerSession session_;
  std::optional<IncomingMail> mail_;
  std::chrono::steady_clock::time_point body_began_;
  // The message whose 250 is not yet written.
  std::string unconfirmed_;
  bool waiting_for_input_ = false;
  bool stopping_ = false;
  bool cut_ = false;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace goniec::inbound
