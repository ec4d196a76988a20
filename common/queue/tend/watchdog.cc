#include "common/queue/tend/watchdog.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kLimit{5};
// Beyond ack_wait: what the auditor asks for (a quarter of a minute), and what clocks may differ by.
constexpr std::chrono::seconds kLongestRest{60};
// That a WallTime can hold.
constexpr std::int64_t kLastMillisecond =
    std::chrono::duration_cast<std::chrono::milliseconds>(WallTime::duration::max()).count();

std::string NoticeSubject(std::string_view stream, std::string_view consumer) {
  return absl::StrCat("$KV.", kControlBucket, ".reset.", ToAbsl(stream), ".", ToAbsl(consumer));
}

struct ConsumerState {
  // Up to here everything counts as acknowledged.
  std::uint64_t floor = 0;
  std::uint64_t pending = 0;
  std::uint64_t unacknowledged = 0;
};

asio::awaitable<absl::StatusOr<ConsumerState>> ReadConsumer(Broker& broker, std::string stream,
                                                            std::string consumer) {
  const absl::StatusOr<std::string> text =
      co_await CallApi(broker, absl::StrCat("CONSUMER.INFO.", stream, ".", consumer), "");
  if (!text.ok()) co_return text.status();
  const Json answer = Json::parse(*text, nullptr, false);
  const auto number = [](const Json& object, const char* key) -> std::optional<std::uint64_t> {
    if (!object.is_object()) return std::nullopt;
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  const Json none;
  const auto floor = number(answer.is_object() ? answer.value("ack_floor", none) : none, "stream_seq");
  const auto pending = number(answer, "num_pending");
  const auto unacknowledged = number(answer, "num_ack_pending");
  if (!floor || !pending || !unacknowledged) {
    co_return absl::UnavailableError(
        absl::StrCat("consumer ", consumer, " of ", stream, ": the broker's answer cannot be read"));
  }
  co_return ConsumerState{*floor, *pending, *unacknowledged};
}

// The sequence of the oldest record of a consumer, 0 if there is none.
asio::awaitable<absl::StatusOr<std::uint64_t>> Oldest(Broker& broker, std::string stream,
                                                      std::string filter) {
  const absl::StatusOr<StoredMessage> first = co_await GetNextMessage(broker, std::move(stream), filter);
  if (absl::IsNotFound(first.status())) co_return 0;
  if (!first.ok()) co_return first.status();
  co_return first->sequence;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<StuckConsumer>>> FindStuck(Broker& broker,
                                                                      const QueueConfig& config) {
  std::vector<StuckConsumer> stuck;
  for (const StreamSettings& stream : ExpectedStreams(config)) {
    for (const ConsumerSettings& consumer : stream.consumers) {
      const auto oldest = co_await Oldest(broker, stream.name, consumer.filter);
      if (!oldest.ok()) co_return oldest.status();
      if (*oldest == 0) continue;
      const auto state = co_await ReadConsumer(broker, stream.name, consumer.name);
      if (!state.ok()) co_return state.status();
      const bool nothing = state->pending == 0 && state->unacknowledged == 0;
      if (*oldest > state->floor && !nothing) continue;
      // Acknowledged between the two questions?
      const auto again = co_await Oldest(broker, stream.name, consumer.filter);
      if (!again.ok()) co_return again.status();
      if (*again != *oldest) continue;
      const auto content = co_await ReadStreamState(broker, stream.name);
      if (!content.ok()) co_return content.status();
      stuck.push_back({stream.name, consumer.name, *oldest, content->last_sequence});
    }
  }
  co_return stuck;
}

WallTime RestEnd(const ResetNotice& notice, WallTime now, std::chrono::milliseconds ack_wait) {
  return std::min(notice.until, now + ack_wait + kLongestRest);
}

std::optional<ResetNotice> ParseResetNotice(std::string_view subject, std::string_view payload) {
  // $KV.control.reset.<stream>.<consumer>: "<last sequence> <until, ms since the epoch>"
  const std::vector<std::string> tokens = absl::StrSplit(ToAbsl(subject), '.');
  const std::vector<std::string> numbers = absl::StrSplit(ToAbsl(payload), ' ');
  ResetNotice notice;
  std::int64_t until = 0;
  if (tokens.size() != 5 || numbers.size() != 2 || !absl::SimpleAtoi(numbers[0], &notice.last_sequence) ||
      !absl::SimpleAtoi(numbers[1], &until) || until < 0 || until > kLastMillisecond) {
    return std::nullopt;
  }
  notice.stream = tokens[3];
  notice.consumer = tokens[4];
  notice.until = WallTime(std::chrono::milliseconds(until));
  return notice;
}

asio::awaitable<absl::StatusOr<std::vector<ResetNotice>>> ReadResetNotices(Broker& broker,
                                                                           const QueueConfig& config) {
  std::vector<ResetNotice> notices;
  for (const StreamSettings& stream : ExpectedStreams(config)) {
    for (const ConsumerSettings& consumer : stream.consumers) {
      const auto stored = co_await GetNextMessage(broker, absl::StrCat("KV_", kControlBucket),
                                                  NoticeSubject(stream.name, consumer.name));
      if (absl::IsNotFound(stored.status())) continue;
      if (!stored.ok()) co_return stored.status();
      if (auto notice = ParseResetNotice(stored->subject, stored->data)) {
        notices.push_back(*std::move(notice));
      }
    }
  }
  co_return notices;
}

asio::awaitable<absl::Status> Announce(Broker& broker, ResetNotice notice) {
  const auto until =
      std::chrono::duration_cast<std::chrono::milliseconds>(notice.until.time_since_epoch()).count();
  OutgoingMessage message;
  message.subject = NoticeSubject(notice.stream, notice.consumer);
  message.payload = std::make_shared<const std::string>(absl::StrCat(notice.last_sequence, " ", until));
  const PublishResult result = co_await PublishAcknowledged(broker, std::move(message), kLimit);
  co_return result.state == PublishState::kStored ? absl::OkStatus() : result.status;
}

asio::awaitable<absl::Status> ResetConsumer(Broker& broker, StuckConsumer stuck, BootTime latest) {
  if (BootClock::now() >= latest) co_return absl::DeadlineExceededError("too late for what was announced");
  const absl::StatusOr<std::string> answer =
      co_await CallApi(broker, absl::StrCat("CONSUMER.RESET.", stuck.stream, ".", stuck.consumer),
                       absl::StrCat("{\"seq\":", stuck.sequence, "}"));
  co_return answer.status();
}

}  // namespace goniec::queue
