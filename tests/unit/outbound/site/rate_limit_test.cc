#include "outbound/site/rate_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

#include "common/base/status.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const BootTime kNow{std::chrono::hours(1)};
const Rate kOneAMinute{1, minutes(1)};

TEST(ParseRateTest, TakesANumberInATime) {
  EXPECT_EQ(ParseRate("600/1m").value(), (Rate{600, minutes(1)}));
  EXPECT_EQ(ParseRate("1/1d").value(), (Rate{1, std::chrono::hours(24)}));
  EXPECT_EQ(FormatRate({600, minutes(1)}), "600/1m");
}

TEST(ParseRateTest, RefusesWhatIsNone) {
  for (const char* text : {"", "600", "600/", "/1m", "600/60", "0/1m", "-1/1m", "+1/1m", "1.5/1m",
                           "1000001/1m", "1/500ms", "1/2d", "1/1m/1m", "99999999999999999999/1m", "1 /1m"}) {
    EXPECT_FALSE(ParseRate(text).ok()) << text;
  }
  EXPECT_THAT(Message(ParseRate("600").status()),
              testing::HasSubstr("\"600\" is not a rate; use for example 600/1m"));
}

TEST(RateLimitTest, OneAMinuteIsOneAMinute) {
  RateLimit limit(kOneAMinute, 1, kNow - minutes(1) - seconds(1));
  ASSERT_TRUE(limit.MayGo(kNow));
  limit.Went(1, kNow);
  EXPECT_FALSE(limit.MayGo(kNow + minutes(1)));
  EXPECT_TRUE(limit.MayGo(kNow + minutes(1) + milliseconds(1)));
}

TEST(RateLimitTest, WhoBeginsOrGetsMoreWaitsFirst) {
  RateLimit limit(kOneAMinute, 0, kNow);
  EXPECT_FALSE(limit.MayGo(kNow + minutes(5))) << "nothing is ours";
  EXPECT_EQ(limit.most_at_once(), 0u);
  limit.Share(1, kNow + minutes(5));
  EXPECT_FALSE(limit.MayGo(kNow + minutes(6)));
  EXPECT_TRUE(limit.MayGo(kNow + minutes(6) + milliseconds(1)));
}

TEST(RateLimitTest, AShareThatFallsHoldsAtOnce) {
  RateLimit limit({60, minutes(1)}, 60, kNow - minutes(1));
  limit.Share(1, kNow);
  ASSERT_TRUE(limit.MayGo(kNow));
  limit.Went(1, kNow);
  EXPECT_FALSE(limit.MayGo(kNow + seconds(59)));
}

// Presence that is not sure now and then (site/share.h) keeps nothing back for ever.
TEST(RateLimitTest, AShareThatIsBackBeforeAnybodyCanHaveUsedItIsAsBefore) {
  RateLimit limit(kOneAMinute, 1, kNow - minutes(2));
  ASSERT_TRUE(limit.MayGo(kNow));
  limit.Share(0, kNow);
  EXPECT_FALSE(limit.MayGo(kNow + seconds(59)));
  limit.Share(1, kNow + seconds(59));
  EXPECT_TRUE(limit.MayGo(kNow + seconds(59)));
  limit.Share(0, kNow + seconds(60));
  limit.Share(1, kNow + seconds(120));
  EXPECT_FALSE(limit.MayGo(kNow + seconds(179))) << "another may have used it";
  EXPECT_TRUE(limit.MayGo(kNow + seconds(181)));
}

TEST(RateLimitTest, MoreThanBeforeIsNew) {
  RateLimit limit({2, minutes(1)}, 1, kNow - minutes(2));
  limit.Share(0, kNow);
  limit.Share(2, kNow + seconds(1));
  EXPECT_FALSE(limit.MayGo(kNow + seconds(30)));
  EXPECT_TRUE(limit.MayGo(kNow + seconds(32)));
}

struct Gone {
  BootTime at;
  std::size_t amount;
};

// The most in any span of `per`.
std::size_t MostInAnySpan(const std::vector<Gone>& gone, milliseconds per) {
  std::size_t most = 0;
  std::size_t sum = 0;
  std::deque<Gone> span;
  for (const Gone& one : gone) {
    span.push_back(one);
    sum += one.amount;
    while (one.at - span.front().at >= per) {
      sum -= span.front().amount;
      span.pop_front();
    }
    most = std::max(most, sum);
  }
  return most;
}

struct HeldCase {
  const char* name;
  Rate rate;
  std::size_t workers;
  bool several;
};

class RateHeldTest : public ::testing::TestWithParam<HeldCase> {};

// Several workers, whose shares change now and then, try at random times.
TEST_P(RateHeldTest, InAnySpanAndOverAllWorkers) {
  const auto& [name, rate, workers, several] = GetParam();
  std::minstd_rand random(7);
  const auto share_of = [&](std::size_t worker, std::size_t first) {
    const std::size_t rank = (worker + workers - first) % workers;
    return rate.count / workers + (rank < rate.count % workers ? 1 : 0);
  };
  std::vector<RateLimit> limits;
  for (std::size_t i = 0; i < workers; ++i) limits.emplace_back(rate, share_of(i, 0), kNow, several);
  std::vector<Gone> gone;
  std::size_t total = 0;
  BootTime now = kNow;
  const auto step =
      std::chrono::duration_cast<BootClock::duration>(rate.per) / static_cast<long>(rate.count * 7);
  for (int i = 0; i < 200'000; ++i) {
    now += step * static_cast<long>(random() % 5 + 1) / 3;
    RateLimit& limit = limits[random() % workers];
    if (!limit.MayGo(now)) continue;
    const std::size_t amount = several ? random() % limit.most_at_once() + 1 : 1;
    limit.Went(amount, now);
    gone.push_back({now, amount});
    total += amount;
  }
  EXPECT_LE(MostInAnySpan(gone, rate.per), rate.count);
  const double spans = static_cast<double>((now - kNow).count()) /
                       static_cast<double>(std::chrono::duration_cast<BootClock::duration>(rate.per).count());
  EXPECT_GT(static_cast<double>(total), 0.5 * spans * static_cast<double>(rate.count))
      << "it is used as well";
}

// One worker's part changes hands for a short or a long time; never is it in two hands.
TEST_P(RateHeldTest, WhilePartsChangeHands) {
  const auto& [name, rate, workers, several] = GetParam();
  std::minstd_rand random(11);
  const std::size_t first = rate.count - rate.count / 2;
  RateLimit a(rate, first, kNow, several);
  RateLimit b(rate, rate.count - first, kNow, several);
  const auto unit =
      std::chrono::duration_cast<BootClock::duration>(rate.per) / static_cast<long>(rate.count * 20);
  BootTime now = kNow;
  std::vector<Gone> gone;
  bool away = false;
  BootTime change_at = now;
  for (int i = 0; i < 200'000; ++i) {
    now += unit * static_cast<long>(random() % 3 + 1);
    if (now >= change_at) {
      away = !away;
      // Who gets less does first.
      if (!away) b.Share(rate.count - first, now);
      a.Share(away ? 0 : first, now);
      if (away) b.Share(rate.count, now);
      change_at = now + unit * static_cast<long>(random() % 4 == 0 ? random() % 900 : random() % 30);
    }
    for (RateLimit* limit : {&a, &b}) {
      if (!limit->MayGo(now)) continue;
      const std::size_t amount = several ? random() % limit->most_at_once() + 1 : 1;
      limit->Went(amount, now);
      gone.push_back({now, amount});
    }
  }
  // Where both have a part, what each has paid for by waiting is rounded.
  const std::size_t rounded = first < rate.count ? 1 : 0;
  EXPECT_LE(MostInAnySpan(gone, rate.per), rate.count + rounded);
}

INSTANTIATE_TEST_SUITE_P(All, RateHeldTest,
                         ::testing::Values(HeldCase{"OneAMinute", kOneAMinute, 1, false},
                                           HeldCase{"OneAMinuteOfFour", kOneAMinute, 4, false},
                                           HeldCase{"SevenOfThree", {7, minutes(1)}, 3, false},
                                           HeldCase{"ManyOfFour", {600, minutes(1)}, 4, false},
                                           HeldCase{"Recipients", {600, minutes(1)}, 1, true},
                                           HeldCase{"RecipientsOfThree", {100, minutes(1)}, 3, true}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace goniec::outbound
