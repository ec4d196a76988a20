// STARTTLS: RFC 3207.

#include <cassert>
#include <utility>

#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

void ServerSession::OnStartTls(std::string_view /*argument*/) {
  if (client_.tls) return RefuseCommand(replies::kTlsAlready);
  if (!config_.tls_available) return RefuseCommand(replies::kNotImplemented);
  Say(replies::kReadyForTls);
  // §4.2: nothing that was said in clear counts behind the handshake; what was pipelined behind STARTTLS may
  // have been put there by somebody in the middle (CVE-2011-0411).
  input_.Discard();
  ResetTransaction();
  greeted_ = false;
  client_ = {};
  state_ = UpgradingTls{};
}

void ServerSession::TlsStarted(TlsInfo info) {
  assert(std::holds_alternative<UpgradingTls>(state_));
  client_.tls = true;
  client_.tls_info = std::move(info);
  state_ = AwaitCommand{};
}

}  // namespace goniec::inbound
