#include "outbound/retry/retry.h"

#include <algorithm>
#include <cmath>

#include "common/config/document.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDay = std::chrono::hours(24);
// What part of first_delay the last attempt keeps from expiry.
constexpr int kLastAttemptPart = 10;

milliseconds Varied(milliseconds delay, std::uint32_t jitter_percent, double random) {
  const double factor = 1.0 + (2.0 * random - 1.0) * jitter_percent / 100.0;
  return std::max(milliseconds(1), milliseconds(std::llround(static_cast<double>(delay.count()) * factor)));
}

// first_delay, doubled for each attempt after the first.
milliseconds DelayAfter(const RetryPolicy& policy, std::uint32_t attempts) {
  milliseconds delay = std::min(policy.first_delay, policy.max_delay);
  for (std::uint32_t n = 1; n < attempts && delay < policy.max_delay; ++n) {
    delay = std::min(delay * 2, policy.max_delay);
  }
  return delay;
}

Decision RetryAfter(const RetryPolicy& policy, const Attempt& attempt, milliseconds delay) {
  const milliseconds margin = std::max(milliseconds(1), policy.first_delay / kLastAttemptPart);
  const WallTime last = attempt.expire_time - margin;
  const WallTime at = attempt.now + Varied(delay, policy.jitter_percent, attempt.random);
  if (at <= last) return {Next::kRetry, at};
  if (last >= attempt.now + margin) return {Next::kRetry, last};
  return {Next::kExpire, {}};
}

}  // namespace

void ReadRetryPolicy(config::Section section, RetryPolicy& policy) {
  constexpr milliseconds kShortest(1);
  section.Duration("first_delay", policy.first_delay, {kShortest, kDay});
  section.Duration("max_delay", policy.max_delay, {kShortest, 7 * kDay});
  section.Integer<std::uint32_t>("jitter_percent", policy.jitter_percent, {0, 90});
  section.Duration("not_tried_delay", policy.not_tried_delay, {kShortest, std::chrono::hours(1)});
  section.Duration("lifetime", policy.lifetime, {kShortest, 30 * kDay});
  section.Duration("bulk_lifetime", policy.bulk_lifetime, {kShortest, 30 * kDay});
  section.Duration("null_sender_lifetime", policy.null_sender_lifetime, {kShortest, 30 * kDay});
  if (policy.max_delay < policy.first_delay) {
    section.Problem("max_delay", "must not be shorter than first_delay (" +
                                     config::FormatDuration(policy.first_delay) + ")");
  }
}

milliseconds LifetimeOf(const RetryPolicy& policy, queue::v1::MailClass mail_class, bool null_sender) {
  if (null_sender) return policy.null_sender_lifetime;
  return mail_class == queue::v1::MAIL_CLASS_BULK ? policy.bulk_lifetime : policy.lifetime;
}

Decision DecideNext(const RetryPolicy& policy, const Attempt& attempt) {
  switch (attempt.verdict) {
    case Verdict::kDelivered:
      return {Next::kDelivered, {}};
    case Verdict::kPermanent:
      return {Next::kBounce, {}};
    case Verdict::kNotTried:
      return RetryAfter(policy, attempt, attempt.wait.value_or(policy.not_tried_delay));
    case Verdict::kTemporary:
      break;
  }
  if (attempt.ambiguous && attempt.ambiguous_policy == queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE) {
    return {Next::kUnknownOutcome, {}};
  }
  return RetryAfter(policy, attempt, DelayAfter(policy, attempt.attempts));
}

}  // namespace goniec::outbound
