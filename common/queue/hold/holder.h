// Looking: which recipients of a record that may have been in other hands are ours to serve (the holder rule,
// see README.md). Called by the worker for a record with a delivery count above 1, a resend, and every copy.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/queue/hold/settlement.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

struct Held {
  // Positions in mail.recipients() that nobody has ended and no younger record holds.
  std::vector<std::uint32_t> positions;
  // No event has told of the message's acceptance yet.
  bool acceptance_missing = false;
  // By position, of those above: what the last attempt came to, where events tell of one.
  std::map<std::uint32_t, v1::Outcome> last_outcomes;
};

// Finishes an interrupted move on the way: a recipient whose younger record is announced by an event but
// stored nowhere gets that record, under the id that it would have had. kUnavailable: nothing is certain, let
// it return. `mail` is one of `record`'s.
asio::awaitable<absl::StatusOr<Held>> Look(SettlementContext& context, const v1::Record& record,
                                           const v1::Mail& mail, const Delivery& delivery, int lane);

// True if the record must be acknowledged unseen: an earlier message with the same content is stored (a
// resend that was stored twice, a schedule that fired twice), and the first one acts.
asio::awaitable<absl::StatusOr<bool>> IsShadowed(SettlementContext& context, const Delivery& delivery,
                                                 const v1::Record& record, int lane);

}  // namespace goniec::queue
