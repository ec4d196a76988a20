// JetStream over the Broker: the JSON API, publishing with an acknowledgement, direct reads. No state of its
// own. Thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/queue/broker/broker.h"

namespace goniec::queue {

// How a publish ended. Only after `kStored` may a sender hear 250 or OK.
enum class PublishState {
  kStored,
  kNotStored,  // the server said so, or it was never sent
  kUnknown,    // no answer, disconnect, leader change: it may be stored
};

struct PublishResult {
  PublishState state = PublishState::kUnknown;
  std::string stream;
  std::uint64_t sequence = 0;
  bool duplicate = false;
  // Nobody listens to the subject: there is no such stream, or none of its servers leads it at the moment.
  bool no_stream = false;
  // JetStream's err_code, 0 if there is none.
  int error_code = 0;
  // Not OK unless kStored. kResourceExhausted: the stream or the account is full (10077, 10002, 10023,
  // 10047).
  absl::Status status;
};

// Reads the answer to a publish.
PublishResult ReadPublishReply(const Reply& reply);

asio::awaitable<PublishResult> PublishAcknowledged(Broker& broker, OutgoingMessage message,
                                                   std::chrono::milliseconds limit);

// Several at once: each ends by itself, whatever becomes of the others. In their order.
asio::awaitable<std::vector<PublishResult>> PublishTogether(Broker& broker,
                                                            std::vector<OutgoingMessage> messages,
                                                            std::chrono::milliseconds limit);

// One call of `$JS.API.<call>` with a JSON body; the JSON answer as text. An API error becomes kNotFound
// (404), kFailedPrecondition (400) or kUnavailable (503) with err_code and description in the message.
asio::awaitable<absl::StatusOr<std::string>> CallApi(
    Broker& broker, std::string call, std::string json,
    std::chrono::milliseconds limit = std::chrono::seconds(5));

struct ApiCall {
  std::string call;
  std::string json;
};
// Several calls at once: each ends by itself. The first error in their order, if there is any.
asio::awaitable<absl::Status> CallTogether(Broker& broker, std::vector<ApiCall> calls,
                                           std::chrono::milliseconds limit = std::chrono::seconds(5));

// As JetStream writes times; the epoch if it cannot be read.
WallTime ParseBrokerTime(const std::string& text);

struct StoredMessage {
  std::string subject;
  std::uint64_t sequence = 0;
  WallTime stored_at;  // by the server's clock
  std::string data;
  Headers headers;  // of a direct batch: only schedule and origin (subjects.h)
};

// Asks the leader for the first message at or after `from_sequence` whose subject matches (wildcards
// allowed). kNotFound if there is none.
asio::awaitable<absl::StatusOr<StoredMessage>> GetNextMessage(Broker& broker, std::string stream,
                                                              std::string subject,
                                                              std::uint64_t from_sequence = 1);

// The last message of one subject as it is, without JSON and base64, from any replica: one that lags may say
// kNotFound of what is there, or give an older message.
asio::awaitable<absl::StatusOr<std::string>> GetDirect(Broker& broker, std::string stream,
                                                       std::string subject);

struct DirectBatch {
  std::vector<StoredMessage> messages;
  // Messages of the subject that come after these.
  std::uint64_t pending = 0;
};

// Up to `batch` messages of one subject by direct get (any replica may answer and may lag), from a time or a
// sequence on; about `max_bytes` at most (0: no such bound). An empty batch if there is none; kUnavailable if
// one was lost on its way.
asio::awaitable<absl::StatusOr<DirectBatch>> GetDirectBatch(Broker& broker, std::string stream,
                                                            std::string subject, int batch,
                                                            std::optional<WallTime> start_time,
                                                            std::uint64_t from_sequence = 0,
                                                            std::size_t max_bytes = 0);

}  // namespace goniec::queue
