// The starts of a single nats-server, kept in the bucket `control`: all workers must go by the same ones when
// they reckon for how long a record is left alone (outbound/consume/restart_guard.h). A start is recorded
// before anything is pulled in the life of the server that it began. A worker that cannot record it, or
// cannot see it, leaves what was there before alone for all of `ack_wait`: longer than any reckoning of the
// others says.
//
// Times are the server's. No state of its own; thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Broker;

// `starts` (oldest first) with `start`, and without those that decide nothing any more: whatever came before
// a life of `ack_wait` or longer. More than 64 that followed each other faster are forgotten: each record
// then waits once more. Pure; the same for everybody.
std::vector<WallTime> WithStart(std::vector<WallTime> starts, WallTime start,
                                std::chrono::milliseconds ack_wait);

// As they are stored: nanoseconds since the epoch, with spaces between. What cannot be read is no start.
std::string FormatStarts(const std::vector<WallTime>& starts);
std::vector<WallTime> ParseStarts(std::string_view text);

// Records the start, if it is not, and returns all that count. kUnavailable: not known to be recorded.
asio::awaitable<absl::StatusOr<std::vector<WallTime>>> RecordStart(Broker& broker, WallTime start,
                                                                   std::chrono::milliseconds ack_wait);

}  // namespace goniec::queue
