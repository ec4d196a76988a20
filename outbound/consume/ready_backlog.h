// Reads now and then what waits in READY by tenant, where much waits, and tells it to ReadyTurns. A listing
// costs the broker a few milliseconds for each tenant, so it is asked for only where the stream is deep. What
// cannot be read leaves the turns as they were for one more period, then nobody yields.
//
// Confined to the worker's executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/model/subjects.h"
#include "outbound/consume/ready_turns.h"

namespace goniec {
class TaskGroup;
}
namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

// Records in a lane's READY, of both classes, below which nobody waits long.
inline constexpr std::uint64_t kDeepBacklog = 256;

// Of one class in one lane.
asio::awaitable<absl::StatusOr<Backlog>> ReadBacklog(queue::Broker& broker, int lane,
                                                     queue::MailClass mail_class);

// Takes out who has nothing there but what workers have in hand, as far as it matters: of those with the
// least, a few. What is in hand stays in READY until it is through, and waits for nobody's turn.
asio::awaitable<absl::Status> LeaveOutServed(queue::Broker& broker, int lane, queue::MailClass mail_class,
                                             Backlog& backlog);

// Until the next reading, after one that took so long: a broker that is slow to list is asked less often.
BootClock::duration PauseAfterReading(std::chrono::milliseconds every, BootClock::duration took);

class ReadyBacklog : public std::enable_shared_from_this<ReadyBacklog> {
 public:
  // Broker, tasks and turns must outlive the reading: Stop(), then let the tasks end.
  ReadyBacklog(queue::Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, int lanes,
               ReadyTurns& turns, std::chrono::milliseconds every = std::chrono::seconds(3));
  void Start();
  void Stop();

 private:
  asio::awaitable<void> Run();
  asio::awaitable<void> ReadLane(int lane);

  queue::Broker& broker_;
  asio::any_io_executor executor_;
  TaskGroup& tasks_;
  const int lanes_;
  ReadyTurns& turns_;
  const std::chrono::milliseconds every_;
  std::map<int, int> failures_;  // in a row, by lane
  asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace goniec::outbound
