// Reads from the servers how durable a mail with a 250 is: replicas from the streams, the sync mode from the
// servers' monitoring. A value that cannot be seen is unknown, and unknown meets no floor. Never copied from
// our own configuration.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/queue/streams/provision.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;
struct DurabilityFloor;

enum class SyncMode { kUnknown, kLazy, kFsync };

struct Durability {
  // The least number of replicas among the streams that mail goes through; 0 is unknown.
  int replicas = 0;
  // kFsync only if every server that keeps one of these streams was seen in `monitor_urls` and says so. One
  // exception: a replica that the stream's leader calls not current (it is down, or catching up) need not be
  // seen while a majority is. It has no part in today's acknowledgements, and a fleet must not become unready
  // with one of three nodes.
  SyncMode sync = SyncMode::kUnknown;
  std::string server_version;
  // The latest start of any of those servers, for the holder rule's first ten minutes; nothing: one was not
  // seen.
  std::optional<WallTime> latest_start;
  // Server clock minus ours, the farthest of all that were seen.
  std::optional<std::chrono::milliseconds> clock_offset;
};

// "3 replicas, fsync", "1 replica, lazy sync", "1 replica, sync unknown".
std::string Describe(const Durability& durability);

// Nothing if the floor is met, else one sentence that says what falls short and how to mend it.
std::optional<std::string> FloorShortfall(const Durability& durability, const DurabilityFloor& floor);

// Asks the broker and the monitoring addresses (HTTP, libcurl on a thread of its own; two seconds for all of
// them). Never fails: what cannot be read stays unknown. `role` says which streams may be looked at.
asio::awaitable<Durability> ReadDurability(Broker& broker, QueueConfig config,
                                           ServiceRole role = ServiceRole::kInbound);

}  // namespace goniec::queue
