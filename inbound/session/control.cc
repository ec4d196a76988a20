// The verbs that touch no envelope: RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 §4.1.1.5–10), and the answers to
// what is no verb of ours.

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnRset(std::string_view /*argument*/) {
  ResetTransaction();
  Idle(replies::kOk);
}

void ServerSession::OnNoop(std::string_view /*argument*/) {
  Idle(replies::kOk);
}

// RFC 5321 §7.3: neither yes nor no, for it would tell strangers who is here.
void ServerSession::OnVrfy(std::string_view argument) {
  if (argument.empty()) return RefuseCommand(replies::kBadVrfySyntax);
  Idle(replies::kCannotVerify);
}

void ServerSession::OnHelp(std::string_view /*argument*/) {
  Idle(replies::kHelp);
}

void ServerSession::OnQuit(std::string_view /*argument*/) {
  ResetTransaction();
  Say(replies::kBye);
  state_ = Ending{};
}

void ServerSession::OnNotImplemented(std::string_view /*argument*/) {
  RefuseCommand(replies::kNotImplemented);
}

void ServerSession::OnForeign(std::string_view /*argument*/) {
  EndBadly(replies::kNotSmtp);
}

void ServerSession::OnUnknown(std::string_view /*argument*/) {
  RefuseCommand(replies::kUnknownCommand);
}

}  // namespace goniec::inbound
