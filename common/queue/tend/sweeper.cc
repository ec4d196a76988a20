#include "common/queue/tend/sweeper.h"

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::seconds kOverdue{60};
constexpr std::chrono::seconds kStoreLimit{5};
// Then the others will fail too.
constexpr int kMostFailures = 10;
// The schedule is not the one that was read any more.
constexpr int kErrWrongLastSequence = 10071;
constexpr int kErrWrongLastMessageSequence = 10164;

}  // namespace

asio::awaitable<absl::Status> FireNow(Broker& broker, int lane, std::string subject) {
  absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker, WaitStream(lane), subject);
  if (absl::IsNotFound(stored.status())) co_return absl::OkStatus();
  if (!stored.ok()) co_return stored.status();
  OutgoingMessage message;
  message.subject = subject;
  message.payload = std::make_shared<const std::string>(std::move(stored->data));
  const std::string at =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromChrono(broker.Now()), absl::UTCTimeZone());
  message.headers = {{kHeaderSchedule, absl::StrCat("@at ", at)},
                     {kHeaderScheduleTarget, DueSubject(subject)},
                     {kHeaderMessageId, absl::StrCat("fire.", WaitStream(lane), ".", stored->sequence)},
                     // Should it fire meanwhile, nothing comes in its place.
                     {kHeaderExpectedLastSubjectSequence, absl::StrCat(stored->sequence)}};
  const PublishResult result = co_await PublishAcknowledged(broker, std::move(message), kStoreLimit);
  if (result.state == PublishState::kStored) co_return absl::OkStatus();
  if (result.error_code == kErrWrongLastSequence || result.error_code == kErrWrongLastMessageSequence) {
    co_return absl::OkStatus();
  }
  co_return result.status;
}

bool IsOverdue(const StoredMessage& copy, WallTime now) {
  constexpr std::string_view kAt = "@at ";
  if (!copy.subject.starts_with("wait.")) return false;
  for (const auto& [name, value] : copy.headers) {
    if (name != kHeaderSchedule || !value.starts_with(kAt)) continue;
    const WallTime at = ParseBrokerTime(value.substr(kAt.size()));
    return at != WallTime() && at <= now - kOverdue;
  }
  return false;
}

asio::awaitable<absl::StatusOr<int>> SweepOverdue(Broker& broker, std::vector<OverdueSchedule>& overdue,
                                                  std::size_t most) {
  int fired = 0;
  int failures = 0;
  absl::Status failed;
  while (!overdue.empty() && static_cast<std::size_t>(fired) < most) {
    const OverdueSchedule next = std::move(overdue.back());
    overdue.pop_back();
    if (absl::Status status = co_await FireNow(broker, next.lane, next.subject); status.ok()) {
      ++fired;
    } else {
      failed = std::move(status);
      if (++failures >= kMostFailures) overdue.clear();
    }
  }
  if (!failed.ok()) co_return failed;
  co_return fired;
}

}  // namespace goniec::queue
