// Stores a move, repeating it until the broker has it or it may not be made any more. Called by Settlement,
// and by the next holder that finishes an interrupted move; the event that names the new generation is stored
// before, and so is the mark of the shelf that it goes to. A body over 1 KiB leaves a mail for WAIT and goes
// to BODIES first; on a shelf it stays in the record.
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "common/queue/hold/move.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

struct SettlementContext;

// The most of a body that stays in a copy in WAIT: the broker reads every copy into memory when it becomes
// due, all of them at once after a standstill.
inline constexpr std::size_t kMostBytesInCopy = 1024;

// By message id: bodies that left their mail for BODIES. All copies of a message refer to the same one.
using MovedBodies = std::map<std::string, v1::BodyReference>;

// True once it is stored; false if `may_move` says no before that, or the worker gives up waiting. `bodies`
// knows what has moved and learns what does; it must outlive the call, as `context` must.
asio::awaitable<bool> StoreMove(SettlementContext& context, Move move, int lane,
                                std::function<bool()> may_move, MovedBodies& bodies);

}  // namespace goniec::queue
