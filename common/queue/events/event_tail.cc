#include "common/queue/events/event_tail.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

constexpr int kBatch = 256;

}  // namespace

EventTail::EventTail(Broker& broker, const QueueConfig& config)
    : broker_(broker), next_(static_cast<std::size_t>(config.event_shards), 1) {}

asio::awaitable<absl::Status> EventTail::ReadNew(Each each) {
  for (int shard = 0; shard < static_cast<int>(next_.size()); ++shard) {
    if (absl::Status read = co_await ReadShard(shard, each); !read.ok()) co_return read;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> EventTail::ReadShard(int shard, const Each& each) {
  const std::string stream = EventsStream(shard);
  const std::string all = absl::StrCat("event.", shard, ".>");
  std::uint64_t& next = next_[static_cast<std::size_t>(shard)];
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, stream);
  if (!state.ok()) co_return state.status();
  next = std::max(next, state->first_sequence);
  begin_ = state->first_sequence > 1 ? state->first_time : WallTime::min();
  const auto take = [&](const StoredMessage& stored) {
    next = stored.sequence + 1;
    v1::EventRecord record;
    if (!record.ParseFromString(stored.data)) {
      ++unreadable_;
      return;
    }
    each(record, stored.stored_at);
  };
  while (next <= state->last_sequence) {
    const absl::StatusOr<DirectBatch> batch = co_await GetDirectBatch(broker_, stream, all, kBatch, {}, next);
    if (!batch.ok()) co_return batch.status();
    if (batch->messages.empty()) break;
    for (const StoredMessage& stored : batch->messages) take(stored);
  }
  // A replica that lags ends before the leader does.
  while (next <= state->last_sequence) {
    const absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker_, stream, all, next);
    if (absl::IsNotFound(stored.status())) break;
    if (!stored.ok()) co_return stored.status();
    take(*stored);
  }
  co_return absl::OkStatus();
}

}  // namespace goniec::queue
