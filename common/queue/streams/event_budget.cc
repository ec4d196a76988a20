#include "common/queue/streams/event_budget.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/config/units.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

// What one delivered mail leaves behind, in a record of several: measured at 350 octets, more with long
// addresses.
constexpr std::uint64_t kBytesOfMail = 500;
// Events of a mail are stored after its acceptance, by the same clock.
constexpr std::chrono::minutes kBeforeOldest{1};

std::string AllOf(int shard) {
  return absl::StrCat("event.", shard, ".>");
}

// The sequence of the first event record that was stored at `bound` or later; nothing if that is not certain
// now.
asio::awaitable<absl::StatusOr<std::optional<std::uint64_t>>> FirstSince(Broker& broker, int shard,
                                                                         const StreamState& state,
                                                                         WallTime bound) {
  using Found = std::optional<std::uint64_t>;
  const std::string stream = EventsStream(shard);
  const absl::StatusOr<DirectBatch> found = co_await GetDirectBatch(broker, stream, AllOf(shard), 1, bound);
  if (!found.ok()) co_return found.status();
  // The answer may be a replica's that lags: what goes must be old to the leader.
  const std::uint64_t first = found->messages.empty() ? state.last_sequence + 1 : found->messages[0].sequence;
  if (first <= state.first_sequence) co_return Found(first);
  const absl::StatusOr<StoredMessage> before =
      co_await GetNextMessage(broker, stream, AllOf(shard), first - 1);
  if (!before.ok()) co_return before.status();
  co_return before->sequence < first && before->stored_at < bound ? Found(first) : Found();
}

asio::awaitable<absl::StatusOr<std::uint64_t>> TrimShard(Broker& broker, int shard, std::uint64_t share,
                                                         WallTime bound) {
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker, EventsStream(shard));
  if (!state.ok()) co_return state.status();
  if (PlanTrim(*state, share, state->last_sequence + 1) == 0) co_return 0;
  const auto first_young = co_await FirstSince(broker, shard, *state, bound);
  if (!first_young.ok()) co_return first_young.status();
  const std::uint64_t keep = first_young->has_value() ? PlanTrim(*state, share, **first_young) : 0;
  if (keep == 0) co_return 0;
  const nlohmann::json request = {{"seq", keep}};  // up to but not including it
  const absl::StatusOr<std::string> answer =
      co_await CallApi(broker, absl::StrCat("STREAM.PURGE.", EventsStream(shard)), request.dump());
  if (!answer.ok()) co_return answer.status();
  co_return keep - state->first_sequence;
}

}  // namespace

std::uint64_t PlanTrim(const StreamState& shard, std::uint64_t share, std::uint64_t first_young) {
  if (shard.messages == 0 || shard.bytes < share / 100 * kTrimFrom) return 0;
  // The oldest are taken to be as large as the others: what is missed is found the next time.
  const std::uint64_t numbers = shard.last_sequence + 1 - shard.first_sequence;
  const double stays = static_cast<double>(share) * kTrimTo / 100.0 / static_cast<double>(shard.bytes);
  const auto goes = static_cast<std::uint64_t>(static_cast<double>(numbers) * std::max(0.0, 1.0 - stays));
  const std::uint64_t keep = std::min(shard.first_sequence + goes, first_young);
  return keep > shard.first_sequence ? keep : 0;
}

asio::awaitable<absl::StatusOr<TrimReport>> TrimEvents(Broker& broker, const QueueConfig& config,
                                                       WallTime now, std::optional<WallTime> oldest_open) {
  WallTime bound = now - config.event_retention_least;
  if (oldest_open.has_value()) bound = std::min(bound, *oldest_open - kBeforeOldest);
  const std::uint64_t share = config.EventBudget() / static_cast<std::uint64_t>(config.event_shards);
  TrimReport report;
  for (int shard = 0; shard < config.event_shards; ++shard) {
    const absl::StatusOr<std::uint64_t> deleted = co_await TrimShard(broker, shard, share, bound);
    if (!deleted.ok()) co_return deleted.status();
    report.deleted += *deleted;
    const absl::StatusOr<StoredMessage> oldest =
        co_await GetNextMessage(broker, EventsStream(shard), AllOf(shard));
    if (absl::IsNotFound(oldest.status())) continue;
    if (!oldest.ok()) co_return oldest.status();
    report.kept_since = std::max(report.kept_since.value_or(oldest->stored_at), oldest->stored_at);
  }
  co_return report;
}

std::string DescribeEventBudget(const QueueConfig& config) {
  const auto mails_a_day = [&](std::chrono::hours kept, std::uint64_t percent) {
    return config.EventBudget() / 100 * percent / kBytesOfMail * 24 /
           static_cast<std::uint64_t>(kept.count());
  };
  return absl::StrCat(
      "Events have ", config::FormatByteCount({config.EventBudget() >> 20 << 20}), " of the capacity of ",
      config::FormatByteCount({config.capacity_bytes}), " (queue.event_budget). At about ", kBytesOfMail,
      " bytes a mail they are kept for ", config::FormatDuration(config.event_retention), " of up to ",
      mails_a_day(config.event_retention, kTrimFrom), " mails a day, and for ",
      config::FormatDuration(config.event_retention_least), " of up to ",
      mails_a_day(config.event_retention_least, 100), " a day; beyond that acceptance stops.\n");
}

}  // namespace goniec::queue
