#include "common/queue/streams/room_levels.h"

#include <cstddef>

#include "absl/status/statusor.h"
#include "common/queue/broker/broker.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

// The broker keeps a schedule and two subjects of each mail that waits, and reads all mail that is due into
// memory: measured at 2 to 3.5 KiB each at most, and twice its size in WAIT. Half of that is live; the rest
// Go's collector takes if it may.
constexpr std::uint64_t kMemoryOfWaitingMail = 2 << 10;

}  // namespace

asio::awaitable<std::optional<RoomLevels>> ReadRooms(Broker& broker, std::vector<StreamSettings> streams) {
  RoomLevels levels;
  for (const StreamSettings& stream : streams) {
    if (!broker.connected()) co_return std::nullopt;
    const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker, stream.name);
    if (!state.ok()) co_return std::nullopt;
    levels.used[static_cast<std::size_t>(stream.room)] += state->bytes;
    if (stream.is_shelf) levels.held_records += state->messages;
    if (!stream.holds_waiting_mail) continue;
    levels.waiting_mails += state->messages;
    levels.used[static_cast<std::size_t>(Room::kWaiting)] +=
        state->messages * kMemoryOfWaitingMail + state->bytes;
  }
  co_return levels;
}

}  // namespace goniec::queue
