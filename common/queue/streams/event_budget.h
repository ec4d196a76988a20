// Keeps events within queue.event_budget: deletes the oldest when the budget is nearly used. No event of mail
// on its way is deleted: none younger than queue.event_retention_least, and none younger than the oldest mail
// that has not ended. (A limit of the streams would not ask.) Done by the worker that audits. If that is not
// enough, acceptance stops (admission.h); delivery never does. Reads and deletes; no state. Thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

// A shard is trimmed from the first of these on, down to the second, in percent of its share of the budget.
inline constexpr std::uint64_t kTrimFrom = 80;
inline constexpr std::uint64_t kTrimTo = 75;

// The first sequence of a shard that stays; 0: all stay. `first_young` is the first that must stay. Pure.
std::uint64_t PlanTrim(const StreamState& shard, std::uint64_t share, std::uint64_t first_young);

struct TrimReport {
  std::uint64_t deleted = 0;  // event records
  // Since when events are kept, in all shards; nothing if there are none.
  std::optional<WallTime> kept_since;
};

// `now` is the broker's; `oldest_open` when the oldest mail that has not ended was accepted.
asio::awaitable<absl::StatusOr<TrimReport>> TrimEvents(Broker& broker, const QueueConfig& config,
                                                       WallTime now, std::optional<WallTime> oldest_open);

// How much mail the budget is for, in a line for `goniec provision`. Pure.
std::string DescribeEventBudget(const QueueConfig& config);

}  // namespace goniec::queue
