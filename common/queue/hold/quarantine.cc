#include "common/queue/hold/quarantine.h"

#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::seconds kStoreLimit{5};
constexpr char kAll[] = "quarantine.>";

std::string HeaderOf(const StoredMessage& stored, std::string_view name) {
  for (const auto& [key, value] : stored.headers) {
    if (key == name) return value;
  }
  return {};
}

SetAside FromStored(StoredMessage stored) {
  return {stored.sequence,
          stored.stored_at,
          SubjectBeforeQuarantine(stored.subject),
          HeaderOf(stored, kHeaderOrigin),
          HeaderOf(stored, kHeaderReason),
          std::move(stored.data)};
}

// In READY, when it was there for the first time. When that was is not known any more.
std::optional<v1::ReadyPlace> PlaceBefore(const SetAside& record) {
  const std::size_t space = record.origin.find(' ');
  std::uint64_t sequence = 0;
  if (space == std::string::npos || !absl::SimpleAtoi(record.origin.substr(space + 1), &sequence)) {
    return std::nullopt;
  }
  std::optional<v1::ReadyPlace> place = ReadyPlaceOf(record.origin.substr(0, space), sequence, record.since);
  if (place) place->clear_stored_time();
  return place;
}

// A copy was due; it is due again: workers take copies only from where schedules fire to, and it must stand
// in the queue's own order with what else may be due of the message. A record from the shelf shares its
// subject with others: as a schedule it would replace them.
absl::StatusOr<OutgoingMessage> Returning(const SetAside& record, WallTime now_at_broker) {
  constexpr std::string_view kDue = "due.";
  OutgoingMessage message;
  message.payload = std::make_shared<const std::string>(record.payload);
  message.headers = {{kHeaderMessageId, absl::StrCat("returned.", record.sequence)}};
  if (record.subject.starts_with("ready.")) {
    message.subject = record.subject;
    message.headers.emplace_back(kHeaderResend, "1");
    return message;
  }
  if (IsReleased(record.subject)) {
    message.subject = record.subject;
    return message;
  }
  if (record.subject.starts_with(kDue)) {
    message.subject = "wait." + record.subject.substr(kDue.size());
    const std::string now =
        absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromChrono(now_at_broker), absl::UTCTimeZone());
    message.headers.emplace_back(kHeaderSchedule, absl::StrCat("@at ", now));
    message.headers.emplace_back(kHeaderScheduleTarget, record.subject);
    return message;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no worker takes records from its subject, ", record.subject));
}

}  // namespace

asio::awaitable<absl::Status> Quarantine(Broker& broker, std::string subject, std::string stream,
                                         std::uint64_t sequence, std::string payload, std::string why) {
  OutgoingMessage message;
  message.subject = QuarantineSubject(subject);
  message.payload = std::make_shared<const std::string>(std::move(payload));
  message.headers = {{kHeaderMessageId, absl::StrCat("quarantine.", stream, ".", sequence)},
                     {kHeaderOrigin, absl::StrCat(stream, " ", sequence)},
                     {kHeaderReason, std::move(why)}};
  const PublishResult stored = co_await PublishAcknowledged(broker, std::move(message), kStoreLimit);
  if (stored.state == PublishState::kStored) co_return absl::OkStatus();
  co_return stored.status;
}

// One by one: they are few, and their headers are wanted.
asio::awaitable<absl::StatusOr<std::vector<SetAside>>> ListSetAside(Broker& broker) {
  std::vector<SetAside> records;
  for (std::uint64_t from = 1;;) {
    absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker, kQuarantineStream, kAll, from);
    if (absl::IsNotFound(stored.status())) co_return records;
    if (!stored.ok()) co_return stored.status();
    from = stored->sequence + 1;
    records.push_back(FromStored(*std::move(stored)));
  }
}

asio::awaitable<absl::StatusOr<SetAside>> FindSetAside(Broker& broker, std::uint64_t sequence) {
  absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker, kQuarantineStream, kAll, sequence);
  const bool none = absl::IsNotFound(stored.status()) || (stored.ok() && stored->sequence != sequence);
  if (none) co_return absl::NotFoundError(absl::StrCat("nothing is set aside under ", sequence));
  if (!stored.ok()) co_return stored.status();
  co_return FromStored(*std::move(stored));
}

asio::awaitable<absl::StatusOr<Returned>> ReturnSetAside(Broker& broker, const QueueConfig& config,
                                                         SetAside record) {
  absl::StatusOr<OutgoingMessage> message = Returning(record, broker.Now());
  if (!message.ok()) co_return message.status();
  const PublishResult stored = co_await PublishAcknowledged(broker, *std::move(message), kStoreLimit);
  if (stored.state != PublishState::kStored) co_return stored.status;
  if (const auto place = PlaceBefore(record)) {
    const PublishResult noted =
        co_await PublishAcknowledged(broker, ReadyNote(config, record.subject, *place), kStoreLimit);
    if (noted.state != PublishState::kStored) co_return noted.status;
  }
  const absl::StatusOr<std::string> deleted =
      co_await CallApi(broker, absl::StrCat("STREAM.MSG.DELETE.", kQuarantineStream),
                       absl::StrCat(R"({"seq":)", record.sequence, "}"));
  if (!deleted.ok()) {
    co_return absl::UnavailableError(absl::StrCat(
        "it is in ", stored.stream, " again but not deleted here: ", ToAbsl(Message(deleted.status()))));
  }
  co_return Returned{stored.stream, stored.sequence};
}

}  // namespace goniec::queue
