// What nats-servers say of themselves on their monitoring ports. Called by durability.cc only; blocks, so on
// a thread of its own. Thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace goniec::queue {

struct ServerSeen {
  std::string name;
  // Nothing if JetStream is off there.
  std::optional<bool> fsync;
  std::optional<WallTime> start;
  // Its clock minus ours.
  std::optional<std::chrono::milliseconds> clock_offset;
};

// One entry for each address that answered; two addresses of one server are one entry. Takes at most `limit`.
std::vector<ServerSeen> AskMonitoring(const std::vector<std::string>& urls, std::chrono::milliseconds limit);

// Reads an answer of /varz, asked for at `asked` and come at `answered`; nothing if it is none.
std::optional<ServerSeen> ReadVarz(const std::string& json, WallTime asked, WallTime answered);

}  // namespace goniec::queue
