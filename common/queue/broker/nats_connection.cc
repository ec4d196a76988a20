#include "common/queue/broker/nats_connection.h"

#include <fcntl.h>
#include <nats/nats.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/queue/broker/shown_server.h"
#include "common/queue/model/config.h"

namespace goniec::queue {
namespace {

constexpr std::int64_t kConnectLimitMs = 2'000;
constexpr std::int64_t kWriteLimitMs = 2'000;
// A connection that stands still is found out within a third of ack_wait, for a lease counts from the receipt
// of the record (README.md, "The holder rule").
std::int64_t PingEveryMs(const QueueConfig& config) {
  return std::clamp<std::int64_t>(config.ack_wait.count() / 10, 100, 5'000);
}
constexpr int kPingsUnanswered = 2;

IncomingMessage FromNats(natsMsg* message) {
  IncomingMessage incoming;
  incoming.owner = std::shared_ptr<const void>(
      message, [](const void* m) { natsMsg_Destroy(const_cast<natsMsg*>(static_cast<const natsMsg*>(m))); });
  incoming.subject = natsMsg_GetSubject(message);
  if (const char* reply = natsMsg_GetReply(message)) incoming.reply = reply;
  const int length = natsMsg_GetDataLength(message);
  if (length > 0)
    incoming.data = std::string_view(natsMsg_GetData(message), static_cast<std::size_t>(length));
  // A status line comes only without payload.
  if (length == 0) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, "Status", &value) == NATS_OK && value != nullptr) {
      incoming.status = std::atoi(value);
      if (natsMsgHeader_Get(message, "Description", &value) == NATS_OK && value != nullptr) {
        incoming.description = value;
      }
    }
  }
  return incoming;
}

void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  const auto& sink = *static_cast<std::shared_ptr<MessageSink>*>(closure);
  IncomingMessage incoming = FromNats(message);
  const std::lock_guard lock(sink->mutex);
  if (sink->active) sink->handler(std::move(incoming));
}

void OnSubscriptionEnd(void* closure) {
  delete static_cast<std::shared_ptr<MessageSink>*>(closure);
}

struct ServerInfo {
  std::string version;
  bool clustered = false;
};

// The INFO line that the server sends first, before any TLS (the library does not show it). Empty if it
// cannot be read within a second, as with servers that start TLS at once.
ServerInfo ReadServerInfo(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return {};
  std::string line;
  const auto deadline = BootClock::now() + std::chrono::seconds(1);
  // Connected or in progress: either way the first byte to read is the sign.
  if (connect(fd, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS) {
    while (line.find('\n') == std::string::npos && line.size() < 16 * 1024) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - BootClock::now()).count();
      pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
      if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) break;
      char bytes[4096];
      const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      line.append(bytes, static_cast<std::size_t>(got));
    }
  }
  close(fd);
  const std::size_t brace = line.find('{');
  if (!line.starts_with("INFO ") || brace == std::string::npos) return {};
  const auto info = nlohmann::json::parse(line.substr(brace, line.rfind('}') - brace + 1), nullptr, false);
  if (!info.is_object()) return {};
  return {info.value("version", std::string()), !info.value("cluster", std::string()).empty()};
}

ServerInfo InfoAt(const std::string& url) {
  // nats://[user@]host:port
  std::string rest = url.substr(url.find("://") == std::string::npos ? 0 : url.find("://") + 3);
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  const std::size_t colon = rest.rfind(':');
  std::string host = rest.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return ReadServerInfo(host, colon == std::string::npos ? "4222" : rest.substr(colon + 1));
}

// The library says of a file that is not there that no server is available, or "(null)".
absl::Status CheckFile(const char* key, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::InvalidArgumentError(absl::StrCat("queue.", key, ": ", path, ": cannot be read: ",
                                                   strerror(errno), "; check the path, its owner and mode"));
  }
  close(fd);
  return absl::OkStatus();
}

absl::Status CheckFiles(const QueueConfig& config) {
  GONIEC_RETURN_IF_ERROR(CheckFile("credentials_file", config.credentials_file));
  GONIEC_RETURN_IF_ERROR(CheckFile("tls.ca_file", config.tls_ca_file));
  GONIEC_RETURN_IF_ERROR(CheckFile("tls.cert_file", config.tls_cert_file));
  return CheckFile("tls.key_file", config.tls_key_file);
}

using NatsOptions = std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)>;

// In random order, so that clients spread over the servers; `last` after all others.
std::vector<std::string> OrderServers(std::vector<std::string> servers, const std::string& last) {
  std::shuffle(servers.begin(), servers.end(), std::minstd_rand(std::random_device{}()));
  std::partition(servers.begin(), servers.end(), [&last](const std::string& server) {
    return last.empty() || ShownServer(server) != ShownServer(last);
  });
  return servers;
}

absl::StatusOr<NatsOptions> MakeNatsOptions(const QueueConfig& config, const std::string& name,
                                            const std::string& last) {
  GONIEC_RETURN_IF_ERROR(CheckFiles(config));
  natsOptions* raw = nullptr;
  if (natsOptions_Create(&raw) != NATS_OK) return absl::InternalError("out of memory");
  NatsOptions options(raw, &natsOptions_Destroy);
  const std::vector<std::string> ordered = OrderServers(config.servers, last);
  std::vector<const char*> servers;
  servers.reserve(ordered.size());
  for (const std::string& server : ordered) servers.push_back(server.c_str());
  const auto check = [](natsStatus status, const char* what) {
    if (status == NATS_OK) return absl::OkStatus();
    const char* detail = nats_GetLastError(nullptr);
    return absl::InvalidArgumentError(absl::StrCat("queue.", what, ": ", natsStatus_GetText(status),
                                                   detail != nullptr ? ": " : "",
                                                   detail != nullptr ? detail : ""));
  };
  std::vector<std::pair<natsStatus, const char*>> steps = {
      {natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size())), "servers"},
      {natsOptions_SetNoRandomize(raw, true), "servers"},
      {natsOptions_SetName(raw, name.c_str()), "servers"},
      {natsOptions_SetAllowReconnect(raw, false), "servers"},
      {natsOptions_SetTimeout(raw, kConnectLimitMs), "servers"},
      {natsOptions_SetWriteDeadline(raw, kWriteLimitMs), "servers"},
      {natsOptions_SetPingInterval(raw, PingEveryMs(config)), "servers"},
      {natsOptions_SetMaxPingsOut(raw, kPingsUnanswered), "servers"},
      {natsOptions_SetSendAsap(raw, true), "servers"},
  };
  if (!config.user.empty()) {
    steps.emplace_back(natsOptions_SetUserInfo(raw, config.user.c_str(), config.password.c_str()), "user");
  }
  if (!config.credentials_file.empty()) {
    steps.emplace_back(natsOptions_SetUserCredentialsFromFiles(raw, config.credentials_file.c_str(), nullptr),
                       "credentials_file");
  }
  if (!config.tls_ca_file.empty()) {
    steps.emplace_back(natsOptions_SetSecure(raw, true), "tls.ca_file");
    steps.emplace_back(natsOptions_LoadCATrustedCertificates(raw, config.tls_ca_file.c_str()), "tls.ca_file");
  }
  if (!config.tls_cert_file.empty()) {
    steps.emplace_back(
        natsOptions_LoadCertificatesChain(raw, config.tls_cert_file.c_str(), config.tls_key_file.c_str()),
        "tls.cert_file");
  }
  for (const auto& [status, what] : steps) {
    if (absl::Status failed = check(status, what); !failed.ok()) return failed;
  }
  return options;
}

}  // namespace

std::string IncomingMessage::Header(const char* name) const {
  const char* value = nullptr;
  auto* message = const_cast<natsMsg*>(static_cast<const natsMsg*>(owner.get()));
  if (message == nullptr || natsMsgHeader_Get(message, name, &value) != NATS_OK || value == nullptr)
    return {};
  return value;
}

absl::StatusOr<std::shared_ptr<NatsConnection>> NatsConnection::Connect(const QueueConfig& config,
                                                                        const std::string& name,
                                                                        const std::string& last,
                                                                        std::function<void()> on_closed) {
  absl::StatusOr<NatsOptions> options = MakeNatsOptions(config, name, last);
  if (!options.ok()) return options.status();
  std::shared_ptr<NatsConnection> made(new NatsConnection);
  made->on_closed_ = std::move(on_closed);
  const auto closed = [](natsConnection*, void* closure) {
    auto* self = static_cast<NatsConnection*>(closure);
    self->open_ = false;
    self->on_closed_();
    self->closed_callback_done_ = true;
  };
  natsOptions_SetClosedCB(options->get(), closed, made.get());
  const natsStatus status = natsConnection_Connect(&made->connection_, options->get());
  if (status != NATS_OK) {
    const char* detail = nats_GetLastError(nullptr);
    return absl::UnavailableError(absl::StrCat(natsStatus_GetText(status), detail != nullptr ? ": " : "",
                                               detail != nullptr ? detail : ""));
  }
  ServerInfo info = InfoAt(made->url());
  made->server_version_ = std::move(info.version);
  made->clustered_ = info.clustered;
  return made;
}

NatsConnection::~NatsConnection() {
  if (connection_ == nullptr) return;
  natsConnection_Close(connection_);
  while (!closed_callback_done_) std::this_thread::yield();  // it comes on another thread, once
  natsConnection_Destroy(connection_);
}

void NatsConnection::Close() {
  natsConnection_Close(connection_);
}

NatsConnection::SendResult NatsConnection::Send(const OutgoingMessage& message, const std::string& reply_to) {
  static const std::string kNothing;
  const std::string& payload = message.payload ? *message.payload : kNothing;
  natsMsg* raw = nullptr;
  natsStatus status =
      natsMsg_Create(&raw, message.subject.c_str(), reply_to.empty() ? nullptr : reply_to.c_str(),
                     payload.data(), static_cast<int>(payload.size()));
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> owner(raw, &natsMsg_Destroy);
  for (const auto& [key, value] : message.headers) {
    if (status == NATS_OK) status = natsMsgHeader_Set(raw, key.c_str(), value.c_str());
  }
  if (status == NATS_OK) {
    if (!open_) return {absl::UnavailableError("not connected to the broker"), Sent::kNo};
    status = natsConnection_PublishMsg(connection_, raw);
  }
  if (status == NATS_OK) return {};
  // Too large, malformed, or closed before the write began: nothing went out. Anything else may have.
  const bool nothing = status == NATS_MAX_PAYLOAD || status == NATS_INVALID_ARG ||
                       status == NATS_INVALID_SUBJECT || status == NATS_CONNECTION_CLOSED ||
                       status == NATS_NO_MEMORY;
  const absl::StatusCode code =
      status == NATS_MAX_PAYLOAD ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kUnavailable;
  return {absl::Status(code, absl::StrCat("the broker took no message: ", natsStatus_GetText(status))),
          nothing ? Sent::kNo : Sent::kMaybe};
}

absl::StatusOr<void*> NatsConnection::Subscribe(const std::string& subject,
                                                std::shared_ptr<MessageSink> sink) {
  auto* closure = new std::shared_ptr<MessageSink>(std::move(sink));
  natsSubscription* subscription = nullptr;
  natsStatus status =
      natsConnection_Subscribe(&subscription, connection_, subject.c_str(), &OnMessage, closure);
  if (status != NATS_OK) {
    delete closure;
    return absl::UnavailableError(absl::StrCat("cannot subscribe: ", natsStatus_GetText(status)));
  }
  natsSubscription_SetOnCompleteCB(subscription, &OnSubscriptionEnd, closure);
  // What waits here was asked for, so its amount is bounded by what is asked.
  natsSubscription_SetPendingLimits(subscription, -1, -1);
  return subscription;
}

void NatsConnection::Unsubscribe(void* handle) {
  auto* subscription = static_cast<natsSubscription*>(handle);
  natsSubscription_Unsubscribe(subscription);
  natsSubscription_Destroy(subscription);
}

std::int64_t NatsConnection::max_payload() const {
  return natsConnection_GetMaxPayload(connection_);
}

std::string NatsConnection::url() const {
  char text[512] = {};
  if (natsConnection_GetConnectedUrl(connection_, text, sizeof text) != NATS_OK) return {};
  return text;
}

absl::Status CheckNatsOptions(const QueueConfig& config, const std::string& name) {
  return MakeNatsOptions(config, name, "").status();
}

}  // namespace goniec::queue
