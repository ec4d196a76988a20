#include "common/queue/hold/server_starts.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::size_t kMostStarts = 64;
constexpr std::chrono::seconds kStoreLimit{5};

std::string Subject() {
  return absl::StrCat("$KV.", kControlBucket, ".starts");
}

}  // namespace

std::vector<WallTime> WithStart(std::vector<WallTime> starts, WallTime start,
                                std::chrono::milliseconds ack_wait) {
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  const bool known = std::binary_search(starts.begin(), starts.end(), start);
  // An older one than is known: the server's clock has gone back, and what was reckoned by it says nothing.
  if (!known && !starts.empty() && start < starts.back()) return {start};
  if (!known) starts.push_back(start);
  for (std::size_t i = starts.size() - 1; i > 0; --i) {
    if (starts[i] - starts[i - 1] < ack_wait) continue;
    starts.erase(starts.begin(), starts.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  if (starts.size() > kMostStarts) starts.erase(starts.begin(), std::prev(starts.end()));
  return starts;
}

std::string FormatStarts(const std::vector<WallTime>& starts) {
  return absl::StrJoin(starts, " ", [](std::string* out, WallTime start) {
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(start.time_since_epoch());
    absl::StrAppend(out, since.count());
  });
}

std::vector<WallTime> ParseStarts(std::string_view text) {
  std::vector<WallTime> starts;
  for (const auto word : absl::StrSplit(ToAbsl(text), ' ', absl::SkipEmpty())) {
    std::int64_t since = 0;
    if (!absl::SimpleAtoi(word, &since) || since <= 0) continue;
    starts.push_back(
        WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(since))));
  }
  return starts;
}

asio::awaitable<absl::StatusOr<std::vector<WallTime>>> RecordStart(Broker& broker, WallTime start,
                                                                   std::chrono::milliseconds ack_wait) {
  const absl::StatusOr<StoredMessage> stored =
      co_await GetNextMessage(broker, absl::StrCat("KV_", kControlBucket), Subject());
  if (!stored.ok() && !absl::IsNotFound(stored.status())) co_return stored.status();
  const std::string before = stored.ok() ? stored->data : std::string();
  std::vector<WallTime> starts = WithStart(ParseStarts(before), start, ack_wait);
  const std::string after = FormatStarts(starts);
  if (after == before) co_return starts;
  OutgoingMessage message;
  message.subject = Subject();
  message.payload = std::make_shared<const std::string>(after);
  // Another may have recorded a start just now: then what we have read is not all.
  message.headers = {
      {kHeaderExpectedLastSubjectSequence, absl::StrCat(stored.ok() ? stored->sequence : std::uint64_t{0})}};
  const PublishResult result = co_await PublishAcknowledged(broker, std::move(message), kStoreLimit);
  if (result.state != PublishState::kStored) co_return result.status;
  co_return starts;
}

}  // namespace goniec::queue
