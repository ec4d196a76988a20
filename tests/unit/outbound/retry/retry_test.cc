#include "outbound/retry/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/document.h"

namespace goniec::outbound {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNow = WallTime(hours(24 * 20'000));
constexpr hours kFarAway(24 * 5);

Attempt Temporary(std::uint32_t attempts) {
  return {.verdict = Verdict::kTemporary, .attempts = attempts, .now = kNow, .expire_time = kNow + kFarAway};
}

struct VerdictCase {
  const char* name;
  Verdict verdict;
  bool ambiguous;
  queue::v1::AmbiguousPolicy policy;
  Next next;
};

class VerdictTest : public testing::TestWithParam<VerdictCase> {};

TEST_P(VerdictTest, DecidesNext) {
  Attempt attempt = Temporary(1);
  attempt.verdict = GetParam().verdict;
  attempt.ambiguous = GetParam().ambiguous;
  attempt.ambiguous_policy = GetParam().policy;
  EXPECT_EQ(DecideNext({}, attempt).next, GetParam().next);
}

using enum queue::v1::AmbiguousPolicy;
INSTANTIATE_TEST_SUITE_P(
    All, VerdictTest,
    testing::Values(
        VerdictCase{"Delivered", Verdict::kDelivered, false, AMBIGUOUS_POLICY_UNSPECIFIED, Next::kDelivered},
        VerdictCase{"Permanent", Verdict::kPermanent, false, AMBIGUOUS_POLICY_UNSPECIFIED, Next::kBounce},
        VerdictCase{"Temporary", Verdict::kTemporary, false, AMBIGUOUS_POLICY_UNSPECIFIED, Next::kRetry},
        VerdictCase{"NotTried", Verdict::kNotTried, false, AMBIGUOUS_POLICY_UNSPECIFIED, Next::kRetry},
        VerdictCase{"AmbiguousByDefault", Verdict::kTemporary, true, AMBIGUOUS_POLICY_UNSPECIFIED,
                    Next::kRetry},
        VerdictCase{"AmbiguousRetry", Verdict::kTemporary, true, AMBIGUOUS_POLICY_RETRY, Next::kRetry},
        VerdictCase{"AmbiguousAtMostOnce", Verdict::kTemporary, true, AMBIGUOUS_POLICY_AT_MOST_ONCE,
                    Next::kUnknownOutcome},
        VerdictCase{"UnambiguousAtMostOnce", Verdict::kTemporary, false, AMBIGUOUS_POLICY_AT_MOST_ONCE,
                    Next::kRetry},
        VerdictCase{"NotTriedAtMostOnce", Verdict::kNotTried, false, AMBIGUOUS_POLICY_AT_MOST_ONCE,
                    Next::kRetry}),
    [](const auto& param) { return param.param.name; });

struct DelayCase {
  const char* name;
  std::uint32_t attempts;
  double random;
  milliseconds delay;
};

class DelayTest : public testing::TestWithParam<DelayCase> {};

TEST_P(DelayTest, GrowsWithAttempts) {
  Attempt attempt = Temporary(GetParam().attempts);
  attempt.random = GetParam().random;
  const Decision decision = DecideNext({}, attempt);
  EXPECT_EQ(decision.next, Next::kRetry);
  EXPECT_EQ(decision.at - kNow, GetParam().delay);
}

INSTANTIATE_TEST_SUITE_P(All, DelayTest,
                         testing::Values(DelayCase{"First", 1, 0.5, minutes(5)},
                                         DelayCase{"Second", 2, 0.5, minutes(10)},
                                         DelayCase{"Fourth", 4, 0.5, minutes(40)},
                                         DelayCase{"Sixth", 6, 0.5, minutes(160)},
                                         DelayCase{"CappedAtSeventh", 7, 0.5, hours(4)},
                                         DelayCase{"CappedForEver", 4'000'000'000, 0.5, hours(4)},
                                         DelayCase{"NoneCountsAsFirst", 0, 0.5, minutes(5)},
                                         DelayCase{"EarliestByJitter", 1, 0.0, minutes(4)},
                                         DelayCase{"LatestByJitter", 1, 1.0, minutes(6)},
                                         DelayCase{"JitterOnTopOfTheCap", 50, 1.0, minutes(288)}),
                         [](const auto& param) { return param.param.name; });

TEST(DecideNextTest, NotTriedReturnsSoonHoweverManyAttempts) {
  Attempt attempt = Temporary(30);
  attempt.verdict = Verdict::kNotTried;
  EXPECT_EQ(DecideNext({}, attempt).at - kNow, minutes(1));
}

TEST(DecideNextTest, WhatIsKnownOfABusySiteSaysWhenItReturns) {
  Attempt attempt = Temporary(30);
  attempt.verdict = Verdict::kNotTried;
  attempt.wait = seconds(7);
  EXPECT_EQ(DecideNext({}, attempt).at - kNow, seconds(7));
  attempt.expire_time = kNow + seconds(65);
  attempt.wait = hours(1);
  EXPECT_EQ(DecideNext({}, attempt).at - kNow, seconds(35)) << "the last attempt is not slept through";
}

struct ExpiryCase {
  const char* name;
  milliseconds left;
  Next next;
  milliseconds at;  // from now
};

class ExpiryTest : public testing::TestWithParam<ExpiryCase> {};

// First attempt: the next is due in 5 min, the last may be half a minute before expiry.
TEST_P(ExpiryTest, NoAttemptAfterExpiry) {
  Attempt attempt = Temporary(1);
  attempt.expire_time = kNow + GetParam().left;
  const Decision decision = DecideNext({}, attempt);
  EXPECT_EQ(decision.next, GetParam().next);
  if (decision.next == Next::kRetry) {
    EXPECT_EQ(decision.at - kNow, GetParam().at);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ExpiryTest,
    testing::Values(ExpiryCase{"Long", hours(5), Next::kRetry, minutes(5)},
                    ExpiryCase{"DueJustBeforeTheLast", seconds(330), Next::kRetry, seconds(300)},
                    ExpiryCase{"DueJustAfterTheLast", seconds(329), Next::kRetry, seconds(299)},
                    ExpiryCase{"ShortLivedGetsASecondChance", minutes(2), Next::kRetry, seconds(90)},
                    ExpiryCase{"LeastForALastAttempt", seconds(60), Next::kRetry, seconds(30)},
                    ExpiryCase{"TooLittleLeft", seconds(59), Next::kExpire, {}},
                    ExpiryCase{"ExpiresNow", milliseconds(0), Next::kExpire, {}},
                    ExpiryCase{"ExpiredLongAgo", -hours(3), Next::kExpire, {}}),
    [](const auto& param) { return param.param.name; });

TEST(DecideNextTest, NotTriedExpiresToo) {
  Attempt attempt = Temporary(0);
  attempt.verdict = Verdict::kNotTried;
  attempt.expire_time = kNow;
  EXPECT_EQ(DecideNext({}, attempt).next, Next::kExpire);
}

TEST(DecideNextTest, DeliveredIsDeliveredEvenAfterExpiry) {
  Attempt attempt = Temporary(1);
  attempt.verdict = Verdict::kDelivered;
  attempt.expire_time = kNow - hours(1);
  EXPECT_EQ(DecideNext({}, attempt).next, Next::kDelivered);
}

TEST(DecideNextTest, MillisecondPoliciesNeverReturnInThePast) {
  const RetryPolicy policy{
      .first_delay = milliseconds(1), .max_delay = milliseconds(1), .jitter_percent = 90};
  Attempt attempt = Temporary(9);
  attempt.random = 0;
  EXPECT_GT(DecideNext(policy, attempt).at, kNow);
}

TEST(LifetimeOfTest, DependsOnClassAndSender) {
  const RetryPolicy policy;
  EXPECT_EQ(LifetimeOf(policy, queue::v1::MAIL_CLASS_TRANSACTIONAL, false), hours(120));
  EXPECT_EQ(LifetimeOf(policy, queue::v1::MAIL_CLASS_UNSPECIFIED, false), hours(120));
  EXPECT_EQ(LifetimeOf(policy, queue::v1::MAIL_CLASS_BULK, false), hours(48));
  EXPECT_EQ(LifetimeOf(policy, queue::v1::MAIL_CLASS_BULK, true), hours(24));
}

TEST(ReadRetryPolicyTest, TakesEveryKey) {
  auto document = config::Document::Parse(
      "first_delay: 100ms\nmax_delay: 2s\njitter_percent: 0\nnot_tried_delay: 10ms\n"
      "lifetime: 1h\nbulk_lifetime: 2h\nnull_sender_lifetime: 3h\n",
      "retry.yaml");
  ASSERT_TRUE(document.ok()) << document.status();
  RetryPolicy policy;
  ReadRetryPolicy(document->root(), policy);
  EXPECT_TRUE(document->Finish().ok()) << document->Finish();
  EXPECT_EQ(policy.first_delay, milliseconds(100));
  EXPECT_EQ(policy.max_delay, seconds(2));
  EXPECT_EQ(policy.jitter_percent, 0u);
  EXPECT_EQ(policy.not_tried_delay, milliseconds(10));
  EXPECT_EQ(policy.lifetime, hours(1));
  EXPECT_EQ(policy.bulk_lifetime, hours(2));
  EXPECT_EQ(policy.null_sender_lifetime, hours(3));
}

TEST(ReadRetryPolicyTest, RefusesAMaximumBelowTheFirst) {
  auto document = config::Document::Parse("first_delay: 1h\nmax_delay: 5m\n", "retry.yaml");
  ASSERT_TRUE(document.ok());
  RetryPolicy policy;
  ReadRetryPolicy(document->root(), policy);
  EXPECT_THAT(std::string(document->Finish().message()), testing::HasSubstr("retry.yaml:2"));
}

}  // namespace
}  // namespace goniec::outbound
