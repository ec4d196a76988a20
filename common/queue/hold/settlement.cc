#include "common/queue/hold/settlement.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <iterator>
#include <set>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/body_store.h"
#include "common/queue/publish/publisher.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kGather{20};
constexpr std::chrono::milliseconds kAcceptedAlone{250};
constexpr std::chrono::milliseconds kStoreLimit{2'000};
constexpr std::chrono::milliseconds kNoteAgain{1'000};

std::optional<v1::ReadyPlace> PlaceOf(const DeliveryInfo& info) {
  return ReadyPlaceOf(info.stream, info.stream_sequence, info.stored_at);
}

}  // namespace

Settlement::Settlement(SettlementContext& context, std::shared_ptr<Delivery> delivery, int lane,
                       std::function<void()> done)
    : context_(context),
      delivery_(std::move(delivery)),
      lane_(lane),
      done_(std::move(done)),
      named_(!LaneOfReady(delivery_->info().stream).has_value()),
      timer_(context.executor) {}

Settlement::~Settlement() = default;

void Settlement::Accepted(std::vector<v1::Event> events) {
  accepted_ = std::move(events);
}

void Settlement::Start() {
  started_ = true;
  ScheduleFlush();
}

void Settlement::EndLeg(LegEnd end) {
  if (events_.empty()) events_.reserve(end.events.size() + static_cast<std::size_t>(open_legs_));
  --open_legs_;
  std::move(end.events.begin(), end.events.end(), std::back_inserter(events_));
  if (end.move) moves_.push_back(*std::move(end.move));
  if (end.ended_mail) ended_.push_back(std::move(end.ended_mail));
  ScheduleFlush();
}

void Settlement::ReturnLeg(LegEnd end, std::chrono::milliseconds delay) {
  returned_ = true;
  return_delay_ = std::max(return_delay_, delay);
  EndLeg(std::move(end));
}

// Everything is there: at once. Something is there: when it has waited long enough for the rest.
void Settlement::ScheduleFlush() {
  if (!started_ || flushing_) return;
  const bool tells = !events_.empty() || !accepted_.empty();
  if (open_legs_ == 0) {
    if (tells || !moving_) Flush();
    return;
  }
  const std::chrono::milliseconds wait = events_.empty() ? kAcceptedAlone : kGather;
  if (!tells || (armed_ && *armed_ <= wait)) return;
  armed_ = wait;
  timer_.expires_after(wait);
  timer_.async_wait([self = shared_from_this()](std::error_code replaced) {
    if (replaced) return;
    self->armed_.reset();
    if (!self->flushing_ && self->open_legs_ > 0) self->Flush();
  });
}

void Settlement::Flush() {
  flushing_ = true;
  SpawnLogged(context_.executor, context_.tasks, "settlement", FlushOnce());
}

asio::awaitable<void> Settlement::FlushOnce() {
  const auto self = shared_from_this();
  std::vector<v1::Event> events = std::exchange(accepted_, {});
  events.reserve(events.size() + events_.size());
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
  std::vector<Move> moves = std::exchange(moves_, {});
  std::vector<std::shared_ptr<const v1::Mail>> ended = std::exchange(ended_, {});
  const auto may_move = [self] { return self->delivery_->Leased(); };

  const bool tells = !events.empty();
  std::optional<v1::ReadyPlace> ready;
  if (!named_) ready = PlaceOf(delivery_->info());
  const absl::StatusOr<StoredEvents> stored =
      co_await StoreEvents(context_.broker, context_.config, std::move(events), context_.stalled, may_move,
                           context_.give_up, ready);
  // Not certain, or no longer ours to say: the record returns and its next holder looks.
  if (!stored.ok() || !stored->complete) returned_ = true;
  if (stored.ok() && stored->complete) {
    named_ = named_ || tells;
    AddMoves(std::move(moves));
  }
  flushing_ = false;
  if (open_legs_ > 0 || !events_.empty()) ScheduleFlush();
  if (!moving_) co_await StoreMoves();
  co_await CloseIfDone();
  if (stored.ok()) co_await DeleteEndedBodies(std::move(ended));
}

void Settlement::AddMoves(std::vector<Move> moves) {
  if (moves.empty()) return;
  if (context_.waiting_full && context_.waiting_full()) {
    for (Move& move : moves) PutOnShelf(move, context_.broker.Now());
  } else {
    GatherOnShelf(moves, context_.broker.Now());
  }
  std::move(moves.begin(), moves.end(), std::back_inserter(to_store_));
  to_store_ = Together(std::move(to_store_), kMaxRecordBytes);
}

asio::awaitable<void> Settlement::StoreMoves() {
  moving_ = true;
  while (!to_store_.empty()) {
    Move move = std::move(to_store_.front());
    to_store_.erase(to_store_.begin());
    const bool stored = co_await StoreMove(
        context_, std::move(move), lane_, [self = shared_from_this()] { return self->delivery_->Leased(); },
        bodies_);
    if (!stored) returned_ = true;
  }
  moving_ = false;
}

asio::awaitable<void> Settlement::CloseIfDone() {
  if (closed_ || flushing_ || moving_ || open_legs_ > 0 || !events_.empty()) co_return;
  closed_ = true;
  if (!returned_ && !named_) {
    const bool noted = co_await StoreNote();
    if (!noted) {
      returned_ = true;
      return_delay_ = std::max(return_delay_, kNoteAgain);
    }
  }
  Close();
}

// Nothing was left to tell of the record: another had told it all, or it was a second copy. Its
// acknowledgement would leave no trace for the audit.
asio::awaitable<bool> Settlement::StoreNote() {
  const PublishResult stored = co_await PublishAcknowledged(
      context_.broker, ReadyNote(context_.config, delivery_->subject(), *PlaceOf(delivery_->info())),
      kStoreLimit);
  co_return stored.state == PublishState::kStored;
}

// Of a mail that has its body with it, part may have moved: here, or with an earlier holder of the record.
std::string Settlement::StoredBodyId(const v1::Mail& mail) const {
  if (mail.has_body_reference()) return mail.body_reference().body_id();
  const auto moved = bodies_.find(mail.message_id());
  if (moved != bodies_.end()) return moved->second.body_id();
  return looked_ && mail.inline_body().size() > kMostBytesInCopy ? MovedBodyId(mail) : std::string();
}

// The writer of the last terminal event deletes the body. Two may think that they were: deleting twice is
// harmless.
asio::awaitable<void> Settlement::DeleteEndedBodies(std::vector<std::shared_ptr<const v1::Mail>> mails) {
  std::set<std::string> seen;
  for (const auto& mail : mails) {
    const std::string body_id = StoredBodyId(*mail);
    if (body_id.empty() || !seen.insert(mail->message_id()).second) continue;
    const absl::StatusOr<MessageStatus> status =
        co_await context_.finder.FoldEvents(mail->tenant(), mail->message_id());
    // Should this fail, the chunks go by their time to live.
    if (!status.ok() || !status->AllTerminal()) continue;
    const absl::Status deleted = co_await DeleteBody(context_.broker, body_id);
    if (!deleted.ok())
      observe::Warn("body not deleted", {{"message", mail->message_id()}, {"error", Message(deleted)}});
  }
}

void Settlement::Close() {
  timer_.cancel();
  if (!returned_) {
    delivery_->Acknowledge();
  } else {
    delivery_->GiveBack(context_.tasks, return_delay_);
  }
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace goniec::queue
