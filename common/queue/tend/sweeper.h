// Publishes overdue schedules again. The broker may fail to fire a schedule, and then forgets it until it
// restarts. A copy that should have fired more than a minute ago and is still there is published again, to
// fire at once. The audit finds these copies as it goes through all of WAIT (copy_walk.h), also those of
// messages outside its share. Writes copies only, under their own subjects; a twin that arises is looked at
// like any other (common/queue/README.md, "The holder rule").
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

// Fires at most `most` of them, takes these from the list, and returns how many were fired. One that fails is
// taken from the list as well, and after many failures all are: the next pass finds them again, so no
// schedule stands in the way of the others. An error is that of the last failure; others may have been fired.
asio::awaitable<absl::StatusOr<int>> SweepOverdue(Broker& broker, std::vector<OverdueSchedule>& overdue,
                                                  std::size_t most);

// Makes the schedule at `subject` (wait.…) fire at once, if it is still there. OK if it is not.
asio::awaitable<absl::Status> FireNow(Broker& broker, int lane, std::string subject);

}  // namespace goniec::queue
