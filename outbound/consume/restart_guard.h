// A killed single nats-server forgets the deliveries of its last moments: after its restart it gives records
// to a second worker while the first still has them, whatever their delivery counts say. So
// - records that were stored before the server's start are put back until nobody can hold them any more, that
//   is for `ack_wait` from the start: a worker's lease does not outlive the connection on which the record
//   came by more than that (common/queue/hold/delivery.h);
// - and when they come again, or later, they are looked at before anything is done.
// Records stored after the start cannot have been delivered before it, and pass. Replicated streams never
// forget. A start that cannot be seen counts as just now. (The holder rule, common/queue/README.md.)
//
// A server that restarts again and again must not keep records for ever. While a record is put back nobody
// takes it, so a restart in that time changes nothing for it: its time still runs from the start before. From
// then on it is free, and only a restart that comes later makes it wait anew. All workers reckon from the
// same starts (common/queue/hold/server_starts.h).
//
// Confined to the worker's executor.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/streams/durability.h"

namespace goniec::outbound {

class RestartGuard {
 public:
  explicit RestartGuard(std::chrono::milliseconds ack_wait) : ack_wait_(ack_wait) {}

  // At each connection, before anything is pulled. `starts`: those that count, oldest first, the latest of
  // `durability` the last of them; they may be left out, and then records wait for all of `ack_wait` from
  // that one.
  void Learn(const queue::Durability& durability, const std::vector<WallTime>& starts, WallTime now);

  // How long the record must be left alone, because a worker that the server has forgotten may have it.
  [[nodiscard]] std::optional<std::chrono::milliseconds> PutBackFor(const queue::DeliveryInfo& info,
                                                                    WallTime now) const;
  // True if the server may have forgotten an earlier delivery of it.
  [[nodiscard]] bool MustLook(const queue::DeliveryInfo& info) const {
    return info.stored_at < stored_before_;
  }

 private:
  [[nodiscard]] WallTime FreeFrom(WallTime stored_at) const;

  const std::chrono::milliseconds ack_wait_;
  // Records stored from then on are as new as they look; the past of all is unknown until Learn().
  WallTime stored_before_ = WallTime::max();
  std::vector<WallTime> starts_;  // by the server's clock; empty: `until_` is for all
  std::chrono::milliseconds ahead_{0};
  WallTime until_ = WallTime::max();
  WallTime moment_until_ = WallTime::min();
};

}  // namespace goniec::outbound
