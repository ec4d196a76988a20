// One life of a connection to nats-server: made connected, ends once, never reconnects. The client library
// would keep unsent bytes while it reconnects and send them afterwards, at any age. A record must not be sent
// late (its id may have left the duplicate window), so Broker makes a new connection instead.
//
// Thread-safe. Internal to Broker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/queue/broker/broker.h"

struct __natsConnection;  // NOLINT(bugprone-reserved-identifier): the library's natsConnection

namespace goniec::queue {

// Where messages of one subscription go. Shared by the subscription and the library's thread.
struct MessageSink {
  std::mutex mutex;
  bool active = true;
  std::function<void(IncomingMessage)> handler;
};

class NatsConnection {
 public:
  // Blocks up to the connect time limit (2 s a server). Servers are tried in random order, `last` (the url()
  // of another connection, or nothing) after all others. `on_closed` runs once, on a thread of the library's.
  static absl::StatusOr<std::shared_ptr<NatsConnection>> Connect(const QueueConfig& config,
                                                                 const std::string& name,
                                                                 const std::string& last,
                                                                 std::function<void()> on_closed);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Blocks at most the write deadline (2 s). kUnavailable with Sent::kNo: closed before anything was written.
  struct SendResult {
    absl::Status status;
    Sent sent = Sent::kMaybe;
  };
  SendResult Send(const OutgoingMessage& message, const std::string& reply_to);

  // Messages go to `sink` until its `active` is false or the connection ends. Returns a handle for
  // Unsubscribe.
  absl::StatusOr<void*> Subscribe(const std::string& subject, std::shared_ptr<MessageSink> sink);
  void Unsubscribe(void* handle);

  // Ends it; `on_closed` runs as if it had been lost.
  void Close();

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] std::int64_t max_payload() const;
  [[nodiscard]] const std::string& server_version() const { return server_version_; }
  // The server says that it is one of a cluster.
  [[nodiscard]] bool clustered() const { return clustered_; }
  [[nodiscard]] std::string url() const;

 private:
  NatsConnection() = default;

  __natsConnection* connection_ = nullptr;
  std::atomic<bool> open_{true};
  std::atomic<bool> closed_callback_done_{false};
  std::function<void()> on_closed_;
  std::string server_version_;
  bool clustered_ = false;
};

// Whether the settings can make a connection at all; kInvalidArgument names the one that cannot.
absl::Status CheckNatsOptions(const QueueConfig& config, const std::string& name);

}  // namespace goniec::queue
