// MAIL: RFC 5321 §4.1.1.2; SIZE, BODY and SMTPUTF8. Begins a transaction.

#include <memory>
#include <utility>

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnMail(std::string_view argument) {
  if (transaction_) return RefuseCommand(replies::kNestedMail);
  smtp::Parsed<smtp::MailCommand> parsed = smtp::ParseMail(argument, smtp::Extensions());
  if (const smtp::Reply* refusal = std::get_if<smtp::Reply>(&parsed)) return RefuseCommand(*refusal);
  auto& command = std::get<smtp::MailCommand>(parsed);
  // RFC 1870 §6.1: refused before a single octet of it has travelled.
  if (command.parameters.size.value_or(0) > config_.max_message_size)
    return Refuse(replies::kMessageTooLarge);
  if (const std::optional<smtp::Reply> refusal = policy_.CheckSender(peer_, command.reverse_path)) {
    return Refuse(*refusal);
  }
  transaction_ =
      std::make_unique<Transaction>(std::move(command.reverse_path), std::move(command.parameters), client_);
  if (!envelope_memory_.Resize(transaction_->memory())) {
    EndTransaction();
    return Refuse(replies::kMemoryFull);
  }
  Say(replies::kSenderOk);
}

}  // namespace goniec::inbound
