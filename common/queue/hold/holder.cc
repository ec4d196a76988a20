#include "common/queue/hold/holder.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/events/message_finder.h"

namespace goniec::queue {
namespace {

const RecipientStatus* StatusOf(const MessageStatus& status, const v1::Recipient& recipient) {
  const auto found = status.recipients.find(recipient.index());
  return found == status.recipients.end() ? nullptr : &found->second;
}

bool HoldsRecipient(const MessageFinder::StoredCopy& copy, std::uint32_t index) {
  return std::any_of(copy.mail.recipients().begin(), copy.mail.recipients().end(),
                     [&](const v1::Recipient& recipient) { return recipient.index() == index; });
}

// Of `positions` those whose next record is announced but not among `copies`, by domain.
std::map<std::string, std::vector<std::uint32_t>> LostMoves(
    const SettlementContext& context, const v1::Mail& mail, const std::vector<std::uint32_t>& positions,
    const MessageStatus& status, const std::vector<MessageFinder::StoredCopy>& copies) {
  std::map<std::string, std::vector<std::uint32_t>> lost;
  for (const std::uint32_t position : positions) {
    const v1::Recipient& recipient = mail.recipients(static_cast<int>(position));
    const RecipientStatus* known = StatusOf(status, recipient);
    // Only the move out of this very record is ours to finish; a later one is its own holder's.
    if (known == nullptr || IsTerminal(known->state) || known->generation != mail.generation() + 1) continue;
    const bool stored = std::any_of(copies.begin(), copies.end(), [&](const MessageFinder::StoredCopy& copy) {
      return copy.mail.generation() > mail.generation() && HoldsRecipient(copy, recipient.index());
    });
    if (!stored) lost[context.domain_of(recipient.address())].push_back(position);
  }
  return lost;
}

bool AnyMoved(const v1::Mail& mail, const std::vector<std::uint32_t>& positions,
              const MessageStatus& status) {
  return std::any_of(positions.begin(), positions.end(), [&](std::uint32_t position) {
    const RecipientStatus* known = StatusOf(status, mail.recipients(static_cast<int>(position)));
    return known != nullptr && !IsTerminal(known->state) && known->generation > mail.generation();
  });
}

// In WAIT, those that were meant for a shelf as well: which mails were to lie there together is not known any
// more, and who gets them when they are due moves them there if their site is still closed.
asio::awaitable<absl::Status> FinishMoves(SettlementContext& context, const v1::Record& record,
                                          const v1::Mail& mail, std::vector<std::uint32_t> positions,
                                          const Delivery& delivery, int lane) {
  absl::StatusOr<std::vector<MessageFinder::StoredCopy>> copies =
      co_await context.finder.FindCopies(mail.tenant(), mail.message_id());
  if (!copies.ok()) co_return copies.status();
  // Once more: a copy may have ended between the first look at the events and the one at the copies.
  absl::StatusOr<MessageStatus> again = co_await context.finder.FoldEvents(mail.tenant(), mail.message_id());
  if (!again.ok()) co_return again.status();
  const auto lost = LostMoves(context, mail, positions, *again, *copies);
  MovedBodies bodies;
  for (const auto& [domain, moved] : lost) {
    const RecipientStatus& known = *StatusOf(*again, mail.recipients(static_cast<int>(moved.front())));
    observe::Info("interrupted move finished",
                  {{"message", mail.message_id()}, {"generation", known.generation}});
    Move move =
        MakeMove(record, mail, moved, ToWait{domain, known.next_attempt_time.value_or(context.broker.Now())},
                 known.attempts);
    const bool stored =
        co_await StoreMove(context, std::move(move), lane, [&delivery] { return delivery.Leased(); }, bodies);
    if (!stored) co_return absl::UnavailableError("an interrupted move could not be finished");
  }
  co_return absl::OkStatus();
}

}  // namespace

asio::awaitable<absl::StatusOr<Held>> Look(SettlementContext& context, const v1::Record& record,
                                           const v1::Mail& mail, const MessageStatus& status,
                                           std::vector<std::uint32_t> positions, const Delivery& delivery,
                                           int lane) {
  if (AnyMoved(mail, positions, status)) {
    absl::Status finished = co_await FinishMoves(context, record, mail, positions, delivery, lane);
    if (!finished.ok()) co_return finished;
  }
  Held held;
  held.acceptance_missing = !status.acceptance.has_value();
  for (const std::uint32_t position : positions) {
    const RecipientStatus* known = StatusOf(status, mail.recipients(static_cast<int>(position)));
    if (known != nullptr && (IsTerminal(known->state) || known->generation > mail.generation())) continue;
    held.positions.push_back(position);
    if (known != nullptr && known->last_outcome) held.last_outcomes.emplace(position, *known->last_outcome);
  }
  co_return held;
}

}  // namespace goniec::queue
