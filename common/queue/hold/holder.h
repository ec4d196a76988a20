// Looking: which recipients of a record that may have been in other hands are ours to serve (README.md, "The
// holder rule"). Called by RecordWork for a record with a delivery count above 1, a resend and every copy,
// for the recipients that no earlier record holds (shadow.h). Events and stored copies are read; an
// interrupted move is finished.
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/queue/hold/settlement.h"
#include "common/queue/model/message_status.h"
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

// Looks at the recipients at `positions` of `mail`, one of `record`'s; `status` is what its events said when
// they were read for this. One that is held by a younger record
// which an event announces, but which is stored nowhere, gets that record. kUnavailable: nothing is certain,
// let it return.
asio::awaitable<absl::StatusOr<Held>> Look(SettlementContext& context, const v1::Record& record,
                                           const v1::Mail& mail, const MessageStatus& status,
                                           std::vector<std::uint32_t> positions, const Delivery& delivery,
                                           int lane);

}  // namespace goniec::queue
