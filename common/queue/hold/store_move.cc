#include "common/queue/hold/store_move.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/settlement.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/body_store.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kStoreLimit{2'000};
constexpr std::chrono::milliseconds kPause{200};
constexpr std::chrono::hours kBodyKeptLonger{24};

asio::awaitable<void> Pause() {
  asio::steady_timer timer(co_await asio::this_coro::executor, kPause);
  co_await timer.async_wait(asio::use_awaitable);
}

std::chrono::seconds BodyLife(const v1::Mail& mail, WallTime now) {
  const auto left = FromProto(mail.expire_time()) - now;
  return std::chrono::duration_cast<std::chrono::seconds>(std::max<WallTime::duration>(left, {})) +
         kBodyKeptLonger;
}

// What lies in BODIES already is not carried once more.
void ReferToBodies(v1::Record& record, const MovedBodies& bodies) {
  for (v1::Mail& mail : *record.mutable_mails()) {
    const auto moved = bodies.find(mail.message_id());
    if (moved != bodies.end()) *mail.mutable_body_reference() = moved->second;
  }
}

// False if it is not stored and must not be any more.
asio::awaitable<bool> StoreBody(SettlementContext& context, v1::Mail& mail, std::function<bool()> may_move,
                                StalledWrites::Mark& mark) {
  while (mail.inline_body().size() > kMostBytesInCopy) {
    if (!may_move() || context.give_up()) co_return false;
    const absl::Status moved =
        co_await MoveBodyToStore(context.broker, mail, BodyLife(mail, context.broker.Now()));
    if (moved.ok()) break;
    if (mark.Stall()) {
      observe::Warn("body not stored, trying on",
                    {{"message", mail.message_id()}, {"error", Message(moved)}});
    }
    co_await Pause();
  }
  co_return true;
}

// Without it nobody would know of what lies there. What waits for a minute comes back by itself.
asio::awaitable<absl::Status> SeeToMark(SettlementContext& context, const Move& move, int lane) {
  const auto* to = std::get_if<ToHeld>(&move.to);
  if (to == nullptr || to->site == kLaterShelf || !context.see_to_mark) co_return absl::OkStatus();
  const v1::Mail& first = move.record.mails(0);
  co_return co_await context.see_to_mark({lane, ClassOf(first), to->site, first.tenant()}, to->site_name);
}

}  // namespace

asio::awaitable<bool> StoreMove(SettlementContext& context, Move move, int lane,
                                std::function<bool()> may_move, MovedBodies& bodies) {
  StalledWrites::Mark mark(context.stalled);
  ReferToBodies(move.record, bodies);
  v1::Mail& first = *move.record.mutable_mails(0);
  if (move.into_wait() && first.inline_body().size() > kMostBytesInCopy) {
    const bool stored = co_await StoreBody(context, first, may_move, mark);
    if (!stored) co_return false;
    bodies[first.message_id()] = first.body_reference();
  }
  const OutgoingMessage message = EncodeMove(move, lane);
  for (;;) {
    if (!may_move()) co_return false;
    // Each time: a mark does not stay fresh for as long as a broker may be silent.
    absl::Status stored = co_await SeeToMark(context, move, lane);
    if (stored.ok()) {
      if (!may_move()) co_return false;
      const PublishResult result = co_await PublishAcknowledged(context.broker, message, kStoreLimit);
      if (result.state == PublishState::kStored) co_return true;
      stored = result.status;
    }
    if (context.give_up()) co_return false;
    if (mark.Stall()) {
      observe::Warn("copy not stored, trying on",
                    {{"message", first.message_id()}, {"error", Message(stored)}});
    }
    co_await Pause();
  }
}

}  // namespace goniec::queue
