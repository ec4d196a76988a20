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

#include "absl/status/status.h"
#include "common/net/connection_quota.h"
#include "common/net/stream.h"
#include "common/observe/line_limit.h"
#include "inbound/accept/body_clock.h"
#include "inbound/accept/session_metrics.h"
#include "inbound/accept/smtp_config.h"
#include "inbound/memory/mail_memory.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/publish/incoming_mail.h"
#include "inbound/session/server_session.h"
#include "inbound/session/session_config.h"

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
  // What a session takes beside envelope and body, in clear and more under TLS: buffers of the socket, of the
  // input and of the output.
  static constexpr uint64_t kMemory = uint64_t{24} * 1024;
  static constexpr uint64_t kTlsMemory = uint64_t{72} * 1024;

  // `memory` holds kMemory already.
  Connection(const ConnectionParts& parts, net::Stream stream, net::ConnectionQuota::Slot slot,
             std::shared_ptr<ClientMemory> client, std::unique_ptr<MemoryHold> memory, std::string id);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The whole session.
  asio::awaitable<void> Serve();
  // True if it ended because of what the client did.
  [[nodiscard]] bool EndedBadly() const { return session_.EndedBadly(); }

  // The server is stopping: 421 at once if no transaction is open, else after it.
  void Stop();
  // 421 at once, whatever is open, unless a commit is waited for: its answer goes out first.
  void Cut();

 private:
  using Clock = std::chrono::steady_clock;
  // Until when the client may leave us waiting, and what it hears then.
  struct Patience {
    Clock::time_point end;
    const char* limit;  // the setting
    const smtp::ReplyText* last_words;
  };

  void OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) override;

  // Greets, or refuses one that talks first; false when it is over.
  asio::awaitable<bool> Greet();
  // Reads what the client sends next and works on it; false when it is over.
  asio::awaitable<bool> ReadAndWork();
  // Does steps until the session wants input; false when it is over.
  asio::awaitable<bool> Work();
  asio::awaitable<bool> Write();
  asio::awaitable<void> StoreChunk(std::string_view bytes);
  asio::awaitable<void> SpillBody();
  asio::awaitable<void> CommitMessage(const Transaction& transaction);
  asio::awaitable<bool> UpgradeTls();
  asio::awaitable<void> EndGently();
  void OpenBody();
  void FailBody(const absl::Status& status);
  // Begins or forgets the clock of the message that is coming in.
  void KeepClock();
  [[nodiscard]] Patience PatienceNow() const;
  [[nodiscard]] Patience PatienceWithBody() const;
  void NoteTimeLimit();
  // Last words while the session waits for input; the connection closes behind them.
  void EndNow(const smtp::Reply& reply);
  void LogAccepted(const Transaction& transaction, const queue::Committed& committed) const;
  void LogEnd(const absl::Status& status);

  const ConnectionParts& parts_;
  net::Stream stream_;
  const net::ConnectionQuota::Slot slot_;
  const std::shared_ptr<ClientMemory> client_;
  const std::unique_ptr<MemoryHold> memory_;
  const std::string id_;
  const std::string peer_;
  const Clock::time_point begun_ = Clock::now();
  ServerSession session_;
  std::optional<IncomingMail> mail_;
  // While a message is coming in, taken or refused.
  std::optional<BodyClock> body_clock_;
  Patience patience_{};
  observe::LineLimit refusal_lines_;
  absl::Status ended_;
  // The message whose 250 is not yet written.
  std::string unconfirmed_;
  bool waiting_for_input_ = false;
  bool ending_ = false;
  bool stopping_ = false;
  bool cut_ = false;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace goniec::inbound
