// Brings back from the shelves what must come back by a minute: mail that expires, wherever it is, and what
// waits on kLaterShelf. One worker does it for all, every few seconds; should two do so for a moment, some of
// it comes back twice, which harms nobody (hold/shelf.h). How far it has come is kept in the bucket
// `control`, key expiry.<lane>; where that is not known it begins 31 days back.
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/hold/shelf.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

// Of a lane in one run, and that may be due there at once: what is due takes the broker's memory, and after a
// long pause all of a shelf may be. Nothing comes back either while WAIT holds half of queue.waiting_memory.
inline constexpr std::size_t kMostOverdue = 20'000;

class OverdueShelves {
 public:
  // Both must outlive it.
  OverdueShelves(Broker& broker, const QueueConfig& config, std::size_t most = kMostOverdue);

  // Releases what is due in all lanes, as long as not too much of that waits there; how many records. An
  // error is the broker's; what was due then is due in the next run.
  asio::awaitable<absl::StatusOr<int>> Run();
  // Minutes, by lane, of which something was found on a shelf although they are over.
  void Add(std::set<std::pair<int, std::int64_t>> late);

 private:
  struct Lane {
    // The first that has not been dealt with; nothing before it was read.
    std::optional<std::int64_t> minute;
    OverdueMinutes under_way;
    std::int64_t kept = 0;
    BootTime kept_at;
  };
  asio::awaitable<absl::StatusOr<int>> RunLate();
  asio::awaitable<absl::StatusOr<OverdueRoom>> RoomIn(int number);
  asio::awaitable<absl::Status> Learn(int number, Lane& lane);
  asio::awaitable<absl::StatusOr<int>> RunLane(int number, Lane& lane);
  asio::awaitable<void> Keep(int number, Lane& lane);

  Broker& broker_;
  const std::size_t most_;
  const std::size_t most_bytes_;  // in one lane of WAIT
  std::vector<Lane> lanes_;
  std::set<std::pair<int, std::int64_t>> late_;
};

}  // namespace goniec::queue
