// How much of each room (admission.h) streams take, as their leaders say. Asked by StoreLevel, of all
// streams, and by WaitingRoom, of those in which mail waits. Reads only; thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/queue/model/admission.h"
#include "common/queue/model/stream_settings.h"

namespace goniec::queue {

class Broker;

struct RoomLevels {
  Rooms used{};
  std::uint64_t waiting_mails = 0;
  std::uint64_t held_records = 0;  // on shelves
};

// Nothing if one of the streams could not be read.
asio::awaitable<std::optional<RoomLevels>> ReadRooms(Broker& broker, std::vector<StreamSettings> streams);

}  // namespace goniec::queue
