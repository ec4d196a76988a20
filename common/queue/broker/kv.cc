#include "common/queue/broker/kv.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

// How long a key's deletion is remembered: whoever follows the keys hears it within that time, or begins
// anew.
constexpr char kTraceTtl[] = "60s";
// The key has another revision, or is being written by somebody else at this moment.
constexpr int kErrWrongSequence = 10071;
constexpr int kErrWrongSequenceConstant = 10164;

std::string KeySubject(const std::string& bucket, const std::string& key) {
  return absl::StrCat("$KV.", bucket, ".", key);
}

asio::awaitable<absl::StatusOr<std::uint64_t>> Store(Broker& broker, OutgoingMessage message,
                                                     std::optional<std::uint64_t> expected,
                                                     std::chrono::milliseconds limit) {
  if (expected) message.headers.emplace_back(kHeaderExpectedLastSubjectSequence, absl::StrCat(*expected));
  const PublishResult result = co_await PublishAcknowledged(broker, std::move(message), limit);
  if (result.state == PublishState::kStored) co_return result.sequence;
  if (result.error_code == kErrWrongSequence || result.error_code == kErrWrongSequenceConstant) {
    co_return absl::AbortedError(result.status.message());
  }
  co_return result.status;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::uint64_t>> KvPut(Broker& broker, std::string bucket, std::string key,
                                                     std::string value, std::optional<std::uint64_t> expected,
                                                     std::chrono::milliseconds limit) {
  OutgoingMessage message;
  message.subject = KeySubject(bucket, key);
  message.payload = std::make_shared<const std::string>(std::move(value));
  co_return co_await Store(broker, std::move(message), expected, limit);
}

asio::awaitable<absl::Status> KvDelete(Broker& broker, std::string bucket, std::string key,
                                       std::uint64_t expected, std::chrono::milliseconds limit) {
  OutgoingMessage message;
  message.subject = KeySubject(bucket, key);
  message.headers = {{kHeaderKvOperation, kKvDelete}, {kHeaderTtl, kTraceTtl}};
  const absl::StatusOr<std::uint64_t> stored = co_await Store(broker, std::move(message), expected, limit);
  co_return stored.status();
}

asio::awaitable<absl::StatusOr<KvEntry>> KvGet(Broker& broker, std::string bucket, std::string key) {
  absl::StatusOr<StoredMessage> stored =
      co_await GetNextMessage(broker, absl::StrCat("KV_", bucket), KeySubject(bucket, key));
  if (!stored.ok()) co_return stored.status();
  KvEntry entry;
  entry.key = std::move(key);
  entry.value = std::move(stored->data);
  entry.revision = stored->sequence;
  entry.stored_at = stored->stored_at;
  for (const auto& [name, value] : stored->headers) {
    if (name == kHeaderKvOperation) entry.deleted = IsKvDeletion(value);
  }
  co_return entry;
}

bool IsKvDeletion(std::string_view operation) {
  return operation == kKvDelete || operation == "PURGE";
}

}  // namespace goniec::queue
