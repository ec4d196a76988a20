#include "common/queue/broker/election.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::seconds kLimit{5};

std::string KeySubject(const std::string& role) {
  return absl::StrCat("$KV.", kPresenceBucket, ".", role);
}

}  // namespace

Election::Election(Broker& broker, std::string role, std::string name)
    : broker_(broker), role_(std::move(role)), name_(std::move(name)) {}

asio::awaitable<bool> Election::Hold() {
  OutgoingMessage message;
  message.subject = KeySubject(role_);
  message.payload = std::make_shared<const std::string>(name_);
  message.headers = {{kHeaderExpectedLastSubjectSequence, absl::StrCat(sequence_)}};
  const PublishResult result = co_await PublishAcknowledged(broker_, std::move(message), kLimit);
  sequence_ = result.state == PublishState::kStored ? result.sequence : 0;
  co_return sequence_ != 0;
}

asio::awaitable<void> Election::Resign() {
  if (sequence_ == 0) co_return;
  const absl::StatusOr<std::string> removed =
      co_await CallApi(broker_, absl::StrCat("STREAM.MSG.DELETE.KV_", kPresenceBucket),
                       absl::StrCat("{\"seq\":", sequence_, ",\"no_erase\":true}"));
  sequence_ = 0;  // should it have failed, the entry goes by its age
}

}  // namespace goniec::queue
