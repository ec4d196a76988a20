// EHLO and HELO: RFC 5321 §4.1.1.1. Both clear the transaction (§4.1.4).

#include <string>

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnEhlo(std::string_view argument) {
  if (!smtp::IsAcceptableHelloName(argument)) return RefuseCommand(replies::kBadHelloName);
  if (!Tolerated(Deed::kIdle)) return;
  ResetTransaction();
  greeted_ = true;
  client_.hello_name = std::string(argument);
  client_.esmtp = true;
  // RFC 2034 §4: no enhanced code here.
  smtp::Reply reply(250, {}, config_.host_name);
  reply.lines.emplace_back("PIPELINING");
  reply.lines.push_back("SIZE " + std::to_string(config_.max_message_size));
  // RFC 3207 §4.2: not offered any more once it is on.
  if (config_.tls_available && !client_.tls) reply.lines.emplace_back("STARTTLS");
  reply.lines.emplace_back("ENHANCEDSTATUSCODES");
  reply.lines.emplace_back("8BITMIME");
  reply.lines.emplace_back("SMTPUTF8");
  reply.lines.emplace_back("CHUNKING");
  Say(reply);
}

void ServerSession::OnHelo(std::string_view argument) {
  if (!smtp::IsAcceptableHelloName(argument)) return RefuseCommand(replies::kBadHelloName);
  if (!Tolerated(Deed::kIdle)) return;
  ResetTransaction();
  greeted_ = true;
  client_.hello_name = std::string(argument);
  client_.esmtp = false;
  Say(smtp::Reply(250, {}, config_.host_name));
}

}  // namespace goniec::inbound
