// The retry decision: what happens to recipients after an attempt. One pure function and its policy. Asked
// by outbound/consume/conclude; the lifetimes are used where mail is accepted. Pure; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

// Section `retry` of goniec-outbound's configuration.
struct RetryPolicy {
  // retry.first_delay: from the first failed attempt to the second. 1ms to 1d.
  std::chrono::milliseconds first_delay = std::chrono::minutes(5);
  // retry.max_delay: the delay doubles with each attempt up to this. 1ms to 7d, not below first_delay.
  std::chrono::milliseconds max_delay = std::chrono::hours(4);
  // retry.jitter_percent: each delay is varied by up to this, so that what failed together does not return
  // together. 0 to 90.
  std::uint32_t jitter_percent = 20;
  // retry.not_tried_delay: until mail returns that could not be tried, where nothing is known that says when
  // it can. 1ms to 1h.
  std::chrono::milliseconds not_tried_delay = std::chrono::minutes(1);

  // retry.lifetime: how long transactional mail is tried. 1ms to 30d.
  std::chrono::milliseconds lifetime = std::chrono::hours(5 * 24);
  // retry.bulk_lifetime: the same for bulk mail. 1ms to 30d.
  std::chrono::milliseconds bulk_lifetime = std::chrono::hours(2 * 24);
  // retry.null_sender_lifetime: the same for mail from <> (bounces), of any class. 1ms to 30d.
  std::chrono::milliseconds null_sender_lifetime = std::chrono::hours(24);
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadRetryPolicy(config::Section section, RetryPolicy& policy);

// How long a mail may be tried from its acceptance, if its sender did not say.
std::chrono::milliseconds LifetimeOf(const RetryPolicy& policy, queue::v1::MailClass mail_class,
                                     bool null_sender);

struct Attempt {
  Verdict verdict = Verdict::kNotTried;
  // The outcome's `ambiguous` (the end of data was sent and no reply came) and the mail's policy for it.
  bool ambiguous = false;
  queue::v1::AmbiguousPolicy ambiguous_policy = queue::v1::AMBIGUOUS_POLICY_UNSPECIFIED;
  // Not tried, and it is known when a try makes sense: this instead of not_tried_delay.
  std::optional<std::chrono::milliseconds> wait = std::nullopt;
  // Attempts made so far, this one included unless it was not tried.
  std::uint32_t attempts = 0;
  WallTime now;
  WallTime expire_time;
  // Uniform in [0, 1).
  double random = 0.5;
};

enum class Next {
  kDelivered,       // end: delivered
  kRetry,           // try again at `at`
  kBounce,          // end: bounced, the outcome says why
  kUnknownOutcome,  // end: bounced; the outcome's reason becomes REASON_OUTCOME_UNKNOWN
  kExpire,          // end: expired
};

struct Decision {
  Next next = Next::kRetry;
  WallTime at;  // kRetry only; always after `now` and before expire_time
};

// The last attempt: a retry that would come after expire_time is brought forward to a tenth of first_delay
// before it, so that a short-lived mail gets a second chance; if even that is less than a tenth of
// first_delay away, the mail expires now instead of waiting for nothing.
Decision DecideNext(const RetryPolicy& policy, const Attempt& attempt);

}  // namespace goniec::outbound
