#include "outbound/deliver/attempt_log.h"

#include <chrono>

#include "common/observe/log.h"

namespace goniec::outbound {

void LogAttempt(const queue::v1::Mail& mail, const Result& result) {
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  const queue::v1::Outcome& outcome = result.outcome;
  // No attempt; all of a site's together are one line now and then.
  if (outcome.reason() == queue::v1::REASON_SITE_BUSY) return;
  const auto& first = mail.recipients(static_cast<int>(result.recipients.front()));
  observe::Info("delivery attempt", {{"message", mail.message_id()},
                                     {"result", VerdictName(result.verdict)},
                                     {"to", observe::LogAddress(first.address())},
                                     {"recipients", result.recipients.size()},
                                     {"host", outcome.remote_host()},
                                     {"ip", outcome.remote_ip()},
                                     {"tls", outcome.tls_version()},
                                     {"phase", queue::v1::Phase_Name(outcome.phase())},
                                     {"reason", queue::v1::Reason_Name(outcome.reason())},
                                     {"code", outcome.reply_code()},
                                     {"enhanced", outcome.enhanced_code()},
                                     {"text", outcome.text()},
                                     {"ambiguous", outcome.ambiguous()},
                                     {"latency_ms", std::chrono::microseconds(outcome.latency_us())}});
}

}  // namespace goniec::outbound
