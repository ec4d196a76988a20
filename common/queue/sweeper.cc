#include "common/queue/sweeper.h"

#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/queue/audit.h"
#include "common/queue/broker.h"
#include "common/queue/config.h"
#include "common/queue/jetstream.h"
#include "common/queue/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::seconds kOverdue{60};
constexpr std::chrono::seconds kStoreLimit{5};
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

asio::awaitable<absl::StatusOr<int>> SweepOverdue(Broker& broker, const QueueConfig& config,
                                                  const Audit& audit,
                                                  std::function<std::string(const std::string&)> domain_of,
                                                  WallTime now) {
  std::set<std::pair<int, std::string>> overdue;
  for (const auto& [id, message] : audit.recipients().open()) {
    for (const auto& [index, recipient] : message.recipients) {
      if (!recipient.next_attempt_time || *recipient.next_attempt_time > now - kOverdue) continue;
      const std::string domain = domain_of(recipient.address);
      for (const MailClass mail_class : {MailClass::kTransactional, MailClass::kBulk}) {
        for (int lane = 0; lane < config.lanes; ++lane) {
          std::string subject =
              WaitSubject(lane, mail_class, message.tenant, id, recipient.generation, domain);
          if (audit.copies().contains(subject)) overdue.emplace(lane, std::move(subject));
        }
      }
    }
  }
  int fired = 0;
  for (const auto& [lane, subject] : overdue) {
    if (absl::Status status = co_await FireNow(broker, lane, subject); !status.ok()) co_return status;
    ++fired;
  }
  co_return fired;
}

}  // namespace goniec::queue
