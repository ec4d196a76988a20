// Schedules that are overdue: the broker may fail to fire one, and then forgets it until it restarts.
// Whatever should have fired more than a minute ago and is still there is published again, to fire at once.
// The audit finds them as it goes through WAIT (copy_walk.h), all of WAIT, whatever share of the messages it
// looks at. Writes copies only, under their own subjects; a twin that arises is looked at like any other
// (README.md, "The holder rule").
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Broker;
struct StoredMessage;

struct OverdueSchedule {
  int lane = 0;
  std::string subject;  // wait.…
};

// Whether the schedule of a stored copy should have fired a minute before `now`. A copy without one is none.
[[nodiscard]] bool IsOverdue(const StoredMessage& copy, WallTime now);

// Fires at most so many of them and takes these from the list; how many it were. What fails is taken from it
// as well, and where much fails all is: the next pass finds them again, and no single one is in the way of
// the others.
asio::awaitable<absl::StatusOr<int>> SweepOverdue(Broker& broker, std::vector<OverdueSchedule>& overdue,
                                                  std::size_t most);

// Makes the schedule at `subject` (wait.…) fire at once, if it is still there. OK if it is not.
asio::awaitable<absl::Status> FireNow(Broker& broker, int lane, std::string subject);

}  // namespace goniec::queue
