// BDAT: RFC 3030 §2. Whatever is wrong, the announced octets are read before the reply, so that they are
// never taken for commands. The content is read in body.cc.

#include <utility>

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnBdat(std::string_view argument) {
  const smtp::Parsed<smtp::BdatCommand> parsed = smtp::ParseBdat(argument);
  if (const smtp::Reply* refusal = std::get_if<smtp::Reply>(&parsed)) return RefuseCommand(*refusal);
  const auto& command = std::get<smtp::BdatCommand>(parsed);
  chunk_ = {command.size, command.size, command.last};
  if (std::optional<smtp::Reply> refusal = JudgeChunk()) {
    // What would have to be skipped for too long is not even begun.
    if (chunk_.size > config_.max_refused_size - refused_octets_) {
      (void)MaySkip(chunk_.size, *refusal);
    } else if (body_) {
      RefuseBody(*std::move(refusal));
    } else {
      state_ = SkippingChunk{*std::move(refusal)};
    }
  } else if (body_) {
    state_ = ReadingChunk{};
  } else {
    state_ = OpeningBody{Source::kChunk};
  }
}

std::optional<smtp::Reply> ServerSession::JudgeChunk() const {
  if (!greeted_) return smtp::Reply(replies::kHelloFirst);
  if (!transaction_) return smtp::Reply(replies::kMailFirst);
  if (chunks_refused_) return chunks_refused_;
  if (transaction_->recipients_.empty()) {
    return smtp::Reply(transaction_->refused_recipients_ > 0 ? replies::kNoValidRecipients
                                                             : replies::kRecipientFirst);
  }
  if (chunk_.size > config_.max_message_size - (body_ ? body_->received : 0))
    return smtp::Reply(replies::kMessageTooLarge);
  return std::nullopt;
}

}  // namespace goniec::inbound
