#include "inbound/accept/smtp_server.h"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/spawn.h"
#include "common/net/io_threads.h"
#include "common/observe/log.h"
#include "common/smtp/replies.h"
#include "inbound/accept/receive_buffer.h"

namespace goniec::inbound {
namespace {

// After the limit of a drain: for last words to go out.
constexpr std::chrono::seconds kCutLimit{2};

// Label of the limit that SessionPenalty sets.
constexpr const char* kBadSessions = "bad_sessions";

// 421 to a connection over a limit. It is not waited for: a client that does not read loses nothing but the
// reason.
void TurnAway(asio::ip::tcp::socket socket, const smtp::ReplyText& reply) {
  std::string wire;
  smtp::AppendReply(reply, &wire);
  asio::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(wire), ignored);
}

// Removes the connection from its thread's set however its coroutine ends.
class Registration {
 public:
  Registration(absl::flat_hash_set<Connection*>& set, Connection* connection)
      : set_(set), connection_(connection) {
    set_.insert(connection_);
  }
  ~Registration() { set_.erase(connection_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  absl::flat_hash_set<Connection*>& set_;
  Connection* connection_;
};

}  // namespace

SmtpServer::SmtpServer(net::IoThreads& threads, const ConnectionParts& parts)
    : threads_(threads),
      parts_(parts),
      quota_(parts.smtp.max_connections, parts.smtp.max_connections_per_client),
      penalty_(parts.smtp.max_bad_sessions),
      id_prefix_(absl::StrCat(absl::Hex(std::random_device{}(), absl::kZeroPad8))),
      connections_(threads.size()) {}

SmtpServer::~SmtpServer() {
  StopAccepting();
}

absl::StatusOr<std::unique_ptr<SmtpServer>> SmtpServer::Start(net::IoThreads& threads,
                                                              const ConnectionParts& parts) {
  std::unique_ptr<SmtpServer> server(new SmtpServer(threads, parts));
  // All are bound before the first is served: a start that fails has taken no mail.
  for (const net::Endpoint& address : parts.smtp.listen) {
    auto listener = net::Listener::Open(threads, address);
    if (!listener.ok()) return listener.status();
    server->listeners_.push_back(*std::move(listener));
  }
  for (const auto& listener : server->listeners_) {
    if (absl::Status listening = listener->Listen(); !listening.ok()) return listening;
  }
  for (const auto& listener : server->listeners_) {
    listener->Start(
        [raw = server.get()](size_t thread, asio::ip::tcp::socket socket, const net::Endpoint& peer) {
          raw->OnConnection(thread, std::move(socket), peer);
        });
  }
  return server;
}

void SmtpServer::Refuse(asio::ip::tcp::socket socket, const net::Endpoint& peer, const char* limit) {
  parts_.metrics.connections_refused.With(limit).Add();
  observe::InfoLimited("connection refused", {{"peer", peer.ToString()}, {"limit", limit}});
  const bool barred = std::string_view(limit) == kBadSessions;
  TurnAway(std::move(socket), barred ? smtp::replies::kBarred : smtp::replies::kTooManyConnections);
}

void SmtpServer::OnConnection(size_t thread, asio::ip::tcp::socket socket, const net::Endpoint& peer) {
  const bool trusted = parts_.policy.IsTrusted(peer.ip);
  const auto now = std::chrono::steady_clock::now();
  if (!trusted && penalty_.IsBarred(peer.ip, now)) return Refuse(std::move(socket), peer, kBadSessions);
  net::ConnectionQuota::Refusal why{};
  std::optional<net::ConnectionQuota::Slot> slot = quota_.Enter(peer.ip, &why);
  if (!slot.has_value()) {
    const bool total = why == net::ConnectionQuota::Refusal::kTotal;
    if (!trusted && !total) penalty_.NoteBad(peer.ip, now);
    return Refuse(std::move(socket), peer, total ? "total" : "client");
  }
  std::shared_ptr<ClientMemory> client = parts_.intake.memory.Client(peer.ip);
  auto memory = std::make_unique<MemoryHold>(client, MemoryPart::kSessions);
  if (!memory->Resize(Connection::kMemory)) return Refuse(std::move(socket), peer, "memory");
  asio::error_code ignored;
  socket.set_option(asio::socket_base::receive_buffer_size(static_cast<int>(ReceiveBuffer(quota_.size()))),
                    ignored);
  const asio::any_io_executor executor = socket.get_executor();
  auto connection = std::make_unique<Connection>(
      parts_, net::Stream(std::move(socket), peer), *std::move(slot), std::move(client), std::move(memory),
      absl::StrCat(id_prefix_, "-", absl::Hex(next_id_.fetch_add(1, std::memory_order_relaxed))));
  SpawnLogged(executor, tasks_, "SMTP session", Serve(thread, peer.ip, std::move(connection)));
}

asio::awaitable<void> SmtpServer::Serve(size_t thread, net::IpAddress ip,
                                        std::unique_ptr<Connection> connection) {
  const Registration registration(connections_[thread], connection.get());
  co_await connection->Serve();
  if (connection->EndedBadly() && !parts_.policy.IsTrusted(ip)) {
    penalty_.NoteBad(ip, std::chrono::steady_clock::now());
  }
}

void SmtpServer::StopAccepting() {
  for (const auto& listener : listeners_) listener->StopAccepting();
  tasks_.Close();
}

void SmtpServer::ForEach(void (Connection::*action)()) {
  for (size_t i = 0; i < connections_.size(); ++i) {
    asio::post(threads_.context(i), [this, i, action] {
      for (Connection* connection : connections_[i]) (connection->*action)();
    });
  }
}

bool SmtpServer::Drain(std::chrono::milliseconds limit) {
  ForEach(&Connection::Stop);
  if (tasks_.WaitFor(limit)) return true;
  observe::Warn("sessions cut at the drain limit", {{"sessions", quota_.size()}});
  ForEach(&Connection::Cut);
  return tasks_.WaitFor(kCutLimit);
}

std::vector<net::Endpoint> SmtpServer::addresses() const {
  std::vector<net::Endpoint> addresses;
  addresses.reserve(listeners_.size());
  for (const auto& listener : listeners_) addresses.push_back(listener->address());
  return addresses;
}

}  // namespace goniec::inbound
