#include "outbound/deliver/site_pace.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

// The pace is an average over about so long.
constexpr double kMemory = 2;
// It is known after so long, or after so many mails.
constexpr milliseconds kLearning(300);
constexpr int kEnough = 50;

// A site always has as many waiting that its connections find work.
constexpr std::size_t kAlways = 5;
constexpr std::size_t kPartOfFree = 4;

double Decayed(double weight, BootTime from, BootTime to) {
  return weight * std::exp(-std::max(0.0, Seconds(to - from).count()) / kMemory);
}

}  // namespace

void SitePace::Waiting(bool waiting, BootTime now) {
  if (waiting == waiting_) return;
  waiting_ = waiting;
  Restart(now);
}

void SitePace::Restart(BootTime now) {
  since_ = now;
  finished_ = 0;
  weight_ = 0;
  weighed_at_ = now;
}

void SitePace::Finished(BootTime now) {
  if (!waiting_) return;
  weight_ = Decayed(weight_, weighed_at_, now) + 1;
  weighed_at_ = now;
  ++finished_;
}

std::optional<double> SitePace::PerSecond(BootTime now) const {
  if (!waiting_) return std::nullopt;
  if (now - since_ < kLearning && finished_ < kEnough) return std::nullopt;
  // What the weight would be at one mail a second: less than kMemory while it has not gone on for long.
  const double elapsed = std::max(0.001, Seconds(now - since_).count());
  return Decayed(weight_, weighed_at_, now) / (kMemory * (1 - std::exp(-elapsed / kMemory)));
}

std::size_t MostWaiting(const WaitingLimits& limits, std::optional<double> per_second,
                        std::size_t waiting_elsewhere) {
  if (!per_second) return std::numeric_limits<std::size_t>::max();
  const auto soon = static_cast<std::size_t>(*per_second * Seconds(limits.max_wait / 2).count());
  const std::size_t left = limits.slots > waiting_elsewhere ? limits.slots - waiting_elsewhere : 0;
  return std::max({kAlways, soon, std::min(limits.mails_per_site, left / kPartOfFree)});
}

}  // namespace goniec::outbound
