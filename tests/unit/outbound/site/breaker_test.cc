#include "outbound/site/breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/queue/model/timestamps.h"

namespace goniec::outbound {
namespace {

using queue::FromProto;
using queue::v1::Outcome;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Word = queue::v1::SiteWord;

const WallTime kNow{hours(400'000)};
constexpr char kSite[] = "mx:mx.example:25";
constexpr double kMiddle = 0.5;

Outcome Refused() {
  Outcome outcome;
  outcome.set_reason(queue::v1::REASON_CONNECTION_FAILED);
  outcome.set_text("connection refused");
  return outcome;
}

Word Made(Word::State state, std::uint64_t epoch, WallTime since = kNow) {
  Word word;
  word.set_version(kWordVersion);
  word.set_state(state);
  word.set_epoch(epoch);
  word.set_site(kSite);
  word.set_failures(3);
  *word.mutable_since() = queue::ToProto(since);
  if (state == Word::STATE_CLOSED) *word.mutable_next_probe_time() = queue::ToProto(since + seconds(5));
  return word;
}

std::optional<Word> Fail(const std::optional<Word>& word, std::uint64_t epoch, WallTime now = kNow) {
  return AfterFailure(word, kSite, epoch, Refused(), now, kMiddle);
}

TEST(BreakerTest, TheFirstFailureOfAnUnknownSiteClosesIt) {
  const std::optional<Word> word = Fail(std::nullopt, 0);
  ASSERT_TRUE(word);
  EXPECT_EQ(word->version(), 1U);
  EXPECT_EQ(word->state(), Word::STATE_CLOSED);
  EXPECT_EQ(word->epoch(), 1U);
  EXPECT_EQ(word->site(), kSite);
  EXPECT_EQ(FromProto(word->since()), kNow);
  EXPECT_EQ(FromProto(word->next_probe_time()), kNow + kFirstProbe);
  EXPECT_EQ(word->failures(), 1U);
  EXPECT_EQ(word->flaps(), 0U);
  EXPECT_EQ(word->last_failure().text(), "connection refused");
}

TEST(BreakerTest, WhatChangesAWordAndWhatDoesNot) {
  enum What { kFailure, kSuccess, kProbe, kLost, kContradiction };
  struct {
    const char* name;
    What what;
    std::optional<Word> word;
    std::uint64_t epoch;
    std::optional<Word::State> then;
  } const rows[] = {
      {"open, a failure of its epoch", kFailure, Made(Word::STATE_OPEN, 7), 7, Word::STATE_CLOSED},
      {"open, a failure from before", kFailure, Made(Word::STATE_OPEN, 7), 6, {}},
      {"open, a failure from before there was a word", kFailure, Made(Word::STATE_OPEN, 7), 0, {}},
      {"open, a failure from a word that is gone", kFailure, {}, 7, {}},
      {"closed, a failure of its epoch", kFailure, Made(Word::STATE_CLOSED, 7), 7, {}},
      {"closed, a failure from before", kFailure, Made(Word::STATE_CLOSED, 7), 6, {}},
      {"probing, the probe failed", kFailure, Made(Word::STATE_PROBING, 7), 7, Word::STATE_CLOSED},
      {"probing, a failure from before", kFailure, Made(Word::STATE_PROBING, 7), 5, {}},
      {"no word, a success", kSuccess, {}, 0, {}},
      {"open, a success", kSuccess, Made(Word::STATE_OPEN, 7), 7, {}},
      {"closed, a success of its epoch", kSuccess, Made(Word::STATE_CLOSED, 7), 7, {}},
      {"closed, a success from before", kSuccess, Made(Word::STATE_CLOSED, 7), 6, {}},
      {"probing, the probe worked", kSuccess, Made(Word::STATE_PROBING, 7), 7, Word::STATE_OPEN},
      {"probing, an earlier probe worked", kSuccess, Made(Word::STATE_PROBING, 7), 5, {}},
      {"probing, a success from before all", kSuccess, Made(Word::STATE_PROBING, 7), 0, {}},
      {"no word is not probed", kProbe, {}, 0, {}},
      {"open is not probed", kProbe, Made(Word::STATE_OPEN, 7), 0, {}},
      {"probing is not probed twice", kProbe, Made(Word::STATE_PROBING, 7), 0, {}},
      {"closed, not due", kProbe, Made(Word::STATE_CLOSED, 7, kNow - milliseconds(4'999)), 0, {}},
      {"closed, due", kProbe, Made(Word::STATE_CLOSED, 7, kNow - seconds(5)), 0, Word::STATE_PROBING},
      {"no probe to be lost", kLost, Made(Word::STATE_CLOSED, 7), 7, {}},
      {"open, no probe to be lost", kLost, Made(Word::STATE_OPEN, 7), 7, {}},
      {"an earlier probe is lost", kLost, Made(Word::STATE_PROBING, 7), 5, {}},
      {"no word to contradict", kContradiction, {}, 7, {}},
      {"open, nothing to contradict", kContradiction, Made(Word::STATE_OPEN, 7), 7, {}},
      {"closed, and contradicted", kContradiction, Made(Word::STATE_CLOSED, 7), 7, Word::STATE_OPEN},
      {"closed anew since", kContradiction, Made(Word::STATE_CLOSED, 9), 7, {}},
      {"probed by now", kContradiction, Made(Word::STATE_PROBING, 7), 7, {}},
      {"the probe is lost", kLost, Made(Word::STATE_PROBING, 7), 7, Word::STATE_CLOSED},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    std::optional<Word> then;
    switch (row.what) {
      case kFailure:
        then = Fail(row.word, row.epoch);
        break;
      case kSuccess:
        then = AfterSuccess(row.word, row.epoch, kNow);
        break;
      case kProbe:
        then = BeginProbe(row.word, "keeper", kNow);
        break;
      case kLost:
        then = ProbeLost(row.word, row.epoch, kNow, kMiddle);
        break;
      case kContradiction:
        then = Contradicted(row.word, row.epoch, kNow);
        break;
    }
    ASSERT_EQ(then.has_value(), row.then.has_value());
    if (!then) continue;
    EXPECT_EQ(then->state(), *row.then);
    EXPECT_EQ(then->epoch(), row.word->epoch() + 1);
    EXPECT_EQ(FromProto(then->since()), kNow);
    EXPECT_EQ(then->has_next_probe_time(), *row.then == Word::STATE_CLOSED);
  }
}

TEST(BreakerTest, PausesGrowByAQuarterUpToTheirLimit) {
  std::optional<Word> word = Fail(std::nullopt, 0);
  std::vector<std::int64_t> pauses;
  WallTime now = kNow;
  for (int i = 0; i < 21; ++i) {
    const WallTime due = FromProto(word->next_probe_time());
    pauses.push_back(std::chrono::duration_cast<seconds>(due - now).count());
    // Mail of a site that is back waits for its next probe.
    EXPECT_LE(due - now, kFirstProbe + (now - kNow) / 4 + milliseconds(1));
    now = due;
    word = BeginProbe(word, "keeper", now);
    ASSERT_TRUE(word);
    word = Fail(word, word->epoch(), now);
    ASSERT_TRUE(word);
  }
  EXPECT_THAT(pauses, testing::ElementsAre(5, 6, 7, 9, 12, 15, 19, 23, 29, 37, 46, 58, 72, 90, 113, 142, 177,
                                           222, 277, 300, 300));
}

TEST(BreakerTest, PausesVaryByAFifth) {
  const auto pause = [](double random) {
    return FromProto(AfterFailure({}, kSite, 0, Refused(), kNow, random)->next_probe_time()) - kNow;
  };
  EXPECT_EQ(pause(0), milliseconds(4'500));
  EXPECT_NEAR(static_cast<double>(std::chrono::duration_cast<milliseconds>(pause(0.9999)).count()), 5'500, 1);
}

TEST(BreakerTest, AnyNumberOfFailuresIsAPause) {
  Word word = Made(Word::STATE_PROBING, 7);
  word.set_failures(0xffff'fffe);
  word.set_flaps(0xffff'ffff);
  EXPECT_EQ(FromProto(Fail(word, 7)->next_probe_time()) - kNow, kLongestFlapPause);
}

TEST(BreakerTest, ALostProbeChangesThePauseAsLittleAsItTellsOfTheSite) {
  std::optional<Word> word = Made(Word::STATE_PROBING, 7);
  for (int i = 0; i < 5; ++i) {
    word = ProbeLost(word, word->epoch(), kNow, kMiddle);
    ASSERT_TRUE(word);
    EXPECT_EQ(FromProto(word->next_probe_time()), kNow + milliseconds(7'813));
    EXPECT_EQ(word->failures(), 3U);
    word->set_state(Word::STATE_PROBING);
  }
}

TEST(BreakerTest, AContradictionForgetsNothing) {
  Word closed = Made(Word::STATE_CLOSED, 7);
  closed.set_flaps(2);
  const std::optional<Word> open = Contradicted(closed, 7, kNow);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->flaps(), 2U);
  EXPECT_EQ(open->failures(), 3U);
}

TEST(BreakerTest, OpeningDoesNotForgetWhatFailed) {
  const std::optional<Word> open = AfterSuccess(Made(Word::STATE_PROBING, 7), 7, kNow);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->failures(), 3U);
  const std::optional<Word> soon = Fail(open, 8, kNow + kStayedOpen - milliseconds(1));
  EXPECT_EQ(soon->failures(), 4U);
  EXPECT_EQ(soon->flaps(), 1U);
  const std::optional<Word> late = Fail(open, 8, kNow + kStayedOpen);
  EXPECT_EQ(late->failures(), 1U);
  EXPECT_EQ(late->flaps(), 0U);
  EXPECT_EQ(FromProto(late->next_probe_time()), kNow + kStayedOpen + kFirstProbe);
}

// Attempts in an hour at a site that is up for `up` of each period: probes, and (while it is open) a mail
// each second, of which each that fails is an attempt in vain. What is delivered while it works is none.
int AttemptsInAnHour(seconds up, seconds period, seconds phase, double random) {
  int attempts = 0;
  std::optional<Word> word;
  for (milliseconds at{0}; at < hours(1); at += seconds(1)) {
    const WallTime now = kNow + at;
    const bool works = (at + phase) % period < up;
    const SiteWord view = word ? ViewOf(*word) : SiteWord{};
    if (view.state == SiteState::kOpen) {
      if (works) continue;
      ++attempts;
      word = AfterFailure(word, kSite, view.epoch, Refused(), now, random);
    } else if (auto probing = BeginProbe(word, "keeper", now)) {
      ++attempts;
      word = works ? AfterSuccess(probing, probing->epoch(), now)
                   : AfterFailure(probing, kSite, probing->epoch(), Refused(), now, random);
    }
  }
  return attempts;
}

// One that no probe happens to find up for most of the hour is as good as dead, and may see one attempt more.
TEST(BreakerTest, AFlappingSiteIsAttemptedLessOftenThanADeadOne) {
  int flapping = 0;
  int dead = 0;
  for (const double random : {0.0, 0.2, 0.5, 0.7, 0.99}) {
    const int as_dead = AttemptsInAnHour(seconds(0), seconds(35), seconds(0), random);
    EXPECT_GT(as_dead, 20);
    EXPECT_LT(as_dead, 35);
    for (int phase = 0; phase < 35; ++phase) {
      const int attempts = AttemptsInAnHour(seconds(5), seconds(35), seconds(phase), random);
      EXPECT_LE(attempts, as_dead + 1) << phase << " " << random;
      flapping += attempts;
      dead += as_dead;
    }
  }
  EXPECT_LT(flapping, dead * 85 / 100);
}

TEST(BreakerTest, WordsAreReadOnlyIfThisVersionKnowsThem) {
  const Word good = Made(Word::STATE_CLOSED, 7);
  ASSERT_TRUE(ParseWord(good.SerializeAsString()));
  EXPECT_EQ(ViewOf(*ParseWord(good.SerializeAsString())).state, SiteState::kClosed);
  Word later = good;
  later.set_version(2);
  Word unknown = good;
  unknown.set_state(static_cast<Word::State>(9));
  Word unset = good;
  unset.clear_state();
  struct {
    const char* name;
    std::string stored;
    bool later;
  } const rows[] = {
      {"a later version", later.SerializeAsString(), true},
      {"an unknown state", unknown.SerializeAsString(), false},
      {"no state", unset.SerializeAsString(), false},
      {"nothing", "", false},
      {"no protobuf", "\xff\xff\xff", false},
      {"cut short", good.SerializeAsString().substr(0, good.ByteSizeLong() - 3), false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_FALSE(ParseWord(row.stored));
    EXPECT_EQ(IsLaterWord(row.stored), row.later);
  }
}

TEST(BreakerTest, WhatIsForgotten) {
  EXPECT_FALSE(IsForgettable(Made(Word::STATE_OPEN, 7), kNow + kOpenForgotten));
  EXPECT_TRUE(IsForgettable(Made(Word::STATE_OPEN, 7), kNow + kOpenForgotten + seconds(1)));
  EXPECT_FALSE(IsForgettable(Made(Word::STATE_CLOSED, 7), kNow + kClosedForgotten));
  EXPECT_TRUE(IsForgettable(Made(Word::STATE_CLOSED, 7), kNow + kClosedForgotten + seconds(1)));
  EXPECT_FALSE(IsForgettable(Made(Word::STATE_PROBING, 7), kNow + hours(1'000)));
}

}  // namespace
}  // namespace goniec::outbound
