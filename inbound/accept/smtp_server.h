// The SMTP ports: accepts connections within the quota and serves each on the thread that accepted it. Made
// by the service. Stop is StopAccepting(), then Drain(). Its methods belong to the main thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "common/base/task_group.h"
#include "common/net/connection_quota.h"
#include "common/net/listener.h"
#include "inbound/accept/connection.h"
#include "inbound/accept/session_penalty.h"

namespace goniec::net {
class IoThreads;
}

namespace goniec::inbound {

class SmtpServer {
 public:
  // Binds every address of `parts.smtp.listen`; one that cannot be bound is an error in one line. `threads`
  // and all of `parts` must outlive the server.
  static absl::StatusOr<std::unique_ptr<SmtpServer>> Start(net::IoThreads& threads,
                                                           const ConnectionParts& parts);
  // Drain() first, or stop the threads.
  ~SmtpServer();
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  void StopAccepting();
  // Ends idle sessions with 421, lets the others finish their transaction, and cuts what is left after
  // `limit`. True if all are gone, which waits for commits under way.
  [[nodiscard]] bool Drain(std::chrono::milliseconds limit);

  // As bound, in the order of the configuration.
  [[nodiscard]] std::vector<net::Endpoint> addresses() const;

 private:
  SmtpServer(net::IoThreads& threads, const ConnectionParts& parts);
  void OnConnection(size_t thread, asio::ip::tcp::socket socket, const net::Endpoint& peer);
  asio::awaitable<void> Serve(size_t thread, net::IpAddress ip, std::unique_ptr<Connection> connection);
  void Refuse(asio::ip::tcp::socket socket, const net::Endpoint& peer, const char* limit);
  void ForEach(void (Connection::*action)());

  net::IoThreads& threads_;
  const ConnectionParts parts_;
  net::ConnectionQuota quota_;
  SessionPenalty penalty_;
  // Session ids: unique over restarts and replicas as far as a log needs it.
  const std::string id_prefix_;
  std::atomic<uint64_t> next_id_{0};
  // One a thread, touched on that thread only.
  std::vector<absl::flat_hash_set<Connection*>> connections_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  TaskGroup tasks_;
};

}  // namespace goniec::inbound
