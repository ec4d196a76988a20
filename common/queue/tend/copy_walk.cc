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
// Records from the shelf have several mails with their bodies: up to kMaxRecordBytes (publisher.h) each.
constexpr std::size_t kShelfBatch = 8;
constexpr std::size_t kBytesOfACopy = 4096;

// What is read of a record, in copies.
std::size_t CostOf(const StoredMessage& stored) {
  return 1 + stored.data.size() / kBytesOfACopy;
}

}  // namespace

asio::awaitable<absl::Status> CopyWalk::Page(std::size_t most, std::uint64_t now,
                                             std::function<void(int, const StoredMessage&)> each) {
  const bool shelf = place_ == WalkedPlace::kShelf;
  if (began_ == 0) began_ = now;
  while (most > 0) {
    const int size = static_cast<int>(std::min(most, shelf ? kShelfBatch : kBatch));
    const absl::StatusOr<DirectBatch> batch =
        co_await GetDirectBatch(broker_, Stream(), ">", size, std::nullopt, next_);
    if (!batch.ok()) co_return batch.status();
    for (const StoredMessage& stored : batch->messages) {
      next_ = stored.sequence + 1;
      most -= std::min(most, shelf ? CostOf(stored) : 1);
      each(lane_, stored);
    }
    if (!batch->messages.empty() && batch->pending > 0) continue;
    if (!NextStream()) break;
  }
  co_return absl::OkStatus();
}

std::string CopyWalk::Stream() const {
  return place_ == WalkedPlace::kShelf ? HeldStream(lane_) : WaitStream(lane_);
}

bool CopyWalk::NextStream() {
  next_ = 1;
  if (++lane_ < config_.lanes) return true;
  lane_ = 0;
  last_began_ = std::exchange(began_, 0);
  return false;
}

}  // namespace goniec::queue
