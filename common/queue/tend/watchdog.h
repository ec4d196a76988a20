// Records that their consumer has lost sight of. nats-server has been seen to leave messages of a work queue
// behind: stored, neither pending nor with a worker, delivered to nobody until somebody resets the consumer.
//
// A reset delivers records again and calls it the first time. So no worker may still hold one, and the next
// holder must look (common/queue/README.md, "The holder rule"). Hence a reset is announced: a notice in the
// bucket `control` tells all workers to let go of the consumer's records, and until when to ask for none;
// then comes the reset. Found and done by outbound/audit; heeded by outbound/consume.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

struct StuckConsumer {
  std::string stream;
  std::string consumer;
  // The oldest record that it does not see, and the newest that the stream had.
  std::uint64_t sequence = 0;
  std::uint64_t last_sequence = 0;
};

// Consumers whose oldest record counts as acknowledged, or which say that there is nothing while there is.
// One that is found twice, a minute apart and with the same sequence, is stuck; once may be an
// acknowledgement on its way.
asio::awaitable<absl::StatusOr<std::vector<StuckConsumer>>> FindStuck(Broker& broker,
                                                                      const QueueConfig& config);

struct ResetNotice {
  std::string stream;
  std::string consumer;
  // Records up to here may have been in other hands, whatever their delivery count says.
  std::uint64_t last_sequence = 0;
  // By the broker's clock: no leases and no requests for records before.
  WallTime until;
};

// Until when `notice` has its consumer's records rest, asked at `now`: never for longer than any reset takes,
// whatever time the notice names.
WallTime RestEnd(const ResetNotice& notice, WallTime now, std::chrono::milliseconds ack_wait);

// The subject on which notices are published, for subscribers (wildcards).
inline constexpr char kResetNotices[] = "$KV.control.reset.*.*";
std::optional<ResetNotice> ParseResetNotice(std::string_view subject, std::string_view payload);

// All that were ever given and not replaced; old ones still say who must look.
asio::awaitable<absl::StatusOr<std::vector<ResetNotice>>> ReadResetNotices(Broker& broker,
                                                                           const QueueConfig& config);
asio::awaitable<absl::Status> Announce(Broker& broker, ResetNotice notice);

// Delivers everything that `stuck.stream` holds from `stuck.sequence` on again. Not sent once `latest` has
// come.
asio::awaitable<absl::Status> ResetConsumer(Broker& broker, StuckConsumer stuck, BootTime latest);

}  // namespace goniec::queue
