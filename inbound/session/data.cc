// DATA: RFC 5321 §4.1.1.4. The content is read in body.cc.

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnData(std::string_view /*argument*/) {
  if (transaction_->recipients_.empty()) {
    // RFC 5321 §3.3: a client that pipelined RCPT and DATA made no mistake.
    if (transaction_->refused_recipients_ > 0) return Refuse(replies::kNoValidRecipients);
    return RefuseCommand(replies::kRecipientFirst);
  }
  state_ = OpeningBody{Source::kData};
}

}  // namespace goniec::inbound
