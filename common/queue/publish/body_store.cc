#include "common/queue/publish/body_store.h"

#include <openssl/sha.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/mail/ulid.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/publisher.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kStoreLimit{5'000};
// A chunk without an answer is published again under the same id, so it cannot be there twice.
constexpr int kStoreTries = 4;
// Nobody listens between two leaders of a stream, in a cluster. An election is shorter than all tries.
constexpr std::chrono::milliseconds kLeaderlessPause{200};

void ReportAbandoned(Broker& broker, const std::string& body_id) {
  broker.Publish({AbandonedSubject(body_id), nullptr, {}});
}

asio::awaitable<absl::Status> PublishChunk(Broker& broker, std::string body_id, std::uint32_t number,
                                           std::string chunk, std::chrono::seconds keep) {
  OutgoingMessage message;
  message.subject = BodySubject(body_id, number);
  message.payload = std::make_shared<const std::string>(std::move(chunk));
  message.headers = {{kHeaderMessageId, absl::StrCat(body_id, ".", number)},
                     {kHeaderTtl, absl::StrCat(keep.count(), "s")}};
  const BootTime end = BootClock::now() + kStoreTries * kStoreLimit;
  for (int tries = kStoreTries;;) {
    const PublishResult result = co_await PublishAcknowledged(broker, message, kStoreLimit);
    const bool leaderless = result.no_stream && broker.clustered() && BootClock::now() < end;
    if (!leaderless && (result.state != PublishState::kUnknown || --tries == 0)) co_return result.status;
    if (!leaderless) continue;
    asio::steady_timer pause(co_await asio::this_coro::executor, kLeaderlessPause);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace

BodyWriter::BodyWriter(Broker& broker, std::chrono::seconds keep) : broker_(broker), keep_time_(keep) {}

BodyWriter::~BodyWriter() {
  Abandon();
}

bool BodyWriter::FitsInline(std::size_t more) const {
  return chunks_ == 0 && buffer_.size() + more <= kMaxInlineBody;
}

void BodyWriter::AppendNow(std::string_view bytes) {
  size_ += bytes.size();
  Grow(bytes.size());
  buffer_.append(bytes);
}

asio::awaitable<absl::Status> BodyWriter::Append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    // A chunk is cut at the inline limit, so no more than that is ever held in memory.
    const std::size_t room = kMaxInlineBody - buffer_.size();
    if (room == 0) {
      std::string chunk = std::exchange(buffer_, {});
      if (absl::Status stored = co_await StoreChunk(std::move(chunk)); !stored.ok()) co_return stored;
      continue;
    }
    const std::size_t taken = std::min(room, bytes.size());
    Grow(taken);
    buffer_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> BodyWriter::Spill() {
  if (buffer_.empty()) co_return absl::OkStatus();
  co_return co_await StoreChunk(std::exchange(buffer_, {}));
}

asio::awaitable<absl::Status> BodyWriter::StoreChunk(std::string chunk) {
  if (body_id_.empty()) body_id_ = mail::NewUlid(std::chrono::system_clock::now());
  co_return co_await PublishChunk(broker_, body_id_, chunks_++, std::move(chunk), keep_time_);
}

asio::awaitable<absl::Status> BodyWriter::Finish(v1::Mail& mail) {
  if (chunks_ > 0) co_return co_await FinishAsChunks(mail);
  mail.set_inline_body(std::exchange(buffer_, {}));
  mail.set_size_bytes(size_);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> BodyWriter::FinishAsChunks(v1::Mail& mail) {
  if (!buffer_.empty()) {
    std::string chunk = std::exchange(buffer_, {});
    if (absl::Status stored = co_await StoreChunk(std::move(chunk)); !stored.ok()) co_return stored;
  }
  v1::BodyReference& reference = *mail.mutable_body_reference();
  reference.set_body_id(body_id_);
  reference.set_chunk_count(chunks_);
  reference.set_size_bytes(size_);
  mail.set_size_bytes(size_);
  co_return absl::OkStatus();
}

void BodyWriter::Keep() {
  done_ = true;
}

void BodyWriter::Abandon() {
  if (done_) return;
  done_ = true;
  buffer_ = {};
  if (!body_id_.empty()) ReportAbandoned(broker_, body_id_);
}

std::uint64_t BodyWriter::size() const {
  return size_;
}

std::size_t BodyWriter::memory() const {
  return buffer_.capacity();
}

std::size_t BodyWriter::MemoryWith(std::size_t more) const {
  const std::size_t needed = std::min(buffer_.size() + more, kMaxInlineBody);
  if (needed <= buffer_.capacity()) return buffer_.capacity();
  return std::max(needed, std::min(2 * buffer_.capacity(), kMaxInlineBody));
}

// Left to itself a string of just over half of the limit would grow to nearly twice the limit.
void BodyWriter::Grow(std::size_t more) {
  const std::size_t wanted = MemoryWith(more);
  if (wanted <= buffer_.capacity()) return;
  std::string larger;
  larger.reserve(wanted);
  larger.append(buffer_);
  buffer_ = std::move(larger);
}

asio::awaitable<absl::StatusOr<std::string>> ReadBodyChunk(Broker& broker, std::string body_id,
                                                           std::uint32_t chunk) {
  const std::string subject = BodySubject(body_id, chunk);
  // A chunk is never changed, so whichever replica has it has it right. One that has it not may lag, and one
  // that does not answer may be cut off: then the leader is asked.
  absl::StatusOr<std::string> direct = co_await GetDirect(broker, kBodiesStream, subject);
  if (direct.ok()) co_return direct;
  absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker, kBodiesStream, subject);
  if (!stored.ok()) co_return stored.status();
  co_return std::move(stored->data);
}

asio::awaitable<absl::Status> DeleteBody(Broker& broker, std::string body_id) {
  const nlohmann::json request = {{"filter", absl::StrCat("body.", body_id, ".>")}};
  const absl::StatusOr<std::string> answer =
      co_await CallApi(broker, absl::StrCat("STREAM.PURGE.", kBodiesStream), request.dump());
  co_return answer.status();
}

std::string MovedBodyId(const v1::Mail& mail) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  const std::string named = absl::StrCat(mail.message_id(), "\n", mail.inline_body());
  SHA256(reinterpret_cast<const unsigned char*>(named.data()), named.size(), hash);
  return mail::DerivedUlid(mail.message_id(),
                           std::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

asio::awaitable<absl::Status> MoveBodyToStore(Broker& broker, v1::Mail& mail, std::chrono::seconds keep) {
  v1::BodyReference reference;
  reference.set_body_id(MovedBodyId(mail));
  reference.set_chunk_count(1);
  reference.set_size_bytes(mail.inline_body().size());
  const absl::Status stored = co_await PublishChunk(broker, reference.body_id(), 0, mail.inline_body(), keep);
  if (stored.ok()) *mail.mutable_body_reference() = std::move(reference);
  co_return stored;
}

}  // namespace goniec::queue
