#include "tests/support/load/schedule.h"

#include <limits>

namespace goniec::load {
namespace {

constexpr double kNanoseconds = 1e9;

}  // namespace

Schedule::Schedule(const Options& options)
    : rate_(options.rate),
      duration_(options.duration),
      mails_(options.mails == 0 ? std::numeric_limits<std::uint64_t>::max() : options.mails) {}

Schedule::Time Schedule::DueOf(std::uint64_t number) const {
  return Time(static_cast<std::int64_t>(static_cast<double>(number) * kNanoseconds / rate_));
}

std::optional<Schedule::Time> Schedule::NextDue(Time now) const {
  if (taken_ >= mails_) return std::nullopt;
  const Time due = rate_ > 0 ? DueOf(taken_) : now;
  // A mail that fell due in time is sent, however late it gets its turn.
  if (duration_.count() > 0 && due >= duration_) return std::nullopt;
  return due;
}

bool Schedule::HasDue(Time now) const {
  const std::optional<Time> due = NextDue(now);
  return due.has_value() && *due <= now;
}

std::optional<Schedule::Mail> Schedule::Take(Time now) {
  if (!HasDue(now)) return std::nullopt;
  const Mail mail{.number = taken_, .due = *NextDue(now)};
  ++taken_;
  return mail;
}

}  // namespace goniec::load
