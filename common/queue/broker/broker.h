// The connection to NATS: publish, request, subscribe; connects again by itself for ever, and leaves a server
// of a cluster that has lost the others (leader_silence.h). Everything in common/queue talks through it;
// nobody else includes nats.h.
//
// It owns one thread on which it sends (a write may block up to the write deadline, so never on an I/O
// thread) and on which answers are sorted to those who wait. Nothing is buffered while it is disconnected: a
// request then ends at once with kUnavailable and is certain not to have been sent.
//
// Thread-safe. Must outlive all that uses it; callbacks run on its thread and must only hand over.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

struct QueueConfig;

using Headers = std::vector<std::pair<std::string, std::string>>;

// What is sent. The payload is shared so that a repeated record is not copied.
struct OutgoingMessage {
  std::string subject;
  std::shared_ptr<const std::string> payload;
  Headers headers = {};
  // Publish() only: where an answer goes, if one is wanted.
  std::string reply = {};
};

// What came. `data` is valid as long as this object or a copy of it lives.
struct IncomingMessage {
  std::string subject;
  std::string reply;
  // The status line of NATS ("408", "503" = no responders), 0 on an ordinary message.
  int status = 0;
  std::string description;
  std::string_view data;
  std::shared_ptr<const void> owner;

  // The value of a header, empty if it is not there.
  [[nodiscard]] std::string Header(const char* name) const;
};

// How sure it is that a failed request did not reach the server.
enum class Sent { kNo, kMaybe };
struct Reply {
  absl::StatusOr<IncomingMessage> message;
  Sent sent = Sent::kMaybe;  // says something only when `message` is not OK
};

class Subscription {
 public:
  virtual ~Subscription() = default;  // no callback starts afterwards
  [[nodiscard]] virtual const std::string& subject() const = 0;
};

class Broker {
 public:
  // Starts connecting and returns; bad settings (an unreadable file, a malformed address) are
  // kInvalidArgument. `name` is what the server shows for this connection.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(const QueueConfig& config, const std::string& name);

  virtual ~Broker() = default;

  // The executor of the broker's own thread, for actors such as the Publisher.
  [[nodiscard]] virtual asio::any_io_executor executor() const = 0;

  [[nodiscard]] virtual bool connected() const = 0;
  // The version in the server's INFO, empty before the first connection.
  [[nodiscard]] virtual std::string server_version() const = 0;
  // Largest payload that the server takes, 0 before the first connection.
  [[nodiscard]] virtual std::int64_t max_payload() const = 0;
  // Why it is not connected, in words and without credentials; empty if it is.
  [[nodiscard]] virtual std::string last_error() const = 0;
  // When the server last answered a request; a TCP acknowledgement is no answer.
  [[nodiscard]] virtual BootTime last_answer() const = 0;

  // When the last publish was sent that a stream has confirmed on this connection. At that time the server at
  // hand was one of a majority, or reached it: a server that is cut off answers much, but confirms nothing
  // (leader_silence.h).
  [[nodiscard]] virtual BootTime last_confirmed() const = 0;
  // The server at hand says that it is one of a cluster.
  [[nodiscard]] virtual bool clustered() const = 0;

  // The broker's time of day. Ids, expiry and schedules go by it in every process, so that a machine whose
  // clock jumps neither loses sight of its mail nor expires that of others. Learned from the answers of the
  // broker's API (LearnTime, called by CallApi), carried on by CLOCK_BOOTTIME; our own time until the first
  // answer.
  [[nodiscard]] WallTime Now(const Clock& ours = Clock::Real()) const;
  void LearnTime(WallTime theirs, BootTime at);

  // Called on the broker's thread after each (re)connection and disconnection, in the order of registration;
  // at once (but later than this call) if it is connected. Returns a token for removal.
  virtual int OnStateChange(std::function<void(bool connected)> callback) = 0;
  virtual void RemoveStateCallback(int token) = 0;

  // Sends without waiting for an answer (acknowledgements, notices). Nothing is sent while it is not
  // connected.
  virtual void Publish(OutgoingMessage message) = 0;

  // Sends and calls `done` once, on the broker's thread: with the first message to the reply subject, or with
  // kDeadlineExceeded after `limit`, or kUnavailable. `may_send`, if set, is asked on the broker's thread
  // immediately before the send; false ends the request as kDeadlineExceeded, not sent.
  virtual void Request(OutgoingMessage message, std::chrono::milliseconds limit,
                       std::function<void(Reply)> done, std::function<bool()> may_send = nullptr) = 0;

  // The same for coroutines; resumes on their executor.
  asio::awaitable<Reply> Request(OutgoingMessage message, std::chrono::milliseconds limit);

  // As Request, for answers of several messages: `each` runs on the broker's thread for every one and returns
  // true when that was the last; a failure (`message` not OK) is always the last. `limit` is for the whole
  // answer.
  virtual void RequestMany(OutgoingMessage message, std::chrono::milliseconds limit,
                           std::function<bool(Reply)> each) = 0;

  // All messages to `subject`, in order, until the Subscription is destroyed; `handler` runs on a thread of
  // the client library. Lives through reconnections (messages sent meanwhile are not seen).
  virtual absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(
      const std::string& subject, std::function<void(IncomingMessage)> handler) = 0;

  // A subject of this connection's own for answers.
  [[nodiscard]] virtual std::string NewInbox() = 0;

 private:
  static constexpr std::int64_t kNotLearned = std::numeric_limits<std::int64_t>::min();
  std::atomic<std::int64_t> ahead_of_boot_{kNotLearned};  // nanoseconds
};

}  // namespace goniec::queue
