#include "outbound/site/site_effect.h"

#include <cstdint>
#include <string_view>

namespace goniec::outbound {
namespace {

using queue::v1::Phase;

bool IsBeforeMail(Phase phase) {
  return phase == queue::v1::PHASE_CONNECT || phase == queue::v1::PHASE_GREETING ||
         phase == queue::v1::PHASE_EHLO;
}

// RFC 3463 X.3.x: the state of the mail system, not of a mailbox, a message or a policy.
bool IsSystemStatus(std::string_view enhanced_code) {
  return enhanced_code.starts_with("4.3.");
}

// RFC 3463 X.1.x: an address; 4.7.1: a policy, which is about who sends. That is one tenant's mail, and the
// others' is no slower for it.
bool IsOfSender(std::string_view enhanced_code) {
  return enhanced_code.starts_with("4.1.") || enhanced_code == "4.7.1";
}

SiteEffect EffectOfReply(const queue::v1::Outcome& outcome) {
  const std::uint32_t code = outcome.reply_code();
  if (code == 421) return {Effect::kSlower, false};
  const SiteEffect at_work{Effect::kNothing, true};
  if (code / 100 != 4 || outcome.phase() == queue::v1::PHASE_RCPT) return at_work;
  // To MAIL the server knows no domain of its own to answer for, but it may dislike the sender.
  const bool at_mail = outcome.phase() == queue::v1::PHASE_MAIL && !IsOfSender(outcome.enhanced_code());
  const bool of_the_site = at_mail || IsSystemStatus(outcome.enhanced_code());
  return of_the_site ? SiteEffect{Effect::kSlower, true} : at_work;
}

}  // namespace

SiteEffect EffectOf(Verdict verdict, const queue::v1::Outcome& outcome) {
  if (verdict == Verdict::kDelivered) return {Effect::kWorked, true};
  if (verdict == Verdict::kNotTried) return {};
  switch (outcome.reason()) {
    case queue::v1::REASON_REPLY:
      if (IsBeforeMail(outcome.phase())) return {Effect::kFailed, false};
      return EffectOfReply(outcome);
    case queue::v1::REASON_CONNECTION_FAILED:
      return {Effect::kFailed, false};
    case queue::v1::REASON_TIMEOUT:
    case queue::v1::REASON_CONNECTION_LOST:
    case queue::v1::REASON_PROTOCOL:
      return {IsBeforeMail(outcome.phase()) ? Effect::kFailed : Effect::kSlower, false};
    default:
      // Not the site's doing; but who has greeted is at work.
      return {Effect::kNothing, outcome.phase() >= queue::v1::PHASE_MAIL};
  }
}

}  // namespace goniec::outbound
