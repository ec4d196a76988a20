#include "outbound/api/message_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/model/message_status.h"
#include "common/queue/model/record_builder.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/streams/durability.h"

namespace goniec::outbound {
namespace {

v1::RecipientStatus::State ViewOf(queue::RecipientState state) {
  switch (state) {
    case queue::RecipientState::kQueued:
      return v1::RecipientStatus::QUEUED;
    case queue::RecipientState::kDeferred:
      return v1::RecipientStatus::DEFERRED;
    case queue::RecipientState::kHeld:
      return v1::RecipientStatus::HELD;
    case queue::RecipientState::kDelivered:
      return v1::RecipientStatus::DELIVERED;
    case queue::RecipientState::kBounced:
      return v1::RecipientStatus::BOUNCED;
    case queue::RecipientState::kExpired:
      return v1::RecipientStatus::EXPIRED;
    case queue::RecipientState::kCancelled:
      return v1::RecipientStatus::CANCELLED;
    case queue::RecipientState::kSuppressed:
      return v1::RecipientStatus::SUPPRESSED;
  }
  return v1::RecipientStatus::STATE_UNSPECIFIED;
}

v1::MailClass ViewOf(queue::v1::MailClass mail_class) {
  return mail_class == queue::v1::MAIL_CLASS_BULK ? v1::MAIL_CLASS_BULK : v1::MAIL_CLASS_TRANSACTIONAL;
}

// The two enumerations have the same numbers; what a newer worker wrote and this API does not know is
// unspecified.
v1::Outcome::Phase ViewOf(queue::v1::Phase phase) {
  return v1::Outcome::Phase_IsValid(phase) ? static_cast<v1::Outcome::Phase>(phase)
                                           : v1::Outcome::PHASE_UNSPECIFIED;
}
v1::Outcome::Reason ViewOf(queue::v1::Reason reason) {
  return v1::Outcome::Reason_IsValid(reason) ? static_cast<v1::Outcome::Reason>(reason)
                                             : v1::Outcome::REASON_UNSPECIFIED;
}

void SetOutcome(const queue::v1::Outcome& outcome, v1::Outcome& view) {
  view.set_remote_host(outcome.remote_host());
  view.set_remote_ip(outcome.remote_ip());
  view.set_remote_port(static_cast<std::int32_t>(outcome.remote_port()));
  if (!outcome.tls_version().empty()) {
    view.mutable_tls()->set_version(outcome.tls_version());
    view.mutable_tls()->set_cipher(outcome.tls_cipher());
    view.mutable_tls()->set_peer(outcome.tls_peer());
  }
  view.set_phase(ViewOf(outcome.phase()));
  view.set_reply_code(static_cast<std::int32_t>(outcome.reply_code()));
  view.set_enhanced_code(outcome.enhanced_code());
  view.set_text(outcome.text());
  view.set_reason(ViewOf(outcome.reason()));
  view.set_last_reason(ViewOf(outcome.last_reason()));
  view.set_ambiguous(outcome.ambiguous());
  view.mutable_latency()->set_seconds(static_cast<std::int64_t>(outcome.latency_us() / 1'000'000));
  view.mutable_latency()->set_nanos(static_cast<std::int32_t>(outcome.latency_us() % 1'000'000 * 1'000));
}

void SetRecipient(const std::string& message_id, std::uint32_t index, const queue::RecipientStatus& status,
                  v1::RecipientStatus& view) {
  view.set_recipient_id(absl::StrCat(message_id, ".", index));
  view.set_address(status.address);
  view.set_state(ViewOf(status.state));
  view.set_attempts(static_cast<std::int32_t>(status.attempts));
  if (status.next_attempt_time) *view.mutable_next_attempt_time() = queue::ToProto(*status.next_attempt_time);
  if (status.end_time) *view.mutable_end_time() = queue::ToProto(*status.end_time);
  if (status.last_outcome) SetOutcome(*status.last_outcome, *view.mutable_last_outcome());
}

// The id's own time, so that every view of a message gives the same.
void SetCreateTime(v1::Message& message) {
  *message.mutable_create_time() = queue::ToProto(mail::TimeOf(message.message_id()));
}

std::string WithId(std::string text, const std::string& id) {
  std::string named;
  for (const char c : text) {
    if (c == queue::kMessageIdPlaceholder) {
      named += id;
    } else {
      named += c;
    }
  }
  return named;
}

}  // namespace

v1::Message ViewOf(const queue::MessageStatus& status) {
  v1::Message message;
  message.set_message_id(status.message_id);
  SetCreateTime(message);
  if (status.acceptance) {
    const queue::v1::Acceptance& acceptance = *status.acceptance;
    message.set_internet_message_id(acceptance.internet_message_id());
    *message.mutable_expire_time() = acceptance.expire_time();
    message.set_size_bytes(static_cast<std::int64_t>(acceptance.size_bytes()));
    *message.mutable_tags() = acceptance.tags();
    *message.mutable_metadata() = acceptance.metadata();
    message.set_mail_from(acceptance.mail_from());
    message.set_mail_class(ViewOf(acceptance.mail_class()));
  }
  for (const auto& [index, recipient] : status.recipients) {
    SetRecipient(status.message_id, index, recipient, *message.add_recipients());
  }
  return message;
}

v1::Message ViewOfAccepted(const queue::v1::Mail& mail, std::uint64_t body_size) {
  v1::Message message;
  message.set_internet_message_id(mail.internet_message_id());
  *message.mutable_expire_time() = mail.expire_time();
  const auto placeholders = std::count(mail.head().begin(), mail.head().end(), queue::kMessageIdPlaceholder);
  message.set_size_bytes(static_cast<std::int64_t>(
      body_size + mail.head().size() + static_cast<std::size_t>(placeholders) * (mail::kUlidLength - 1)));
  *message.mutable_tags() = mail.tags();
  *message.mutable_metadata() = mail.metadata();
  message.set_mail_from(mail.mail_from());
  message.set_mail_class(ViewOf(mail.mail_class()));
  for (const queue::v1::Recipient& recipient : mail.recipients()) {
    v1::RecipientStatus& view = *message.add_recipients();
    view.set_address(recipient.address());
    view.set_state(v1::RecipientStatus::QUEUED);
  }
  return message;
}

void SetMessageId(v1::Message& message, const std::string& id) {
  message.set_message_id(id);
  message.set_internet_message_id(WithId(message.internet_message_id(), id));
  for (int i = 0; i < message.recipients_size(); ++i) {
    message.mutable_recipients(i)->set_recipient_id(absl::StrCat(id, ".", i));
  }
  SetCreateTime(message);
}

v1::Outcome ViewOf(const queue::v1::Outcome& outcome) {
  v1::Outcome view;
  SetOutcome(outcome, view);
  return view;
}

v1::Durability ViewOf(const queue::Durability& durability) {
  v1::Durability view;
  view.set_replicas(durability.replicas);
  switch (durability.sync) {
    case queue::SyncMode::kUnknown:
      view.set_sync(v1::Durability::SYNC_MODE_UNSPECIFIED);
      break;
    case queue::SyncMode::kLazy:
      view.set_sync(v1::Durability::LAZY);
      break;
    case queue::SyncMode::kFsync:
      view.set_sync(v1::Durability::FSYNC);
      break;
  }
  return view;
}

}  // namespace goniec::outbound
