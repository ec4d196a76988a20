#include "common/queue/quarantine.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/queue/broker.h"
#include "common/queue/jetstream.h"
#include "common/queue/subjects.h"

namespace goniec::queue {

asio::awaitable<absl::Status> Quarantine(Broker& broker, std::string subject, std::string stream,
                                         std::uint64_t sequence, std::string payload, std::string why) {
  constexpr std::chrono::seconds kStoreLimit{5};
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

}  // namespace goniec::queue
