#include "common/queue/model/message_status.h"

#include <algorithm>
#include <utility>

#include "common/queue/model/timestamps.h"

namespace goniec::queue {
namespace {

// The state that an event of this type leaves a recipient in; nothing for those that leave it as it is.
std::optional<RecipientState> StateAfter(v1::EventType type) {
  switch (type) {
    case v1::EVENT_TYPE_DEFERRED:
      return RecipientState::kDeferred;
    case v1::EVENT_TYPE_HELD:
      return RecipientState::kHeld;
    case v1::EVENT_TYPE_DELIVERED:
      return RecipientState::kDelivered;
    case v1::EVENT_TYPE_BOUNCED:
      return RecipientState::kBounced;
    case v1::EVENT_TYPE_EXPIRED:
      return RecipientState::kExpired;
    case v1::EVENT_TYPE_CANCELLED:
      return RecipientState::kCancelled;
    case v1::EVENT_TYPE_SUPPRESSED:
      return RecipientState::kSuppressed;
    default:
      return std::nullopt;  // accepted, notices, types of a later version
  }
}

v1::Acceptance AcceptanceOf(const v1::Mail& mail) {
  v1::Acceptance acceptance;
  acceptance.set_mail_class(mail.mail_class());
  acceptance.set_mail_from(mail.mail_from());
  *acceptance.mutable_accept_time() = mail.accept_time();
  *acceptance.mutable_expire_time() = mail.expire_time();
  acceptance.set_size_bytes(mail.size_bytes());
  acceptance.set_internet_message_id(mail.internet_message_id());
  *acceptance.mutable_tags() = mail.tags();
  *acceptance.mutable_metadata() = mail.metadata();
  return acceptance;
}

void End(RecipientStatus& recipient, RecipientState state, const v1::Event& event) {
  recipient.state = state;
  recipient.generation = std::max(recipient.generation, event.generation());
  recipient.attempts = std::max(recipient.attempts, event.attempts());
  recipient.next_attempt_time.reset();
  recipient.end_time = FromProto(event.time());
  if (event.has_outcome()) recipient.last_outcome = event.outcome();
}

void Move(RecipientStatus& recipient, RecipientState state, const v1::Event& event) {
  recipient.state = state;
  recipient.generation = event.generation();
  // A move without an attempt (a busy site) says why; it does not hide what the last attempt came to.
  const bool attempt = event.attempts() > recipient.attempts || event.attempts() == 0;
  if (event.has_outcome() && (attempt || !recipient.last_outcome)) recipient.last_outcome = event.outcome();
  recipient.attempts = event.attempts();
  recipient.next_attempt_time.reset();
  if (event.has_next_attempt_time()) recipient.next_attempt_time = FromProto(event.next_attempt_time());
}

}  // namespace

bool IsTerminal(RecipientState state) {
  switch (state) {
    case RecipientState::kQueued:
    case RecipientState::kDeferred:
    case RecipientState::kHeld:
      return false;
    case RecipientState::kDelivered:
    case RecipientState::kBounced:
    case RecipientState::kExpired:
    case RecipientState::kCancelled:
    case RecipientState::kSuppressed:
      return true;
  }
  return false;
}

bool IsTerminal(v1::EventType type) {
  const std::optional<RecipientState> state = StateAfter(type);
  return state.has_value() && IsTerminal(*state);
}

bool MessageStatus::AllTerminal() const {
  return recipient_count > 0 && recipients.size() >= recipient_count &&
         std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& entry) { return IsTerminal(entry.second.state); });
}

StatusFold::StatusFold(std::string message_id) {
  status_.message_id = std::move(message_id);
}

void StatusFold::Add(const v1::Event& event, const EventPlace& place) {
  if (event.message_id() != status_.message_id) return;
  if (!event.event_id().empty() && !seen_.insert(event.event_id()).second) return;
  if (status_.tenant.empty()) status_.tenant = event.tenant();
  status_.recipient_count = std::max(status_.recipient_count, event.recipient_count());
  if (event.has_acceptance()) status_.acceptance = event.acceptance();

  const std::optional<RecipientState> state = StateAfter(event.type());
  for (const v1::EventRecipient& about : event.recipients()) {
    if (status_.recipient_count > 0 && about.index() >= status_.recipient_count) continue;
    RecipientStatus& recipient = status_.recipients[about.index()];
    if (recipient.address.empty()) recipient.address = about.address();
    if (!state.has_value()) continue;
    if (IsTerminal(*state)) {
      // Whatever its generation: what has ended has ended, and the first end in stream order stands.
      const bool ended = IsTerminal(recipient.state);
      if (ended) ++second_terminals_;
      if (ended && end_sequences_[about.index()] <= place.sequence) continue;
      End(recipient, *state, event);
      end_sequences_[about.index()] = place.sequence;
      if (place.sequence > last_end_.sequence) last_end_ = place;
    } else if (!IsTerminal(recipient.state) && event.generation() > recipient.generation) {
      Move(recipient, *state, event);
    }
  }
}

void StatusFold::AddStored(const v1::Mail& mail, bool on_shelf) {
  if (mail.message_id() != status_.message_id) return;
  if (status_.tenant.empty()) status_.tenant = mail.tenant();
  status_.recipient_count = std::max(status_.recipient_count, mail.recipient_count());
  if (!status_.acceptance.has_value()) status_.acceptance = AcceptanceOf(mail);
  const RecipientState moved = on_shelf ? RecipientState::kHeld : RecipientState::kDeferred;
  for (const v1::Recipient& stored : mail.recipients()) {
    const auto [entry, is_new] = status_.recipients.try_emplace(stored.index());
    RecipientStatus& recipient = entry->second;
    if (recipient.address.empty()) recipient.address = stored.address();
    const bool ahead = mail.generation() > recipient.generation && !IsTerminal(recipient.state);
    if (!is_new && !ahead) continue;
    recipient.state = mail.generation() == 0 ? RecipientState::kQueued : moved;
    recipient.generation = mail.generation();
    recipient.attempts = mail.attempts();
    recipient.next_attempt_time.reset();
  }
}

}  // namespace goniec::queue
