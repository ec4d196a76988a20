#include "outbound/consume/restart_guard.h"

#include <algorithm>

namespace goniec::outbound {
namespace {

// Between the server's clock and ours: services whose clocks are further apart are unready.
constexpr std::chrono::seconds kClockSlack{10};
// Reading a large store takes a server minutes at most.
constexpr std::chrono::minutes kLongRecovery{10};

}  // namespace

void RestartGuard::Learn(const queue::Durability& durability, const std::vector<WallTime>& starts,
                         WallTime now) {
  starts_.clear();
  moment_until_ = WallTime::min();
  if (durability.replicas > 1) {
    stored_before_ = WallTime::min();
    until_ = WallTime::min();
    return;
  }
  if (!durability.latest_start) {
    stored_before_ = now + kClockSlack;
    until_ = now + ack_wait_;
    return;
  }
  const WallTime latest = *durability.latest_start;
  stored_before_ = latest;
  starts_ = starts.empty() ? std::vector{latest} : starts;
  // Ours is the clock that decides when the time is over.
  ahead_ = durability.clock_offset.value_or(std::chrono::milliseconds(0));
  until_ = latest - ahead_ + ack_wait_;
  // A server that took long to come back: whoever still has outcomes to tell gets a moment to do so.
  if (now - (latest - ahead_) >= kLongRecovery) return;
  until_ = std::max(until_, now + ack_wait_ / 3);
  // A short one where records wait since an earlier start: it must not be longer than such a server lives.
  moment_until_ = now + ack_wait_ / 12;
}

// By our clock. A start decides if somebody may have got the record since the start before that decided.
WallTime RestartGuard::FreeFrom(WallTime stored_at) const {
  WallTime free = WallTime::min();
  bool by_latest = starts_.empty();
  for (const WallTime start : starts_) {
    if (start <= stored_at || start <= free) continue;
    free = start + ack_wait_;
    by_latest = start == starts_.back();
  }
  return by_latest ? until_ : std::max(free - ahead_, moment_until_);
}

std::optional<std::chrono::milliseconds> RestartGuard::PutBackFor(const queue::DeliveryInfo& info,
                                                                  WallTime now) const {
  if (!MustLook(info)) return std::nullopt;
  const WallTime free = FreeFrom(info.stored_at);
  if (now >= free) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(free - now);
  return std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(1), ack_wait_);
}

}  // namespace goniec::outbound
