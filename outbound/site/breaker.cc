#include "outbound/site/breaker.h"

#include <algorithm>
#include <cmath>

#include "common/queue/model/timestamps.h"

namespace goniec::outbound {
namespace {

using Word = queue::v1::SiteWord;
using std::chrono::milliseconds;

// A pause is a quarter longer than the one before: mail waits, after its site is back, for about a quarter of
// the outage at most.
constexpr double kGrowth = 1.25;
// A flap costs two attempts, one that worked and one that did not.
constexpr double kGrowthOfFlap = 2;

// A site that has failed for the `failures`th time in a row, and flapped.
milliseconds PauseOf(std::uint32_t failures, std::uint32_t flaps, double random) {
  const milliseconds longest = flaps > 0 ? milliseconds(kLongestFlapPause) : milliseconds(kLongestPause);
  const double grown = std::pow(kGrowth, std::max(failures, 1U) - 1) * std::pow(kGrowthOfFlap, flaps);
  const double pause = std::min(static_cast<double>(milliseconds(kFirstProbe).count()) * grown,
                                static_cast<double>(longest.count()));
  return milliseconds(std::llround(pause * (0.9 + random / 5)));
}

Word Next(const std::optional<Word>& word, Word::State state, WallTime now) {
  Word next = word.value_or(Word{});
  next.set_version(kWordVersion);
  next.set_state(state);
  next.set_epoch(next.epoch() + 1);
  *next.mutable_since() = queue::ToProto(now);
  next.clear_next_probe_time();
  return next;
}

void CloseUntilProbe(Word& word, WallTime now, double random) {
  *word.mutable_next_probe_time() = queue::ToProto(now + PauseOf(word.failures(), word.flaps(), random));
}

}  // namespace

std::optional<Word> ParseWord(std::string_view stored) {
  Word word;
  if (!word.ParseFromArray(stored.data(), static_cast<int>(stored.size()))) return std::nullopt;
  if (word.version() != kWordVersion) return std::nullopt;
  switch (word.state()) {
    case Word::STATE_OPEN:
    case Word::STATE_CLOSED:
    case Word::STATE_PROBING:
      return word;
    default:
      return std::nullopt;
  }
}

bool IsLaterWord(std::string_view stored) {
  Word word;
  return word.ParseFromArray(stored.data(), static_cast<int>(stored.size())) && word.version() > kWordVersion;
}

SiteWord ViewOf(const Word& word) {
  switch (word.state()) {
    case Word::STATE_CLOSED:
      return {SiteState::kClosed, word.epoch()};
    case Word::STATE_PROBING:
      return {SiteState::kProbing, word.epoch()};
    default:
      return {SiteState::kOpen, word.epoch()};
  }
}

std::optional<Word> AfterFailure(const std::optional<Word>& word, std::string_view site, std::uint64_t epoch,
                                 const queue::v1::Outcome& outcome, WallTime now, double random) {
  const SiteWord was = word ? ViewOf(*word) : SiteWord{};
  if (was.state == SiteState::kClosed || was.epoch != epoch) return std::nullopt;
  Word next = Next(word, Word::STATE_CLOSED, now);
  if (was.state == SiteState::kProbing) {
    next.set_failures(word->failures() + 1);
  } else if (word && now - queue::FromProto(word->since()) < kStayedOpen) {
    next.set_failures(word->failures() + 1);
    next.set_flaps(word->flaps() + 1);
  } else {
    next.set_failures(1);
    next.set_flaps(0);
  }
  next.set_site(std::string(site));
  *next.mutable_last_failure() = outcome;
  CloseUntilProbe(next, now, random);
  return next;
}

std::optional<Word> AfterSuccess(const std::optional<Word>& word, std::uint64_t epoch, WallTime now) {
  if (!word || word->state() != Word::STATE_PROBING || word->epoch() != epoch) return std::nullopt;
  return Next(word, Word::STATE_OPEN, now);
}

std::optional<Word> BeginProbe(const std::optional<Word>& word, std::string_view keeper, WallTime now) {
  if (!word || word->state() != Word::STATE_CLOSED) return std::nullopt;
  if (queue::FromProto(word->next_probe_time()) > now) return std::nullopt;
  Word next = Next(word, Word::STATE_PROBING, now);
  next.set_writer(std::string(keeper));
  return next;
}

std::optional<Word> ProbeLost(const std::optional<Word>& word, std::uint64_t epoch, WallTime now,
                              double random) {
  if (!word || word->state() != Word::STATE_PROBING || word->epoch() != epoch) return std::nullopt;
  Word next = Next(word, Word::STATE_CLOSED, now);
  CloseUntilProbe(next, now, random);
  return next;
}

std::optional<Word> Contradicted(const std::optional<Word>& word, std::uint64_t epoch, WallTime now) {
  if (!word || word->state() != Word::STATE_CLOSED || word->epoch() != epoch) return std::nullopt;
  return Next(word, Word::STATE_OPEN, now);
}

bool IsForgettable(const Word& word, WallTime now) {
  const auto age = now - queue::FromProto(word.since());
  switch (word.state()) {
    case Word::STATE_OPEN:
      return age > kOpenForgotten;
    case Word::STATE_CLOSED:
      return age > kClosedForgotten;
    default:
      return false;
  }
}

}  // namespace goniec::outbound
