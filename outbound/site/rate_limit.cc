#include "outbound/site/rate_limit.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/units.h"

namespace goniec::outbound {
namespace {

constexpr std::size_t kMostInATime = 1'000'000;
constexpr std::chrono::seconds kShortest(1);
constexpr std::chrono::hours kLongest(24);
// Of an amount that goes in one go, this part of the whole at most.
constexpr std::size_t kPartAtOnce = 10;

}  // namespace

absl::StatusOr<Rate> ParseRate(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", Printable(text, 80), "\" is not a rate; use for example 600/1m (1 to 1000000 in 1s to 1d)"));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong();
  Rate rate;
  const std::string_view count = text.substr(0, slash);
  const bool digits =
      !count.empty() && std::all_of(count.begin(), count.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(std::string(count), &rate.count)) return wrong();
  const absl::StatusOr<std::chrono::milliseconds> per = config::ParseDuration(text.substr(slash + 1));
  if (!per.ok() || *per < kShortest || *per > kLongest) return wrong();
  if (rate.count == 0 || rate.count > kMostInATime) return wrong();
  rate.per = *per;
  return rate;
}

std::string FormatRate(const Rate& rate) {
  return absl::StrCat(rate.count, "/", config::FormatDuration(rate.per));
}

RateLimit::RateLimit(const Rate& rate, std::size_t ours, BootTime since, bool several)
    : rate_(rate), several_(several), next_(since) {
  Share(ours, since);
}

std::size_t RateLimit::most_at_once() const {
  if (ours_ == 0) return 0;
  return several_ ? std::max<std::size_t>(1, ours_ / kPartAtOnce) : 1;
}

// In any span of `per` there is the last that went before it is over, whatever its size, and what was paid
// for by waiting: at most (ours - most_at_once) of it.
BootClock::duration RateLimit::Interval() const {
  const std::size_t paid = ours_ - most_at_once() + 1;
  return BootClock::duration(std::chrono::duration_cast<BootClock::duration>(rate_.per)) /
             static_cast<BootClock::rep>(paid) +
         BootClock::duration(1);
}

// The shortest first wait (Share) of any share. What may go several at a time waits for as many: the shortest
// is that of the largest share of which only one may.
BootClock::duration RateLimit::Unused() const {
  const std::size_t largest = several_ ? std::min(rate_.count, 2 * kPartAtOnce - 1) : rate_.count;
  return std::chrono::duration_cast<BootClock::duration>(rate_.per) /
         static_cast<BootClock::rep>(std::max<std::size_t>(largest, 1));
}

void RateLimit::Share(std::size_t ours, BootTime now) {
  const bool more = ours > ours_;
  // Who has had it for a moment only has it because another was away for a moment.
  const bool for_long = now - held_since_ >= Unused();
  if (ours < ours_ && !fallen_ && for_long) fallen_ = Fallen{ours_, now};
  ours_ = ours;
  if (!more) return;
  const bool still_ours = fallen_ && ours <= fallen_->from && now - fallen_->at < Unused();
  if (!still_ours || ours == fallen_->from) fallen_.reset();
  if (still_ours) return;
  held_since_ = now;
  next_ = std::max(next_, now + Interval() * static_cast<BootClock::rep>(most_at_once()));
}

void RateLimit::Went(std::size_t amount, BootTime now) {
  next_ = now + Interval() * static_cast<BootClock::rep>(amount);
}

}  // namespace goniec::outbound
