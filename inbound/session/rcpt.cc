// RCPT: RFC 5321 §4.1.1.3. Each recipient is judged by itself; a refused one leaves the transaction as it
// was.

#include <utility>

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnRcpt(std::string_view argument) {
  smtp::Parsed<smtp::RcptCommand> parsed = smtp::ParseRcpt(argument, smtp::Extensions());
  if (const smtp::Reply* refusal = std::get_if<smtp::Reply>(&parsed)) {
    ++transaction_->refused_recipients_;
    return RefuseCommand(*refusal);
  }
  smtp::Path path = std::move(std::get<smtp::RcptCommand>(parsed).forward_path);
  std::optional<smtp::Reply> refusal;
  if (!path.mailbox.IsAscii() && !transaction_->parameters_.smtputf8) {
    refusal = replies::kRecipientNeedsUtf8;  // RFC 6531 §3.5
  } else {
    if (path.mailbox.domain.empty()) path.mailbox.domain = postmaster_domain_;
    // RFC 5321 §4.5.1: postmaster here is taken, whoever asks.
    const bool ours = path.mailbox.IsPostmaster() && path.mailbox.domain == postmaster_domain_;
    if (!ours || !path.source_route.empty()) refusal = policy_.CheckRecipient(peer_, path);
  }
  if (!refusal &&
      (transaction_->recipients_.size() >= config_.max_recipients ||
       transaction_->envelope_size_ + Transaction::CostOf(path.mailbox) > config_.max_envelope_size)) {
    refusal = replies::kTooManyRecipients;  // RFC 5321 §4.5.3.1.10
  }
  if (!refusal && transaction_->Knows(path.mailbox)) {
    // As costly as a refusal, and as common with lists.
    if (Tolerated(Deed::kRefusal)) Say(replies::kRecipientOk);
    return;
  }
  if (!refusal && !envelope_memory_.Resize(transaction_->MemoryWith(path.mailbox)))
    refusal = replies::kMemoryFull;
  if (refusal) {
    ++transaction_->refused_recipients_;
    return Refuse(*refusal);
  }
  transaction_->AddRecipient(std::move(path.mailbox));
  Say(replies::kRecipientOk);
}

}  // namespace goniec::inbound
