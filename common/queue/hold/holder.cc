#include "common/queue/hold/holder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

bool IsCopy(const Delivery& delivery) {
  return delivery.info().consumer == kDueConsumer;
}

const RecipientStatus* StatusOf(const MessageStatus& status, const v1::Recipient& recipient) {
  const auto found = status.recipients.find(recipient.index());
  return found == status.recipients.end() ? nullptr : &found->second;
}

bool HoldsRecipient(const MessageFinder::StoredCopy& copy, std::uint32_t index) {
  return std::any_of(copy.mail.recipients().begin(), copy.mail.recipients().end(),
                     [&](const v1::Recipient& recipient) { return recipient.index() == index; });
}

// Positions whose next record is announced but not among `copies`, by domain.
std::map<std::string, std::vector<std::uint32_t>> LostMoves(
    const SettlementContext& context, const v1::Mail& mail, const MessageStatus& status,
    const std::vector<MessageFinder::StoredCopy>& copies) {
  std::map<std::string, std::vector<std::uint32_t>> lost;
  for (int i = 0; i < mail.recipients_size(); ++i) {
    const v1::Recipient& recipient = mail.recipients(i);
    const RecipientStatus* known = StatusOf(status, recipient);
    // Only the move out of this very record is ours to finish; a later one is its own holder's.
    if (known == nullptr || IsTerminal(known->state) || known->generation != mail.generation() + 1) continue;
    const bool stored = std::any_of(copies.begin(), copies.end(), [&](const MessageFinder::StoredCopy& copy) {
      return copy.mail.generation() > mail.generation() && HoldsRecipient(copy, recipient.index());
    });
    if (!stored) lost[context.domain_of(recipient.address())].push_back(static_cast<std::uint32_t>(i));
  }
  return lost;
}

bool AnyMoved(const v1::Mail& mail, const MessageStatus& status) {
  return std::any_of(mail.recipients().begin(), mail.recipients().end(), [&](const v1::Recipient& recipient) {
    const RecipientStatus* known = StatusOf(status, recipient);
    return known != nullptr && !IsTerminal(known->state) && known->generation > mail.generation();
  });
}

// In WAIT, those that were meant for a shelf as well: which mails were to lie there together is not known any
// more, and who gets them when they are due moves them there if their site is still closed.
asio::awaitable<absl::Status> FinishMoves(SettlementContext& context, const v1::Record& record,
                                          const v1::Mail& mail, const Delivery& delivery, int lane) {
  absl::StatusOr<std::vector<MessageFinder::StoredCopy>> copies =
      co_await context.finder.FindCopies(mail.tenant(), mail.message_id());
  if (!copies.ok()) co_return copies.status();
  // Once more: a copy may have ended between the first look at the events and the one at the copies.
  absl::StatusOr<MessageStatus> again = co_await context.finder.FoldEvents(mail.tenant(), mail.message_id());
  if (!again.ok()) co_return again.status();
  const auto lost = LostMoves(context, mail, *again, *copies);
  MovedBodies bodies;
  for (const auto& [domain, positions] : lost) {
    const RecipientStatus& known = *StatusOf(*again, mail.recipients(static_cast<int>(positions.front())));
    spdlog::info("interrupted move finished message={} generation={}", mail.message_id(), known.generation);
    Move move =
        MakeMove(record, mail, positions,
                 ToWait{domain, known.next_attempt_time.value_or(context.broker.Now())}, known.attempts);
    const bool stored =
        co_await StoreMove(context, std::move(move), lane, [&delivery] { return delivery.Leased(); }, bodies);
    if (!stored) co_return absl::UnavailableError("an interrupted move could not be finished");
  }
  co_return absl::OkStatus();
}

}  // namespace

asio::awaitable<absl::StatusOr<Held>> Look(SettlementContext& context, const v1::Record& record,
                                           const v1::Mail& mail, const Delivery& delivery, int lane) {
  absl::StatusOr<MessageStatus> status = co_await context.finder.FoldEvents(mail.tenant(), mail.message_id());
  if (!status.ok()) co_return status.status();
  if (AnyMoved(mail, *status)) {
    if (absl::Status finished = co_await FinishMoves(context, record, mail, delivery, lane); !finished.ok()) {
      co_return finished;
    }
  }
  Held held;
  held.acceptance_missing = !status->acceptance.has_value();
  for (int i = 0; i < mail.recipients_size(); ++i) {
    const RecipientStatus* known = StatusOf(*status, mail.recipients(i));
    if (known != nullptr && (IsTerminal(known->state) || known->generation > mail.generation())) continue;
    held.positions.push_back(static_cast<std::uint32_t>(i));
    if (known != nullptr && known->last_outcome) {
      held.last_outcomes.emplace(static_cast<std::uint32_t>(i), *known->last_outcome);
    }
  }
  co_return held;
}

asio::awaitable<absl::StatusOr<bool>> IsShadowed(SettlementContext& context, const Delivery& delivery,
                                                 const v1::Record& record, int lane) {
  if (!IsCopy(delivery)) {
    if (!delivery.resend()) co_return false;
    co_return co_await context.finder.ReadyHoldsEarlier(delivery.subject(), record.record_id(), lane,
                                                        delivery.info().stream_sequence);
  }
  absl::StatusOr<StoredMessage> first =
      co_await GetNextMessage(context.broker, delivery.info().stream, delivery.subject());
  if (absl::IsNotFound(first.status())) co_return false;
  if (!first.ok()) co_return first.status();
  co_return first->sequence < delivery.info().stream_sequence;
}

}  // namespace goniec::queue
