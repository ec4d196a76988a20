#include "common/queue/tend/copy_walk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::size_t kBatch = 128;

}  // namespace

asio::awaitable<absl::Status> CopyWalk::Page(std::size_t most,
                                             std::function<void(int, const StoredMessage&)> each) {
  while (most > 0) {
    const int size = static_cast<int>(std::min(most, kBatch));
    const absl::StatusOr<DirectBatch> batch =
        co_await GetDirectBatch(broker_, WaitStream(lane_), ">", size, std::nullopt, next_);
    if (!batch.ok()) co_return batch.status();
    for (const StoredMessage& stored : batch->messages) {
      next_ = stored.sequence + 1;
      each(lane_, stored);
    }
    most -= std::min(most, batch->messages.size());
    if (!batch->messages.empty() && batch->pending > 0) continue;
    next_ = 1;
    if (++lane_ < config_.lanes) continue;
    lane_ = 0;
    ++passes_ended_;
    break;
  }
  co_return absl::OkStatus();
}

}  // namespace goniec::queue
